//! `[admin]` and `[log]`.

use crate::config::key::Status::Built;
use crate::config::section::section;
use crate::config::value::{AdminAddress, Switch, choice};

section! {
    /// HTTP for those who run the server.
    pub(crate) struct Admin: Table("admin") {
        /// Where `/healthz` and `/readyz` are served.
        listen: Switch<AdminAddress> = "\"127.0.0.1:8025\"", Built;
    }
}

section! {
    /// The log, on standard error.
    pub(crate) struct Log: Table("log") {
        /// How a line looks; `"auto"` is `"human"` on a terminal and `"json"` elsewhere.
        format: LogFormat = "\"auto\"", Built;
        /// The least important events that are logged.
        level: LogLevel = "\"info\"", Built;
    }
}

choice! {
    /// How a line of the log looks.
    pub(crate) enum LogFormat {
        /// Whatever suits the reader.
        Auto = "auto",
        /// For eyes.
        Human = "human",
        /// For programs.
        Json = "json",
    }
}

choice! {
    /// How important an event is.
    pub(crate) enum LogLevel {
        /// Something failed.
        Error = "error",
        /// Something will fail.
        Warn = "warn",
        /// One event for each session and message.
        Info = "info",
        /// What a developer asks for.
        Debug = "debug",
        /// All there is.
        Trace = "trace",
    }
}
