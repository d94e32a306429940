//! What travels with a message: where it comes from and whom it is for.

use crate::{ForwardPath, ReversePath};

/// The envelope of a transaction (RFC 5321 section 2.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Envelope {
    /// The sender of MAIL.
    pub reverse_path: ReversePath,
    /// The parameters of MAIL.
    pub parameters: MailParameters,
    /// The accepted recipients, in the order of their RCPT; at most `Limits::recipients`.
    pub recipients: Vec<Recipient>,
}

/// The parameters of MAIL (RFC 5321 section 4.1.1.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct MailParameters {
    /// `SIZE=`: octets that the client announces (RFC 1870).
    pub size: Option<u64>,
    /// `BODY=` (RFC 6152).
    pub body: Option<BodyType>,
    /// `SMTPUTF8` (RFC 6531).
    pub smtputf8: bool,
}

/// The value of `BODY=` (RFC 6152).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyType {
    /// Octets up to 127 in lines.
    SevenBit,
    /// Any octets in lines.
    EightBitMime,
}

impl BodyType {
    /// The keyword as it stands in MAIL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SevenBit => "7BIT",
            Self::EightBitMime => "8BITMIME",
        }
    }
}

/// One accepted RCPT.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recipient {
    /// Whom the message is for.
    pub path: ForwardPath,
}

impl Envelope {
    pub(crate) fn new(reverse_path: ReversePath, parameters: MailParameters) -> Self {
        Self {
            reverse_path,
            parameters,
            recipients: Vec::new(),
        }
    }
}
