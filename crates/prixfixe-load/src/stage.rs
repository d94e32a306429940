//! The steps of a delivery, each of which is timed and can fail.

use serde::{Deserialize, Serialize};

/// A step of a delivery, as results name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// From the first attempt to connect to a connected socket.
    Connect,
    /// From the connected socket to the whole greeting.
    Banner,
    /// The TLS handshake; after STARTTLS the reply to that command is part of it.
    Tls,
    /// EHLO, the second one after STARTTLS included.
    Ehlo,
    /// The whole AUTH exchange.
    Auth,
    /// MAIL and its reply.
    Mail,
    /// All RCPT commands and their replies.
    Rcpt,
    /// DATA and its 354. Without it where a body goes by BDAT.
    DataStart,
    /// From the first octet of the body to the reply that accepts the message.
    DataEnd,
    /// From the first octet of the transaction, or the attempt to connect where a connection
    /// carries one message, to the reply that accepts the message.
    Total,
}

impl Stage {
    /// All of them, in the order of a delivery.
    pub const ALL: [Self; 10] = [
        Self::Connect,
        Self::Banner,
        Self::Tls,
        Self::Ehlo,
        Self::Auth,
        Self::Mail,
        Self::Rcpt,
        Self::DataStart,
        Self::DataEnd,
        Self::Total,
    ];

    /// Its name in results: `data_end`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Banner => "banner",
            Self::Tls => "tls",
            Self::Ehlo => "ehlo",
            Self::Auth => "auth",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::DataStart => "data_start",
            Self::DataEnd => "data_end",
            Self::Total => "total",
        }
    }
}
