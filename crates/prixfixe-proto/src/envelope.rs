//! What travels with a message: where it comes from and whom it is for.

use crate::{
    DeliverBy, DsnReturn, EnvelopeId, ForwardPath, Hold, Notify, OriginalRecipient, Priority,
    ReversePath,
};

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

/// The parameters of MAIL (RFC 5321 section 4.1.1.11). One whose extension was not announced is
/// never set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct MailParameters {
    /// `SIZE=`: octets that the client announces (RFC 1870).
    pub size: Option<u64>,
    /// `BODY=` (RFC 6152).
    pub body: Option<BodyType>,
    /// `SMTPUTF8` (RFC 6531).
    pub smtputf8: bool,
    /// `RET=`: what goes back with a notification (RFC 3461).
    pub dsn_return: Option<DsnReturn>,
    /// `ENVID=`: what notifications call this transaction (RFC 3461).
    pub envelope_id: Option<EnvelopeId>,
    /// `REQUIRETLS`: the message is relayed under TLS or not at all (RFC 8689).
    pub require_tls: bool,
    /// `MT-PRIORITY=` (RFC 6710).
    pub priority: Option<Priority>,
    /// `BY=`: until when it is to be delivered (RFC 2852).
    pub deliver_by: Option<DeliverBy>,
    /// `HOLDFOR=` or `HOLDUNTIL=`: until when it is held back (RFC 4865).
    pub hold: Option<Hold>,
    /// `AUTH=`: who submitted the message at first (RFC 4954 section 5). From a client that has
    /// not logged in it is `<>` whatever the client said, since nobody vouches for it.
    pub auth: Option<ReversePath>,
    /// `PRDR`: a reply for each recipient at the end (draft-hall-prdr).
    pub prdr: bool,
}

/// The parameters of RCPT. One whose extension was not announced is never set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RcptParameters {
    /// `NOTIFY=`: on what the sender is notified (RFC 3461).
    pub notify: Option<Notify>,
    /// `ORCPT=`: whom the message was for at first (RFC 3461).
    pub original_recipient: Option<OriginalRecipient>,
}

/// The value of `BODY=` (RFC 6152, RFC 3030).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyType {
    /// Octets up to 127 in lines.
    SevenBit,
    /// Any octets in lines.
    EightBitMime,
    /// Any octets at all, sent with BDAT.
    BinaryMime,
}

impl BodyType {
    /// The keyword as it stands in MAIL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SevenBit => "7BIT",
            Self::EightBitMime => "8BITMIME",
            Self::BinaryMime => "BINARYMIME",
        }
    }
}

/// One accepted RCPT.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recipient {
    /// Whom the message is for.
    pub path: ForwardPath,
    /// The parameters of RCPT.
    pub parameters: RcptParameters,
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
