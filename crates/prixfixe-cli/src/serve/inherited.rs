//! Sockets passed on by a service manager (`LISTEN_FDS`).

use std::{
    io,
    net::TcpListener,
    os::{fd::OwnedFd, unix::net::UnixListener},
};

use listenfd::ListenFd;
use socket2::{Domain, Socket};

use crate::config::InheritedSocket;

/// A socket that listens already.
pub(crate) enum Inherited {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// The sockets that this process was started with; each can be taken once.
pub(crate) struct InheritedSockets {
    sockets: ListenFd,
    names: Vec<String>,
}

impl InheritedSockets {
    /// Takes over what the environment names.
    pub(crate) fn from_environment() -> Self {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let names = names.split(':').map(str::to_owned).collect();
        Self {
            sockets: ListenFd::from_env(),
            names,
        }
    }

    /// Takes the sockets that a setting means; none of them is an error.
    pub(crate) fn take(&mut self, which: &InheritedSocket) -> io::Result<Vec<Inherited>> {
        let indices: Vec<usize> = match which {
            InheritedSocket::All => (0..self.sockets.len()).collect(),
            InheritedSocket::Index(index) => vec![usize::from(*index)],
            InheritedSocket::Name(name) => {
                let named = |index: &usize| self.names.get(*index) == Some(name);
                (0..self.sockets.len()).filter(named).collect()
            }
        };
        let mut taken = Vec::with_capacity(indices.len());
        for index in indices {
            // The kind of the socket decides what it is, not the setting.
            if let Ok(Some(listener)) = self.sockets.take_tcp_listener(index) {
                taken.push(kind_of(listener)?);
            } else if let Ok(Some(listener)) = self.sockets.take_unix_listener(index) {
                taken.push(Inherited::Unix(listener));
            }
        }
        if taken.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "no such socket was inherited; is this started by a service manager?",
            ));
        }
        Ok(taken)
    }
}

fn kind_of(listener: TcpListener) -> io::Result<Inherited> {
    let socket = Socket::from(listener);
    if socket.local_addr()?.domain() == Domain::UNIX {
        return Ok(Inherited::Unix(OwnedFd::from(socket).into()));
    }
    Ok(Inherited::Tcp(socket.into()))
}
