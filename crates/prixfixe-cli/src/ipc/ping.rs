//! `prixfixe ipc ping`.

use std::io::{self, Write};

use clap::Args;
use prixfixe_ipc::{Address, Connector};

use super::in_words;
use crate::cli::Outcome;
use crate::config::Duration;

/// Ask whether a server works, and print how long its answer took
///
/// The answer comes from the server itself and not from its handler. Exit code 1 when there is none in
/// time, as of a server that is stopped, or whose handler does not return.
#[derive(Debug, Args)]
#[command(after_help = "Examples: prixfixe ipc ping /tmp/echo.sock\n          \
    prixfixe ipc ping @echo --timeout 100ms")]
pub(super) struct Ping {
    /// The server to ask
    #[arg(value_name = "PATH")]
    address: Address,

    /// How long the answer may take
    #[arg(long, value_name = "TIME", default_value = "5s")]
    timeout: Duration,
}

impl Ping {
    /// Asks once.
    pub(super) fn run(self) -> io::Result<Outcome> {
        let took = Connector::new(self.address.clone())
            .ping(self.timeout.get())
            .map_err(|cause| io::Error::other(format!("{}: {}", self.address, in_words(&cause))))?;
        writeln!(io::stdout(), "{} µs", took.as_micros())?;
        Ok(Outcome::Done)
    }
}
