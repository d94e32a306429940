//! Why a message could not be stored.

use std::fmt;
use std::io;
use std::sync::Arc;

use rusqlite::ErrorCode;

/// Why a message could not be stored. Nothing of it is kept: an error means "not accepted".
///
/// [`Full`](Self::Full) and [`NoMemory`](Self::NoMemory) are answered with 452 4.3.1, all others
/// with 451 4.3.0. What an I/O error
/// can mean at the worst is written down in `docs/durability.md`.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The disk is full, or has less than `min_free_disk` left.
    #[error("the disk is full, or has less left than min_free_disk")]
    Full,
    /// The file system or the files do not allow writing.
    #[error("the store is read-only: {0}")]
    ReadOnly(#[source] Cause),
    /// Another process kept the database locked for longer than the store waits.
    #[error("another process keeps the database locked: {0}")]
    Busy(#[source] Cause),
    /// The disk reported an error.
    #[error("the disk reported an error: {0}")]
    Io(#[source] Cause),
    /// The database file is damaged.
    #[error("the database is damaged: {0}")]
    Damaged(#[source] Cause),
    /// The database refused this one message; others are not affected.
    #[error("the database refused this message: {0}")]
    Refused(#[source] Cause),
    /// The message's [`CommitGate`](super::CommitGate) was closed before the commit began.
    #[error("cancelled before the commit")]
    Cancelled,
    /// An earlier write of this message failed or was dropped half-way.
    #[error("an earlier part of this message was not stored")]
    Incomplete,
    /// The system gave no memory to gather the message in.
    #[error("there is no memory for the message: {0}")]
    NoMemory(#[source] Arc<io::Error>),
    /// A message is for somebody, and this one was not.
    #[error("a message needs a recipient")]
    NoRecipient,
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Whether the store, not the message, is at fault, so that other messages would fail too.
    pub(crate) fn concerns_all(&self) -> bool {
        matches!(
            self,
            Self::Full | Self::ReadOnly(_) | Self::Busy(_) | Self::Io(_) | Self::Damaged(_)
        )
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        // A row that the message counted on is gone. No other message counts on it.
        if matches!(error, rusqlite::Error::StatementChangedRows(_)) {
            return Self::Refused(error.into());
        }
        let code = error.sqlite_error_code();
        let cause = Cause::from(error);
        match code {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly(cause),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(cause),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(cause),
            Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch) => {
                Self::Refused(cause)
            }
            // Whatever else the database reports is taken for a fault of the store, which is the
            // careful reading: nobody's mail is retried blindly, and readiness turns false.
            _ => Self::Io(cause),
        }
    }
}

/// What the database said. It can be shared by all the messages of a failed commit.
#[derive(Clone, Debug)]
pub struct Cause(Arc<rusqlite::Error>);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.sqlite_extended_error_code() {
            Some(code) => write!(f, "{} (SQLite {code})", self.0),
            None => self.0.fmt(f),
        }
    }
}

impl std::error::Error for Cause {}

impl From<rusqlite::Error> for Cause {
    fn from(error: rusqlite::Error) -> Self {
        Self(Arc::new(error))
    }
}
