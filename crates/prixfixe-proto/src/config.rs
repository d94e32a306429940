//! Settings of a session.

use std::time::Duration;

use crate::{AuthPolicy, BareNewline, Domain, Promises};

/// Everything a session has to know; shared by all sessions of a listener.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// The name in the banner and in `Received:`.
    pub domain: Domain,
    /// What is too much.
    pub limits: Limits,
    /// What is too slow.
    pub timeouts: Timeouts,
    /// What is taken although the grammar forbids it.
    pub quirks: Quirks,
    /// What the clients speak. Default: SMTP.
    pub protocol: Protocol,
    /// When the connection is encrypted. Default: never.
    pub tls: TlsMode,
    /// Whether clients log in. Default: never.
    pub auth: AuthPolicy,
    /// The extensions that the application keeps. Default: none.
    pub promises: Promises,
    /// The client is trusted to speak for another one with XCLIENT. Default: no.
    pub xclient: bool,
}

impl Config {
    /// The defaults, under this name.
    pub fn new(domain: Domain) -> Self {
        Self {
            domain,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            quirks: Quirks::default(),
            protocol: Protocol::default(),
            tls: TlsMode::default(),
            auth: AuthPolicy::default(),
            promises: Promises::default(),
            xclient: false,
        }
    }
}

/// What a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Protocol {
    /// RFC 5321.
    #[default]
    Smtp,
    /// RFC 2033: LHLO instead of EHLO, and a reply for each recipient at the end of a message.
    Lmtp,
}

/// When the connection of a session is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TlsMode {
    /// Never.
    #[default]
    None,
    /// From STARTTLS on (RFC 3207).
    StartTls,
    /// From the first octet (RFC 8314): the session begins when the handshake is over.
    Implicit,
}

/// Bounds of a session. Memory of a session is bounded by them: its envelope holds at most
/// `recipients` paths of 256 octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Octets of a message, announced as SIZE. Default 10 MiB.
    pub message_size: u64,
    /// Recipients of a message. Default 100, the least that RFC 5321 section 4.5.3.1.8 allows.
    pub recipients: usize,
    /// Octets of a text line with its CRLF. Default 16 KiB: RFC 5321 section 4.5.3.1.6 says
    /// 1,000, and real mail has longer ones.
    pub text_line: usize,
    /// Octets above `message_size` that are read and dropped before the connection is closed.
    /// Default 64 MiB: more than most clients send without SIZE, and no endless stream.
    pub drain: u64,
    /// Accepted messages in a session. Default 10,000.
    pub messages: u32,
    /// Commands with wrong syntax or order in a session. Default 20.
    pub errors: u32,
    /// Commands in a row that do nothing for a transaction. Default 100.
    pub idle_commands: u32,
    /// Failed logins in a session; one more ends it. Default 3.
    pub auth_failures: u32,
    /// `Received:` fields in a header, above which a message is in a loop. Default 100
    /// (RFC 5321 section 6.3).
    pub received_fields: u32,
    /// Octets of replies that may wait to be written before the session stops reading. Default
    /// 64 KiB: a flight of thousands of commands.
    pub reply_buffer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_size: 10 << 20,
            recipients: 100,
            text_line: 16 << 10,
            drain: 64 << 20,
            messages: 10_000,
            errors: 20,
            idle_commands: 100,
            auth_failures: 3,
            received_fields: 100,
            reply_buffer: 64 << 10,
        }
    }
}

/// How long a session waits (RFC 5321 section 4.5.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// From the connection to the banner. Default 30 s.
    pub banner: Duration,
    /// For a whole command line. Default 300 s.
    pub command: Duration,
    /// For a next block of a body; for the whole rest of a body that is refused. Default 180 s.
    pub body: Duration,
    /// For the verdict of a stage. Default 60 s.
    pub verdict: Duration,
    /// For the verdict on a message, counted from the last octets that the application was given.
    /// Default 300 s.
    pub message_verdict: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            banner: Duration::from_secs(30),
            command: Duration::from_secs(300),
            body: Duration::from_secs(180),
            verdict: Duration::from_secs(60),
            message_verdict: Duration::from_secs(300),
        }
    }
}

/// Deviations from the grammar, each by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Quirks {
    /// What becomes of a CR or LF that stands alone in a body. Default: refused.
    pub bare_newline: BareNewline,
    /// `MAIL FROM:a@example.org` is taken. Default: 501.
    pub missing_brackets: bool,
    /// A local part above 64 octets is refused (RFC 5321 section 4.5.3.1.1). Default: taken, since
    /// VERP and SRS need more.
    pub strict_lengths: bool,
    /// A body with a NUL is refused. Default: kept and marked.
    pub refuse_nul: bool,
    /// A client that talks before the banner, or right behind HELO, EHLO, LHLO or DATA, which must
    /// end a flight, is told so and the session ends. Default: noted in the facts.
    pub refuse_early_talk: bool,
}
