//! What is known about a message, for programs.

use jiff::Timestamp;
use prixfixe_delivery::sqlite::StoredMessage;
use serde::Serialize;

use super::subject;

/// What is known about a message, as a JSON object.
#[derive(Debug, Serialize)]
pub(crate) struct Record<'a> {
    id: String,
    /// RFC 3339, in universal time.
    received_at: String,
    sender: &'a str,
    recipients: &'a [String],
    /// Decoded; absent in the message, null here.
    subject: Option<String>,
    /// Bytes as they were received.
    size: u64,
    state: &'a str,
    peer: &'a str,
    helo: &'a str,
    protocol: &'a str,
    body_type: &'static str,
    smtputf8: bool,
    bare_newline: bool,
    nul: bool,
    eight_bit: bool,
    normalised: bool,
}

impl<'a> Record<'a> {
    pub(super) fn of(message: &'a StoredMessage) -> Self {
        let received_at = Timestamp::try_from(message.received_at).unwrap_or_default();
        Self {
            id: message.id.to_string(),
            received_at: format!("{received_at:.3}"),
            sender: &message.sender,
            recipients: &message.recipients,
            subject: message
                .subject
                .as_deref()
                .map(|raw| subject::decode(raw).into_owned()),
            size: message.size,
            state: &message.state,
            peer: &message.peer,
            helo: &message.helo,
            protocol: &message.protocol,
            body_type: message.body_type.as_str(),
            smtputf8: message.smtputf8,
            bare_newline: message.marks.bare_newline,
            nul: message.marks.nul,
            eight_bit: message.marks.eight_bit,
            normalised: message.marks.normalised,
        }
    }
}
