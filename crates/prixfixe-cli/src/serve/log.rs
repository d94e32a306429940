//! The log of a server, on standard error.

use std::io::{self, IsTerminal};

use tracing::Level;
use tracing_subscriber::fmt;

use crate::config::{Log, LogFormat, LogLevel};

/// Starts logging; from now on everybody's events go to standard error.
pub(crate) fn start(settings: &Log) {
    let level = match settings.level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    };
    let terminal = io::stderr().is_terminal();
    let human = match settings.format {
        LogFormat::Auto => terminal,
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    let builder = fmt().with_max_level(level).with_writer(io::stderr).with_ansi(terminal);
    if human {
        builder.with_target(false).init();
    } else {
        builder.json().flatten_event(true).with_current_span(false).init();
    }
}
