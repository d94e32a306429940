//! `prixfixe ipc call`.

use std::io::{self, IsTerminal, Write};

use clap::Args;
use prixfixe_ipc::{Address, Client};

use super::in_words;
use crate::cli::Outcome;
use crate::config::Duration;

/// Make one call and print the reply
///
/// Exit code 1 and a line that says why when there is no reply: the server refused, or the call
/// failed and was or was not executed.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: prixfixe ipc call /tmp/echo.sock hello\n          \
    prixfixe ipc call /tmp/echo.sock hello --type 7 --timeout 200ms"
)]
pub(super) struct Call {
    /// The server to call
    #[arg(value_name = "PATH")]
    address: Address,

    /// What to send
    #[arg(value_name = "TEXT")]
    text: String,

    /// The type of the message, for a server that knows several
    #[arg(long = "type", value_name = "NUMBER", default_value_t = 0)]
    message_type: u32,

    /// How long the call may take
    #[arg(long, value_name = "TIME", default_value = "30s")]
    timeout: Duration,
}

impl Call {
    /// Calls, and prints what came back.
    pub(super) fn run(self) -> io::Result<Outcome> {
        let mut client = Client::connect(&self.address)
            .map_err(|error| io::Error::other(format!("{}: {}", self.address, in_words(&error))))?;
        let call = prixfixe_ipc::Call::new(self.text.as_bytes())
            .message_type(self.message_type)
            .timeout(self.timeout.get());
        let reply = client
            .call(call)
            .completed()
            .map_err(|error| in_words(&error))?;
        let mut out = io::stdout();
        out.write_all(reply)?;
        if out.is_terminal() && reply.last() != Some(&b'\n') {
            out.write_all(b"\n")?;
        }
        out.flush()?;
        Ok(Outcome::Done)
    }
}
