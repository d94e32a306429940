//! What can go wrong with a delivery, in classes that can be counted.

use std::fmt;

use serde::{Deserialize, Serialize};

pub use crate::stage::Stage;

/// A delivery that did not end with an acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at {}: {detail}", .stage.name())]
pub struct Failure {
    /// Its class.
    pub kind: FailureKind,
    /// Where it happened.
    pub stage: Stage,
    /// What the server or the system said, for people; at most [`Failure::MOST_DETAIL`] octets.
    pub detail: String,
}

impl Failure {
    /// How much of a reply or an error a failure quotes, in octets: two long reply lines.
    pub const MOST_DETAIL: usize = 1024;

    /// A failure that quotes `detail` as far as there is room. Control characters but the end of a
    /// line become `?`: what a hostile server says must not steer the terminal of who reads it.
    pub fn new(kind: FailureKind, stage: Stage, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if detail.len() > Self::MOST_DETAIL {
            let end = detail.floor_char_boundary(Self::MOST_DETAIL);
            detail.truncate(end);
        }
        let steers = |character: char| character.is_control() && character != '\n';
        if detail.contains(steers) {
            detail = detail.replace(steers, "?");
        }
        Self {
            kind,
            stage,
            detail,
        }
    }
}

/// The classes of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "code")]
#[non_exhaustive]
pub enum FailureKind {
    /// Nobody listens, or no way leads there.
    Refused,
    /// The peer, or something between, reset the connection.
    Reset,
    /// The peer closed the connection where a reply was due.
    Closed,
    /// No answer within the time-out of the stage.
    Timeout,
    /// A 4xx reply, with its code.
    Transient(u16),
    /// A 5xx reply, with its code.
    Permanent(u16),
    /// A reply that is none, or not one to what was asked.
    Protocol,
    /// The TLS handshake failed, or the certificate is not trusted.
    Tls,
    /// The server does not offer what the plan asks for: STARTTLS, AUTH, CHUNKING, SMTPUTF8.
    NotOffered,
    /// The generator's own machine ran out of something: descriptors, ports, memory.
    Local,
    /// The run was stopped before the reply came.
    Stopped,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => formatter.write_str("refused"),
            Self::Reset => formatter.write_str("reset"),
            Self::Closed => formatter.write_str("closed"),
            Self::Timeout => formatter.write_str("timeout"),
            Self::Transient(code) | Self::Permanent(code) => write!(formatter, "{code}"),
            Self::Protocol => formatter.write_str("protocol violation"),
            Self::Tls => formatter.write_str("tls"),
            Self::NotOffered => formatter.write_str("not offered"),
            Self::Local => formatter.write_str("local"),
            Self::Stopped => formatter.write_str("stopped"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_quoted_in_bounds_and_steers_no_terminal() {
        let hostile = format!(
            "550-\u{1b}[2J\n550 \u{9b}31m{}",
            "ü".repeat(Failure::MOST_DETAIL)
        );
        let failure = Failure::new(FailureKind::Permanent(550), Stage::Mail, hostile);
        assert!(
            failure.detail.starts_with("550-?[2J\n550 ?31mü"),
            "{failure}"
        );
        assert!(failure.detail.len() <= Failure::MOST_DETAIL);
    }
}
