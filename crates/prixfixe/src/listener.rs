//! Sockets that listen.

use std::{
    io,
    net::SocketAddr,
    os::unix::{fs::FileTypeExt, net::UnixStream as StdUnixStream},
    path::{Path, PathBuf},
    sync::Arc,
};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::{TcpListener, UnixListener};

use crate::{session_config::SessionConfig, stream::Stream};

/// Connections that the system queues, unless the settings say otherwise: a burst of a thousand
/// clients within one turn of the accept loop.
pub(crate) const BACKLOG: u32 = 1024;

/// A bound socket that is not yet registered with a runtime.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) socket: ListenerSocket,
    pub(crate) config: Arc<SessionConfig>,
}

#[derive(Debug)]
pub(crate) enum ListenerSocket {
    Tcp(std::net::TcpListener),
    Unix(Option<Arc<SocketFile>>, std::os::unix::net::UnixListener),
}

/// The same, registered with the runtime it is used on.
#[derive(Debug)]
pub(crate) enum Acceptor {
    Tcp(TcpListener),
    Unix {
        /// Dropped first: once the socket is closed, the path may be another server's already.
        _file: Option<Arc<SocketFile>>,
        listener: UnixListener,
    },
}

/// The file of a Unix socket, removed when this is dropped. That should be before the listener is:
/// once the socket is closed, the path may be another server's already.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Left behind it would only be replaced at the next start.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl ListenerSocket {
    pub(crate) fn bind_tcp(address: SocketAddr, backlog: u32) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        if address.is_ipv6() {
            // So that a port can be bound for both families side by side, on every system.
            socket.set_only_v6(true)?;
        }
        // A restart need not wait for connections of the last run in TIME_WAIT; another listener
        // on the port is still an error.
        socket.set_reuse_address(true)?;
        // Accepted sockets inherit this: a reply is one write and must not wait for an ACK.
        socket.set_tcp_nodelay(true)?;
        socket.bind(&address.into())?;
        socket.listen(clamp(backlog))?;
        Self::adopt_tcp(socket.into())
    }

    pub(crate) fn adopt_tcp(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self::Tcp(listener))
    }

    pub(crate) fn bind_unix(path: &Path, backlog: u32) -> io::Result<Self> {
        let (listener, file) = bind_unix(path, backlog)?;
        Self::adopt_unix(listener, Some(Arc::new(file)))
    }

    pub(crate) fn adopt_unix(
        listener: std::os::unix::net::UnixListener,
        file: Option<Arc<SocketFile>>,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self::Unix(file, listener))
    }

    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(listener) => Self::Tcp(listener.try_clone()?),
            Self::Unix(file, listener) => Self::Unix(file.clone(), listener.try_clone()?),
        })
    }

    /// Registers with the runtime of the caller.
    pub(crate) fn register(self) -> io::Result<Acceptor> {
        Ok(match self {
            Self::Tcp(listener) => Acceptor::Tcp(TcpListener::from_std(listener)?),
            Self::Unix(file, listener) => Acceptor::Unix {
                listener: UnixListener::from_std(listener)?,
                _file: file,
            },
        })
    }
}

/// Listens on a Unix socket, as [`Server::listen_unix`](crate::Server::listen_unix) does, for what
/// a program serves beside its mail. A socket left behind by a server that is gone is replaced; one
/// that is in use and any other file are left alone, and that is an error. The listener blocks; a
/// `backlog` of 0 is the longest queue that the system allows.
pub fn bind_unix(
    path: impl AsRef<Path>,
    backlog: u32,
) -> io::Result<(std::os::unix::net::UnixListener, SocketFile)> {
    let path = path.as_ref();
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    if let Err(error) = socket.bind(&address) {
        if error.kind() != io::ErrorKind::AddrInUse {
            return Err(error);
        }
        // Connecting to an ordinary file is refused as well, and that one is somebody's data.
        if !std::fs::symlink_metadata(path)?.file_type().is_socket() {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "there is a file that is no socket",
            ));
        }
        let stale = StdUnixStream::connect(path)
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
        if !stale {
            return Err(error);
        }
        std::fs::remove_file(path)?;
        socket.bind(&address)?;
    }
    let file = SocketFile(path.to_owned());
    socket.listen(clamp(backlog))?;
    Ok((socket.into(), file))
}

impl Acceptor {
    pub(crate) async fn accept(&self) -> io::Result<(Stream, Option<SocketAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Stream::Tcp(stream), Some(peer)))
            }
            Self::Unix { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                Ok((Stream::Unix(stream), None))
            }
        }
    }
}

/// The system takes an `int` and lowers it to its SOMAXCONN.
fn clamp(backlog: u32) -> i32 {
    if backlog == 0 {
        i32::MAX
    } else {
        i32::try_from(backlog).unwrap_or(i32::MAX)
    }
}
