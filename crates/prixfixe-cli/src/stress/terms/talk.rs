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

    /// Over how many addresses messages are spread in turn, so that one which is stored for another's
    /// recipient is seen [default: those of one message; 100 for servers that the lab starts, unless
    /// --to names one]
    #[arg(long, value_name = "COUNT")]
    mailboxes: Option<NonZeroU32>,

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

    /// How many threads generate [default: one for each processor; for every two where a server is
    /// on this machine]
    #[arg(long, value_name = "COUNT", value_parser = value_parser!(u16).range(1..=1024))]
    pub(super) threads: Option<u16>,
}

impl TalkFlags {
    /// The dialogue with servers of the lab, or with others.
    pub(super) fn dialogue(&self, is_own: bool) -> Dialogue {
        let usual = Dialogue::default();
        let recipients = self.recipients.unwrap_or(usual.recipients);
        let spreads = is_own && self.to.is_none();
        let mailboxes = spreads.then(|| OWN_MAILBOXES.max(recipients));
        Dialogue {
            helo: self.helo.clone().unwrap_or(usual.helo),
            sender: self.from.clone().unwrap_or(usual.sender),
            recipient: self.to.clone().unwrap_or(usual.recipient),
            recipients,
            mailboxes: self.mailboxes.or(mailboxes),
            pipelining: self.pipelining,
            chunk_octets: self.chunking,
            smtputf8: self.smtputf8,
        }
    }
}

/// Addresses of a run against servers that take mail for everybody.
const OWN_MAILBOXES: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);

/// What can stand in a command without ending it.
fn word(text: &str) -> Result<String, &'static str> {
    if text.contains(|character: char| character.is_control() || character == ' ') {
        return Err("without spaces and line ends");
    }
    Ok(text.trim_matches(['<', '>']).to_owned())
}
