//! How a call can end.

use std::fmt;

pub use crate::claim::Executed;
use crate::ring::Corrupt;

/// How a call ended. Every call ends in one of these, by its deadline at the latest, whoever dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome<R> {
    /// The handler answered.
    Completed(R),
    /// The server answered that it will not: an answer, too, and a final one.
    Refused(Refusal),
    /// There is no answer. What to do now depends on [`Failure::executed`].
    Failed(Failure),
}

impl<R> Outcome<R> {
    /// The reply, or why there is none, for the `?` operator.
    ///
    /// # Errors
    /// When the call was refused or failed.
    pub fn completed(self) -> Result<R, CallError> {
        match self {
            Self::Completed(reply) => Ok(reply),
            Self::Refused(refusal) => Err(CallError::Refused(refusal)),
            Self::Failed(failure) => Err(CallError::Failed(failure)),
        }
    }

    /// The same outcome of another kind of reply.
    pub fn map<T>(self, convert: impl FnOnce(R) -> T) -> Outcome<T> {
        match self {
            Self::Completed(reply) => Outcome::Completed(convert(reply)),
            Self::Refused(refusal) => Outcome::Refused(refusal),
            Self::Failed(failure) => Outcome::Failed(failure),
        }
    }

    pub(crate) const fn failed(cause: Cause, executed: Executed) -> Self {
        Self::Failed(Failure { cause, executed })
    }
}

/// An [`Outcome`] other than a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The server answered that it will not.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// There is no answer.
    #[error(transparent)]
    Failed(Failure),
}

impl CallError {
    pub(crate) const fn not_executed(cause: Cause) -> Self {
        Self::Failed(Failure {
            cause,
            executed: Executed::No,
        })
    }
}

/// Why a server will not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It has too much to do: later, perhaps.
    #[error("the server is busy")]
    Busy,
    /// It knows no request of this type.
    #[error("the server knows no request of this type")]
    UnknownType,
    /// The request is longer than a message may be, or the reply than the caller has room for.
    #[error("the message is too large")]
    TooLarge,
    /// The handler said that it failed.
    #[error("the handler failed")]
    HandlerFailed,
    /// The handler panicked.
    #[error("the handler panicked")]
    HandlerPanicked,
    /// The server is going down and takes no more calls.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// It knows the typed request in another version of its schema, or in another encoding.
    #[error("the server knows another version of this request")]
    OtherVersion,
    /// Its handler answers at once and takes no streams: see
    /// [`AsyncHandler`](crate::AsyncHandler).
    #[error("the server takes no streams")]
    NoStreams,
    /// The typed request is not a message of its type.
    #[error("the request is not what its type says")]
    Malformed,
}

impl Refusal {
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Busy => 0,
            Self::UnknownType => 1,
            Self::TooLarge => 2,
            Self::HandlerFailed => 3,
            Self::HandlerPanicked => 4,
            Self::ShuttingDown => 5,
            Self::OtherVersion => 6,
            Self::Malformed => 7,
            Self::NoStreams => 8,
        }
    }

    pub(crate) const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Busy,
            1 => Self::UnknownType,
            2 => Self::TooLarge,
            3 => Self::HandlerFailed,
            4 => Self::HandlerPanicked,
            5 => Self::ShuttingDown,
            6 => Self::OtherVersion,
            7 => Self::Malformed,
            8 => Self::NoStreams,
            _ => return None,
        })
    }
}

/// Why there is no answer, and whether the call may have been executed all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub cause: Cause,
    /// Whether it is safe to ask again.
    pub executed: Executed,
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let executed = match self.executed {
            Executed::No => "the call was not executed",
            Executed::Maybe => "the call may have been executed",
        };
        write!(formatter, "{}; {executed}", self.cause)
    }
}

/// What happened to a call that got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The deadline passed.
    #[error("the deadline passed")]
    Deadline,
    /// The server died or closed the connection.
    #[error("the server is gone")]
    HungUp,
    /// The server is draining, and did not take the call: its successor can be asked.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// The caller took the call back.
    #[error("the call was taken back")]
    TakenBack,
    /// No connection could be had within the deadline.
    #[error("no server answers there")]
    Unreachable,
    /// The server wrote what cannot be, and the connection was dropped.
    #[error("the server is corrupt: {0}")]
    Corrupt(Corrupt),
    /// This is a forked child: the connection belongs to its parent. Connect anew.
    #[error("the connection belongs to the parent process")]
    Forked,
    /// All channels of the pool were in use until the deadline.
    #[error("no channel of the pool was free in time")]
    NoFreeChannel,
    /// The codec of a typed request could not encode it.
    #[error("the request cannot be encoded")]
    Unencodable,
    /// The server answered a typed request with something that is not its reply: in another version or
    /// encoding, or not valid.
    #[error("the reply is not one to this request")]
    BadReply,
}

impl Cause {
    /// Whether this connection is of no more use for the call while another may be.
    pub(crate) const fn asks_for_another_server(self) -> bool {
        matches!(self, Self::HungUp | Self::ShuttingDown)
    }
}
