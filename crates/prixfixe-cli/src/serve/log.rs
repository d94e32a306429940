//! The log of a server, on standard error.

use std::io::{self, IsTerminal};

use tracing::Level;
use tracing_subscriber::fmt;

use crate::{
    config::{Log, LogFormat, LogLevel},
    serve::log_writer::{LogEnd, LogWriter},
};

/// Starts logging; from now on everybody's events go to standard error, by a thread of their own.
pub(crate) fn start(settings: &Log) -> io::Result<LogEnd> {
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
    let (writer, end) = LogWriter::start(io::stderr())?;
    let builder = fmt()
        .with_max_level(level)
        .with_writer(writer)
        .with_ansi(terminal);
    if human {
        builder.with_target(false).init();
    } else {
        builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .init();
    }
    Ok(end)
}
