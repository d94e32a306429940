//! Where clients come in.

mod bind;
mod failure;
mod passed;
#[cfg(test)]
mod tests;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};

use super::socket::Socket;
use crate::address::{Address, Place, SocketAccess};
use bind::BoundPath;

pub(crate) use failure::AcceptFailure;
pub use failure::{BadListener, BindFailure};
pub use passed::PassedSocket;

/// A listening socket. One made at a path takes the path away when it is dropped, unless another
/// server has taken it over.
#[derive(Debug)]
pub(crate) struct Listener {
    /// Before the socket itself: while that is open, no other file can be taken for ours.
    _path: Option<BoundPath>,
    socket: OwnedFd,
    /// Others have it as well, and take those who wait when we do not.
    inherited: bool,
}

impl Listener {
    /// Listens at `address`. What a dead server left there is replaced, a live one never, and neither
    /// is anything else. From the first moment the address answers, and only to who `access` admits.
    pub(crate) fn bind(address: &Address, access: &SocketAccess) -> Result<Self, BindFailure> {
        let socket = Socket::unconnected(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
        let path = match address.place() {
            Place::Path(path) => Some(bind::at_path(&socket, path, access)?),
            Place::Abstract(name) => {
                let name = SocketAddrUnix::new_abstract_name(name.as_bytes())?;
                match rustix::net::bind(&socket, &name) {
                    Err(Errno::ADDRINUSE) => return Err(BindFailure::AlreadyServing),
                    bound => bound?,
                }
                rustix::net::listen(&socket, BACKLOG)?;
                None
            }
        };
        Ok(Self {
            _path: path,
            socket,
            inherited: false,
        })
    }

    /// Takes a listener that this process inherited, from a service manager or its predecessor. Its
    /// path stays when it is dropped.
    pub(crate) fn from_fd(socket: OwnedFd) -> Result<Self, BadListener> {
        look_at(socket.as_fd())?;
        let flags = rustix::fs::fcntl_getfl(&socket)?;
        rustix::fs::fcntl_setfl(&socket, flags | OFlags::NONBLOCK)?;
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
        // Credentials with every message would look like lost descriptors.
        sockopt::set_socket_passcred(&socket, false)?;
        Ok(Self {
            _path: None,
            socket,
            inherited: true,
        })
    }

    /// Takes one that a service manager passed. Each can be taken once.
    pub(crate) fn passed(which: PassedSocket<'_>) -> Result<Self, BadListener> {
        Self::from_fd(passed::take(which)?)
    }

    /// Whether this process inherited it, so that who waits there may be another's to take.
    pub(crate) fn is_inherited(&self) -> bool {
        self.inherited
    }

    /// The next client that waits, if one does.
    pub(crate) fn accept(&self) -> Result<Option<Socket>, AcceptFailure> {
        match rustix::io::retry_on_intr(|| {
            rustix::net::accept_with(&self.socket, SocketFlags::CLOEXEC)
        }) {
            Ok(socket) => {
                // Only a bound on what may lie unread: without it there are others, further away.
                let _ = sockopt::set_socket_send_buffer_size(&socket, SEND_BUFFER_SIZE);
                Ok(Some(Socket::accepted(socket)))
            }
            Err(Errno::AGAIN | Errno::CONNABORTED) => Ok(None),
            Err(errno @ (Errno::MFILE | Errno::NFILE)) => {
                Err(AcceptFailure::NoDescriptors(errno.into()))
            }
            Err(errno) => Err(AcceptFailure::Other(io::Error::from(errno))),
        }
    }
}

/// Whether clients can come in there.
fn look_at(socket: BorrowedFd<'_>) -> Result<(), BadListener> {
    match sockopt::socket_domain(socket) {
        Ok(AddressFamily::UNIX) => {}
        Ok(_) | Err(Errno::NOTSOCK) => return Err(BadListener::NotUnix),
        Err(errno) => return Err(errno.into()),
    }
    if sockopt::socket_type(socket)? != SocketType::SEQPACKET {
        return Err(BadListener::NotSeqpacket);
    }
    if !sockopt::socket_acceptconn(socket)? {
        return Err(BadListener::NotListening);
    }
    Ok(())
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Octets of answers that a client may leave unread, as the kernel counts them; it gives no less than
/// room for some six messages. Descriptors on their way count against the server's user as if they
/// were open, so a client must not be able to leave many there.
const SEND_BUFFER_SIZE: usize = 4096;

/// Connections that wait to be accepted: as many clients as come back at once when a server of the
/// size planned for (1,000 clients) has been restarted. The kernel allows 4,096 by default; those
/// beyond wait in `connect`.
const BACKLOG: i32 = 1024;
