//! The log of a server, on standard error.

use std::io::{self, BufWriter, IsTerminal};

use tracing::Level;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt;

use crate::config::{Log, LogFormat, LogLevel};

/// Lines that wait to be written. A log that nobody reads must not hold up mail, so beyond these
/// lines are dropped; they take about 2 MiB.
const LINES_MAX: usize = 8192;

/// Writes what is left of the log when it is dropped.
#[must_use]
pub(crate) struct LogEnd {
    _writer: WorkerGuard,
}

/// Starts logging; from now on everybody's events go to standard error, by a thread of their own.
pub(crate) fn start(settings: &Log) -> LogEnd {
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
    let (writer, end) = NonBlockingBuilder::default()
        .buffered_lines_limit(LINES_MAX)
        .lossy(true)
        .thread_name("log")
        .finish(BufWriter::new(io::stderr()));
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
    LogEnd { _writer: end }
}
