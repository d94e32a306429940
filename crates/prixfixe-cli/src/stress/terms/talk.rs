//! Who talks to whom, and by which commands.

use std::num::NonZeroU32;

use clap::{Args, value_parser};
use prixfixe_load::plan::Dialogue;

#[derive(Debug, Args)]
#[command(next_help_heading = "Dialogue")]
pub(super) struct TalkFlags {
    /// The name in EHLO
    #[arg(long, value_name = "NAME", value_parser = word)]
    helo: Option<String>,

    /// The sender
    #[arg(long, value_name = "ADDRESS", value_parser = word)]
    from: Option<String>,

    /// The first recipient; the others get +1, +2, … behind their local part
    #[arg(long, value_name = "ADDRESS", value_parser = word)]
    to: Option<String>,

    /// How many recipients each message has
    #[arg(long, value_name = "COUNT")]
    recipients: Option<NonZeroU32>,

    /// How many messages a connection carries before QUIT [default: as many as come]
    #[arg(long, value_name = "COUNT")]
    pub(super) per_connection: Option<NonZeroU32>,

    /// MAIL, RCPT and DATA in one write, where the server announces PIPELINING
    #[arg(long)]
    pipelining: bool,

    /// Bodies by BDAT, in chunks of so many octets
    #[arg(long, value_name = "OCTETS", num_args = 0..=1, require_equals = true, default_missing_value = "65536")]
    chunking: Option<NonZeroU32>,

    /// Addresses and subjects beyond ASCII
    #[arg(long)]
    smtputf8: bool,

    /// How many threads generate [default: one for each processor]
    #[arg(long, value_name = "COUNT", value_parser = value_parser!(u16).range(1..=1024))]
    pub(super) threads: Option<u16>,
}

impl TalkFlags {
    pub(super) fn dialogue(&self) -> Dialogue {
        let usual = Dialogue::default();
        Dialogue {
            helo: self.helo.clone().unwrap_or(usual.helo),
            sender: self.from.clone().unwrap_or(usual.sender),
            recipient: self.to.clone().unwrap_or(usual.recipient),
            recipients: self.recipients.unwrap_or(usual.recipients),
            pipelining: self.pipelining,
            chunk_octets: self.chunking,
            smtputf8: self.smtputf8,
        }
    }
}

/// What can stand in a command without ending it.
fn word(text: &str) -> Result<String, &'static str> {
    if text.contains(|character: char| character.is_control() || character == ' ') {
        return Err("without spaces and line ends");
    }
    Ok(text.trim_matches(['<', '>']).to_owned())
}
