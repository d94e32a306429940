//! What is known about a message beside its bytes.

use std::borrow::Cow;
use std::fmt::Write;
use std::time::SystemTime;

use crate::MessageId;

/// What the transaction that brought a message says about it.
#[derive(Clone, Debug)]
pub struct MessageDetails {
    /// When it had been received.
    pub received_at: SystemTime,
    /// The address of `MAIL FROM`; empty for the null path `<>`.
    pub sender: String,
    /// The accepted addresses of `RCPT TO`, in their order.
    pub recipients: Vec<String>,
    /// What the client called itself in HELO, EHLO or LHLO.
    pub helo: String,
    /// Where the client connected from.
    pub peer: String,
    /// The `with` keyword of RFC 3848, such as `ESMTPS`.
    pub protocol: Cow<'static, str>,
    /// The `BODY` parameter of MAIL.
    pub body_type: BodyType,
    /// Whether MAIL said `SMTPUTF8`.
    pub smtputf8: bool,
    /// What was noticed in the bytes.
    pub marks: Marks,
    /// The lines to put in front of the message when it is shown or handed on.
    pub trace: Trace,
}

impl MessageDetails {
    /// Details of a message from `sender` to `recipients`, with nothing else known.
    pub fn new(received_at: SystemTime, sender: String, recipients: Vec<String>) -> Self {
        Self {
            received_at,
            sender,
            recipients,
            helo: String::new(),
            peer: String::new(),
            protocol: Cow::Borrowed("SMTP"),
            body_type: BodyType::default(),
            smtputf8: false,
            marks: Marks::default(),
            trace: Trace::default(),
        }
    }
}

/// The `BODY` parameter of RFC 6152 and RFC 3030.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyType {
    /// `7BIT`, or nothing said.
    #[default]
    SevenBit,
    /// `8BITMIME`.
    EightBitMime,
    /// `BINARYMIME`.
    BinaryMime,
}

impl BodyType {
    /// The parameter's value, which is also what the store keeps.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SevenBit => "7BIT",
            Self::EightBitMime => "8BITMIME",
            Self::BinaryMime => "BINARYMIME",
        }
    }

    pub(crate) fn from_stored(text: &str) -> Option<Self> {
        [Self::SevenBit, Self::EightBitMime, Self::BinaryMime]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// What was noticed in a message's bytes while they came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// A CR or an LF stood alone.
    pub bare_newline: bool,
    /// There is a NUL.
    pub nul: bool,
    /// There is a byte above 127.
    pub eight_bit: bool,
    /// Bare line ends were changed to CRLF, so the bytes are not those that came.
    pub normalised: bool,
}

/// The trace header lines of a message: `Return-Path:` and `Received:`, each ended by CRLF.
///
/// The store keeps them beside the bytes and never among them, so that a signature over the
/// bytes stays true. As `Received:` names the message and the name is given at the commit, the
/// text comes in two parts, and the store writes the name between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    before_id: String,
    after_id: Option<String>,
}

impl Trace {
    /// Lines with the message's id between the two parts.
    pub fn around_id(before: String, after: String) -> Self {
        Self {
            before_id: before,
            after_id: Some(after),
        }
    }

    /// Lines that do not name the message.
    pub fn without_id(lines: String) -> Self {
        Self {
            before_id: lines,
            after_id: None,
        }
    }

    /// How many bytes the lines have, but for the id.
    pub(crate) fn len(&self) -> usize {
        self.before_id.len() + self.after_id.as_ref().map_or(0, String::len)
    }

    /// Replaces `text` by the lines, with `id` in its place.
    pub(crate) fn render(&self, id: MessageId, text: &mut String) {
        text.clear();
        text.push_str(&self.before_id);
        if let Some(after) = &self.after_id {
            // Writing to a String cannot fail.
            let _ = write!(text, "{id}");
            text.push_str(after);
        }
    }
}
