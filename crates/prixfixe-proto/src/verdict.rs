//! What the application decides, as values.

use std::{fmt, str::FromStr};

use crate::Refusal;

/// The answer to a question about a connection, a HELO, a sender or a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Go on.
    Accept,
    /// Answer with this; 421 also ends the session.
    Refuse(Refusal),
}

/// The answer to a whole message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub enum MessageVerdict {
    /// The message is where it has to be and survives a crash; the client is told its id.
    Accept(QueueId),
    /// The message was not taken.
    Refuse(Refusal),
    /// An answer for each recipient, in the order of the envelope; nothing stands for accepted.
    /// Who was accepted is told the id. Where the client hears one answer for all (neither LMTP
    /// nor PRDR, see [`Session::replies_per_recipient`](crate::Session::replies_per_recipient)),
    /// answers that differ become 451, and a client that tries again sends to all again.
    Each(QueueId, Vec<Option<Refusal>>),
}

/// The answer to a step of AUTH.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub enum AuthVerdict {
    /// The exchange goes on with this challenge, which the session encodes.
    Challenge(Vec<u8>),
    /// The login has failed, and the mechanism says why in one last challenge. Whatever the client
    /// answers is refused as after [`Refuse`](Self::Refuse) with
    /// [`Refusal::authentication_failed`], and nobody is asked about it.
    Explain(Vec<u8>),
    /// The client is who it says.
    Success,
    /// It is not, or cannot be asked; counted as a failed login unless it is temporary.
    Refuse(Refusal),
}

impl From<Refusal> for Verdict {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}

impl From<Refusal> for MessageVerdict {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}

/// The name of an accepted message, as the client sees it at the end of the final 250.
///
/// One to 64 of `0-9 A-Z a-z -`, so it can stand in a reply, a log line and a file name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct QueueId(Box<str>);

/// The text is no [`QueueId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a queue id is 1 to 64 letters, digits and hyphens")]
pub struct IllegalQueueId;

/// Longest id in octets: it has to fit a reply line with room to spare.
const QUEUE_ID_MAX: usize = 64;

impl QueueId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for QueueId {
    type Err = IllegalQueueId;

    fn from_str(text: &str) -> Result<Self, IllegalQueueId> {
        let legal = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if text.is_empty() || text.len() > QUEUE_ID_MAX || !legal {
            return Err(IllegalQueueId);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_id_is_safe_in_a_reply() {
        assert!("0aZ-9".parse::<QueueId>().is_ok());
        for bad in ["", "a b", "a\r\n", "ä", &"x".repeat(65)] {
            assert_eq!(bad.parse::<QueueId>(), Err(IllegalQueueId), "{bad}");
        }
    }
}
