//! What was noticed on the way; material for policies, traces and marks on a message.

/// What was noticed about the body of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BodyFacts {
    /// Octets handed out so far, after removing stuffed dots.
    pub size: u64,
    /// Octets of the longest text line with its CRLF.
    pub longest_line: usize,
    /// A CR stood without its LF.
    pub bare_cr: bool,
    /// An LF stood without its CR.
    pub bare_lf: bool,
    /// A NUL was in it.
    pub nul: bool,
    /// An octet above 127 was in it.
    pub eight_bit: bool,
    /// `Received:` fields in the header.
    pub received_fields: u32,
}

/// What was noticed about a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SessionFacts {
    /// Messages accepted.
    pub messages: u32,
    /// Commands with wrong syntax or in a wrong order.
    pub errors: u32,
    /// Commands in a row that did nothing for a transaction.
    pub idle_commands: u32,
    /// Failed logins.
    pub auth_failures: u32,
    /// The client talked before the banner.
    pub early_talk: bool,
    /// The client sent more right behind a command that must end a flight: HELO, EHLO or DATA
    /// (RFC 2920 section 3.1), or AUTH (RFC 4954 section 4).
    pub pipelining_misuse: bool,
}
