//! What passes between a session and its driver.

use crate::{AuthMessage, BodyFault, Envelope, ForwardPath, HeloName};

/// How far [`Session::process`](crate::Session::process) came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Progress<'i> {
    /// Octets of the input that are used up; the next call begins behind them.
    pub consumed: usize,
    /// What to do next.
    pub step: Step<'i>,
}

/// What a driver has to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'i> {
    /// Write the output and bring more input behind what was not consumed.
    NeedInput,
    /// Write the output before going on: it has reached `Limits::reply_buffer`.
    Flush,
    /// Ask the application; [`Session::question`](crate::Session::question) says what.
    Ask(Stage),
    /// A question is open and nothing can be done before its answer.
    Waiting,
    /// A message begins; where it is sent with DATA, the output invites its body.
    BodyStart,
    /// Octets of the body, dot-stuffing undone; never empty, even where nothing is consumed: they
    /// may have been held back before.
    Body(&'i [u8]),
    /// The body is whole; the application decides.
    BodyEnd,
    /// The session refuses the body that is coming in; nothing more of it is handed out.
    BodyRefused(BodyFault),
    /// The client gave up the body that was coming in, between two of its chunks: nothing of it
    /// counts, and no verdict is asked for.
    BodyAborted,
    /// Write the output, make the TLS handshake, and call
    /// [`Session::secured`](crate::Session::secured). Input that was read before the handshake
    /// must not be brought again.
    StartTls,
    /// Write the output and close the connection.
    Close(CloseReason),
}

/// A point at which the application can say no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Before the banner, and behind XCLIENT.
    Connect,
    /// HELO, EHLO or LHLO.
    Helo,
    /// A step of AUTH.
    Auth,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// The end of a body.
    Message,
}

impl Stage {
    /// A lower-case word for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Helo => "helo",
            Self::Auth => "auth",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Message => "message",
        }
    }
}

/// The question that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Question<'s> {
    /// May this client connect?
    Connect,
    /// May it go by this name?
    Helo(&'s HeloName),
    /// What follows in this exchange? Answered with
    /// [`Session::answer_auth`](crate::Session::answer_auth).
    Auth(&'s AuthMessage),
    /// May it send in this name? The envelope has no recipients yet.
    Mail(&'s Envelope),
    /// May it send to this recipient, beside those that the envelope holds already?
    Rcpt(&'s Envelope, &'s ForwardPath),
    /// Is the message whose body was handed out taken?
    Message,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The client said QUIT.
    Quit,
    /// The application refused the connection, or answered 421.
    Refused,
    /// The client did not wait for its turn, and that is refused here.
    EarlyTalk,
    /// The client was too slow.
    Timeout,
    /// The server is stopping.
    Shutdown,
    /// Too many wrong commands.
    Errors,
    /// Too many commands that did nothing.
    IdleCommands,
    /// Too many messages.
    Messages,
    /// A command line without an end.
    EndlessLine,
    /// A refused body without an end.
    EndlessBody,
    /// The client speaks HTTP, TLS where a command was due, or PROXY without being trusted.
    WrongProtocol,
    /// Octets came behind STARTTLS, before the handshake: an injection (CVE-2011-0411).
    StartTlsInjection,
    /// Too many failed logins.
    AuthFailures,
    /// BDAT without a size: what follows could not be told from commands.
    ChunkSize,
}

impl CloseReason {
    /// A lower-case word for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quit => "quit",
            Self::Refused => "refused",
            Self::EarlyTalk => "early-talk",
            Self::Timeout => "timeout",
            Self::Shutdown => "shutdown",
            Self::Errors => "errors",
            Self::IdleCommands => "idle-commands",
            Self::Messages => "messages",
            Self::EndlessLine => "endless-line",
            Self::EndlessBody => "endless-body",
            Self::WrongProtocol => "wrong-protocol",
            Self::StartTlsInjection => "starttls-injection",
            Self::AuthFailures => "auth-failures",
            Self::ChunkSize => "chunk-size",
        }
    }
}

/// What [`Session::expire`](crate::Session::expire) did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Expiry {
    /// The application took too long at this stage; the client was told 451 and goes on. Before
    /// the banner it was told 421, and the session is over.
    Verdict(Stage),
    /// The client took too long and was told 421; the session is over.
    Client,
}

/// A fault of the driver; no input from a client causes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// An answer without a question of that kind.
    #[error("answered a question that was not asked")]
    NoQuestion,
    /// A body was refused while none comes in.
    #[error("refused a body while none comes in")]
    NoBody,
    /// A handshake was reported that was not asked for.
    #[error("reported a handshake that was not asked for")]
    NoHandshake,
}
