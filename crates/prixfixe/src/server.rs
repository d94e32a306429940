//! The server: its listeners, and the way to an orderly end.

use std::{
    fmt, io,
    net::{SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
    time::SystemTime,
};

use prixfixe_proto::{AuthDemand, Config, Domain, Mechanisms, TlsMode};
use tokio::{task::JoinSet, time::timeout};

use crate::{
    Handler, ListenerSettings, Settings, ShutdownHandle,
    accept::accept_loop,
    auth::Logins,
    listener::{BACKLOG, Listener, ListenerSocket},
    session_config::SessionConfig,
    shutdown::Shutdown,
};

/// An SMTP receiver, bound and ready to serve.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<Listener>,
    shared: Arc<Shared>,
}

/// Where a listener is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BoundAddress {
    /// A TCP address; its port is the real one, also if 0 was asked for.
    Tcp(SocketAddr),
    /// A Unix socket; without a path if it was inherited.
    Unix(Option<PathBuf>),
}

impl fmt::Display for BoundAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(Some(path)) => write!(f, "unix:{}", path.display()),
            Self::Unix(None) => f.write_str("unix:(inherited)"),
        }
    }
}

/// A listener could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The address is no address, or resolves to none.
    #[error("{0} is no address to listen on")]
    Address(String),
    /// Somebody else listens there.
    #[error("another process listens on {0} already")]
    InUse(String),
    /// A listener with TLS needs `Settings::tls`.
    #[error("the listener is to speak TLS, and no certificate is set")]
    NoCertificate,
    /// The system refused it.
    #[error("cannot listen on {address}: {source}")]
    Io {
        /// Where.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The clients of a listener can or must log in, and there is no verifier that serves one of
    /// the mechanisms that it offers.
    #[error("clients are to log in, and there is no verifier that could check their logins")]
    NoVerifier,
}

/// A server could not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// There is no listener.
    #[error("the server has no listener")]
    NoListener,
    /// A listener could not be registered with the runtime.
    #[error("cannot register a listener with the runtime: {0}")]
    Register(#[source] io::Error),
    /// An accept loop panicked, most likely in an observer; the server has stopped in order.
    #[error("an accept loop has panicked")]
    AcceptLoop,
}

/// What all connections of a server share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) logins: Logins,
    pub(crate) shutdown: Arc<Shutdown>,
    pub(crate) sessions: AtomicU64,
}

impl Shared {
    /// Those of the mechanisms that the verifier serves.
    fn usable(&self, mechanisms: Mechanisms) -> Mechanisms {
        mechanisms.intersection(self.logins.mechanisms())
    }

    #[cfg(feature = "testkit")]
    pub(crate) fn session_config(&self) -> SessionConfig {
        let networks = &self.settings.bare_newline_networks;
        let mut config = self.settings.session.clone();
        config.auth.mechanisms = self.usable(config.auth.mechanisms);
        SessionConfig::new(&config, networks, Vec::new(), Vec::new())
    }
}

impl Server {
    /// A server without listeners.
    pub fn new(settings: Settings) -> Self {
        let micros = SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap_or_default()
            .as_micros();
        let sessions = AtomicU64::new(u64::try_from(micros).unwrap_or_default());
        let shutdown = Arc::new(Shutdown::new());
        let logins = Logins::new(settings.verifier.clone(), settings.failed_logins_per_minute);
        let shared = Arc::new(Shared {
            settings,
            logins,
            shutdown,
            sessions,
        });
        Self {
            listeners: Vec::new(),
            shared,
        }
    }

    /// A server with the default settings, named `localhost`, on one TCP address. Port 0 takes a
    /// free one, which [`local_addr`](Self::local_addr) tells.
    pub async fn bind(
        address: impl tokio::net::ToSocketAddrs + fmt::Debug,
    ) -> Result<Self, ListenError> {
        let name = format!("{address:?}");
        let mut addresses = tokio::net::lookup_host(address)
            .await
            .map_err(|_| ListenError::Address(name.clone()))?;
        let address = addresses.next().ok_or(ListenError::Address(name))?;
        let localhost: Domain = "localhost"
            .parse()
            .map_err(|_| ListenError::Address("localhost".to_owned()))?;
        let mut server = Self::new(Settings::new(localhost));
        server.listen_tcp(address, ListenerSettings::default())?;
        Ok(server)
    }

    /// Listens on a TCP address.
    pub fn listen_tcp(
        &mut self,
        address: impl ToSocketAddrs + fmt::Debug,
        settings: ListenerSettings,
    ) -> Result<SocketAddr, ListenError> {
        let name = || format!("{address:?}");
        let address = address
            .to_socket_addrs()
            .ok()
            .and_then(|mut addresses| addresses.next())
            .ok_or_else(|| ListenError::Address(name()))?;
        let backlog = settings.backlog.unwrap_or(BACKLOG);
        let socket = ListenerSocket::bind_tcp(address, backlog)
            .map_err(|error| listen_error(&address, error))?;
        let bound = match &socket {
            ListenerSocket::Tcp(listener) => listener.local_addr(),
            ListenerSocket::Unix(..) => Ok(address),
        };
        self.add(socket, settings)?;
        bound.map_err(|error| listen_error(&address, error))
    }

    /// Listens on a Unix socket. A file left over from a process that is gone is replaced.
    pub fn listen_unix(
        &mut self,
        path: &Path,
        settings: ListenerSettings,
    ) -> Result<(), ListenError> {
        let backlog = settings.backlog.unwrap_or(BACKLOG);
        let socket = ListenerSocket::bind_unix(path, backlog)
            .map_err(|error| listen_error(&path.display(), error))?;
        self.add(socket, settings)
    }

    /// Takes over a TCP socket that listens already, from a service manager for instance.
    pub fn adopt_tcp(
        &mut self,
        listener: std::net::TcpListener,
        settings: ListenerSettings,
    ) -> Result<(), ListenError> {
        let socket = ListenerSocket::adopt_tcp(listener)
            .map_err(|error| listen_error(&"an inherited socket", error))?;
        self.add(socket, settings)
    }

    /// Takes over a Unix socket that listens already.
    pub fn adopt_unix(
        &mut self,
        listener: std::os::unix::net::UnixListener,
        settings: ListenerSettings,
    ) -> Result<(), ListenError> {
        let socket = ListenerSocket::adopt_unix(listener, None)
            .map_err(|error| listen_error(&"an inherited socket", error))?;
        self.add(socket, settings)
    }

    /// The address of the first TCP listener; `0.0.0.0:0` without one.
    pub fn local_addr(&self) -> SocketAddr {
        let tcp = self
            .addresses()
            .into_iter()
            .find_map(|address| match address {
                BoundAddress::Tcp(address) => Some(address),
                BoundAddress::Unix(_) => None,
            });
        tcp.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)))
    }

    /// Where the server listens.
    pub fn addresses(&self) -> Vec<BoundAddress> {
        let address = |listener: &Listener| match &listener.socket {
            ListenerSocket::Tcp(socket) => socket.local_addr().ok().map(BoundAddress::Tcp),
            ListenerSocket::Unix(_, socket) => {
                let path = socket.local_addr().ok();
                let path = path.and_then(|a| a.as_pathname().map(Path::to_owned));
                Some(BoundAddress::Unix(path))
            }
        };
        self.listeners.iter().filter_map(address).collect()
    }

    /// A handle that stops the server.
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        ShutdownHandle(Arc::clone(&self.shared.shutdown))
    }

    /// Connections under way.
    pub fn connections(&self) -> usize {
        self.shared.shutdown.connections()
    }

    /// The same server once more, to be served on another runtime: same sockets, same limits,
    /// same stop. Whichever runtime is free takes the next connection, so a busy one holds none
    /// up, and no queue of its own is lost with any of them.
    pub fn try_clone(&self) -> io::Result<Self> {
        let clone = |listener: &Listener| {
            let config = Arc::clone(&listener.config);
            Ok(Listener {
                socket: listener.socket.try_clone()?,
                config,
            })
        };
        let listeners = self
            .listeners
            .iter()
            .map(clone)
            .collect::<io::Result<_>>()?;
        Ok(Self {
            listeners,
            shared: Arc::clone(&self.shared),
        })
    }

    /// Serves until the server is stopped and all its connections have ended.
    pub async fn serve<H: Handler>(self, handler: H) -> Result<(), ServeError> {
        if self.listeners.is_empty() {
            return Err(ServeError::NoListener);
        }
        let (handler, shared) = (Arc::new(handler), self.shared);
        let mut loops = JoinSet::new();
        for Listener { socket, config } in self.listeners {
            let acceptor = socket.register().map_err(ServeError::Register)?;
            let config = Arc::unwrap_or_clone(config).with_promises(handler.promises());
            let config = Arc::new(config);
            let (handler, shared) = (Arc::clone(&handler), Arc::clone(&shared));
            loops.spawn(async move { accept_loop(&acceptor, &config, &handler, &shared).await });
        }
        let shutdown = &shared.shutdown;
        let mut outcome = Ok(());
        while let Some(ended) = loops.join_next().await {
            if ended.is_err() {
                // Better no server, which is noticed, than one that is deaf on one address.
                outcome = Err(ServeError::AcceptLoop);
                ShutdownHandle(Arc::clone(shutdown)).drain();
            }
        }
        if timeout(shared.settings.drain, shutdown.all_left())
            .await
            .is_err()
        {
            ShutdownHandle(Arc::clone(shutdown)).force();
            shutdown.all_left().await;
        }
        outcome
    }

    #[cfg(feature = "testkit")]
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    fn add(
        &mut self,
        socket: ListenerSocket,
        settings: ListenerSettings,
    ) -> Result<(), ListenError> {
        if settings.tls != TlsMode::None && self.shared.settings.tls.is_none() {
            return Err(ListenError::NoCertificate);
        }
        let mut config: Config = self.shared.settings.session.clone();
        config.quirks = settings.quirks.unwrap_or(config.quirks);
        config.protocol = settings.protocol;
        config.tls = settings.tls;
        config.auth = settings.auth;
        config.auth.mechanisms = self.shared.usable(settings.auth.mechanisms);
        if config.auth.demand != AuthDemand::Never && config.auth.mechanisms.is_empty() {
            return Err(ListenError::NoVerifier);
        }
        let networks = &self.shared.settings.bare_newline_networks;
        let config =
            SessionConfig::new(&config, networks, settings.proxy_protocol, settings.xclient);
        self.listeners.push(Listener {
            socket,
            config: Arc::new(config),
        });
        Ok(())
    }
}

fn listen_error(address: &dyn fmt::Display, source: io::Error) -> ListenError {
    let address = address.to_string();
    match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse(address),
        _ => ListenError::Io { address, source },
    }
}
