//! What can go wrong with a listening socket, one enum per operation.

use std::io;

use rustix::io::Errno;

/// Why a server cannot listen where it was told to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindFailure {
    /// It was not disturbed.
    #[error("a server listens at this address already")]
    AlreadyServing,
    /// Remove it, or choose another path.
    /// The path exists and is not a socket; it is left alone.
    #[error("the path exists and is not a socket; it is left alone")]
    NotASocket,
    /// Another server may be starting there.
    /// Another process holds a lock on the directory of the socket.
    #[error("another process holds a lock on the directory of the socket")]
    DirectoryLocked,
    /// The system refused, with the reason it gave.
    /// A system call failed.
    #[error("cannot listen: {0}")]
    Other(#[from] io::Error),
}

impl From<Errno> for BindFailure {
    fn from(errno: Errno) -> Self {
        Self::Other(errno.into())
    }
}

/// Why a descriptor is not taken for a listener.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadListener {
    /// It belongs to another address family or is no socket at all.
    /// It is no socket of the Unix domain.
    #[error("the descriptor is not a Unix socket")]
    NotUnix,
    /// With systemd, write `ListenSequentialPacket=`.
    /// It is of another type.
    #[error("the socket is not of type SOCK_SEQPACKET")]
    NotSeqpacket,
    /// It was started by hand, perhaps, or the unit names its sockets otherwise.
    /// The service manager passed no such socket, or it was taken before.
    #[error("the service manager passed no such socket to this process, or it was taken before")]
    NotPassed,
    /// Whoever made it must call `listen` first.
    /// It is connected, or was never told to listen.
    #[error("the socket does not listen")]
    NotListening,
    /// The system refused, with the reason it gave.
    /// A system call failed.
    #[error("the socket cannot be used: {0}")]
    System(#[from] io::Error),
}

impl From<Errno> for BadListener {
    fn from(errno: Errno) -> Self {
        Self::System(errno.into())
    }
}

/// Why no client was accepted though one may wait.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AcceptFailure {
    /// The client goes on waiting, and the listener stays readable.
    #[error("this process or the system has no descriptor left: {0}")]
    NoDescriptors(#[source] io::Error),
    #[error("cannot accept: {0}")]
    Other(#[source] io::Error),
}
