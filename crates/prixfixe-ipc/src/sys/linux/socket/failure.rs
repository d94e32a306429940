//! What can go wrong with a control socket, one enum per operation.

use std::io;

use rustix::io::Errno;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectFailure {
    /// The server has not started, or the path is another.
    #[error("there is no socket at this address")]
    NotFound,
    /// The socket of a server that is gone, or, for an abstract address, none at all.
    #[error("nobody listens at this address")]
    Refused,
    /// A server that is alive, with as many connections waiting as it allows.
    #[error("the server's queue of connections is full")]
    Busy,
    /// See [`SocketAccess`](crate::SocketAccess).
    /// The permissions of the socket, or of a directory above it, forbid it.
    #[error("the permissions of the socket, or of a directory above it, forbid it")]
    Denied,
    /// The system refused, with the reason it gave.
    /// A system call failed.
    #[error("cannot connect: {0}")]
    Other(#[source] io::Error),
}

impl From<Errno> for ConnectFailure {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NOTDIR => Self::NotFound,
            Errno::CONNREFUSED => Self::Refused,
            Errno::AGAIN => Self::Busy,
            Errno::ACCESS | Errno::PERM => Self::Denied,
            errno => Self::Other(errno.into()),
        }
    }
}

impl From<io::Error> for ConnectFailure {
    fn from(error: io::Error) -> Self {
        match Errno::from_io_error(&error) {
            Some(errno) => errno.into(),
            None => Self::Other(error),
        }
    }
}

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendFailure {
    #[error("the peer has not read what was sent before")]
    Full,
    #[error("the peer is gone")]
    Gone,
    /// There are too many of them, in this message or under way altogether.
    #[error("the descriptors cannot be sent: {0}")]
    Descriptors(#[source] io::Error),
    #[error("cannot send: {0}")]
    Other(#[source] io::Error),
}

impl From<Errno> for SendFailure {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::AGAIN => Self::Full,
            Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN => Self::Gone,
            Errno::TOOMANYREFS | Errno::BADF => Self::Descriptors(errno.into()),
            errno => Self::Other(errno.into()),
        }
    }
}

/// Why there is no message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReceiveFailure {
    #[error("there is nothing to receive yet")]
    Nothing,
    #[error("the peer is gone")]
    Gone,
    #[error("cannot receive: {0}")]
    Other(#[source] io::Error),
}

impl From<Errno> for ReceiveFailure {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::AGAIN => Self::Nothing,
            Errno::CONNRESET | Errno::NOTCONN => Self::Gone,
            errno => Self::Other(errno.into()),
        }
    }
}
