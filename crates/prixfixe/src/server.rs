//! The server: listeners, the accept loop, and the way to an orderly end.

use std::{
    fmt, io,
    net::{SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use prixfixe_proto::{Config, Domain, Refusal, SessionFacts};
use tokio::{task::JoinSet, time::timeout};

use crate::{
    Client, Event, Handler, ListenerSettings, RefusedConnection, SessionId, Settings,
    ShutdownHandle, connection,
    listener::{Acceptor, BACKLOG, Listener, ListenerSocket},
    session_config::SessionConfig,
    shutdown::{Phase, Shutdown},
    stream::Stream,
    timer::now,
};

/// How long accepting pauses when it fails: descriptors come back when sessions end, and trying
/// at once again would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often the log says so while it lasts: it can last for hours.
const ACCEPT_WARNING_PAUSE: Duration = Duration::from_secs(60);

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
    /// The system refused it.
    #[error("cannot listen on {address}: {source}")]
    Io {
        /// Where.
        address: String,
        /// Why.
        source: io::Error,
    },
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
}

/// What all connections of a server share.
#[derive(Debug)]
pub(crate) struct Shared {
    settings: Settings,
    shutdown: Arc<Shutdown>,
    sessions: AtomicU64,
}

impl Shared {
    #[cfg(feature = "testkit")]
    pub(crate) fn session_config(&self) -> SessionConfig {
        SessionConfig::new(self.settings.session.clone())
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
        let shared = Arc::new(Shared {
            settings,
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
        self.add(socket, settings);
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
        self.add(socket, settings);
        Ok(())
    }

    /// Takes over a TCP socket that listens already, from a service manager for instance.
    pub fn adopt_tcp(
        &mut self,
        listener: std::net::TcpListener,
        settings: ListenerSettings,
    ) -> Result<(), ListenError> {
        let socket = ListenerSocket::adopt_tcp(listener)
            .map_err(|error| listen_error(&"an inherited socket", error))?;
        self.add(socket, settings);
        Ok(())
    }

    /// Takes over a Unix socket that listens already.
    pub fn adopt_unix(
        &mut self,
        listener: std::os::unix::net::UnixListener,
        settings: ListenerSettings,
    ) -> Result<(), ListenError> {
        let socket = ListenerSocket::adopt_unix(listener, None)
            .map_err(|error| listen_error(&"an inherited socket", error))?;
        self.add(socket, settings);
        Ok(())
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
            let config = listener.config.clone();
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
            let (handler, shared) = (Arc::clone(&handler), Arc::clone(&shared));
            loops.spawn(async move { accept_loop(&acceptor, &config, &handler, &shared).await });
        }
        while loops.join_next().await.is_some() {}
        let shutdown = &shared.shutdown;
        if timeout(shared.settings.drain, shutdown.all_left())
            .await
            .is_err()
        {
            ShutdownHandle(Arc::clone(shutdown)).force();
            shutdown.all_left().await;
        }
        Ok(())
    }

    #[cfg(feature = "testkit")]
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    fn add(&mut self, socket: ListenerSocket, settings: ListenerSettings) {
        let mut config: Config = self.shared.settings.session.clone();
        config.quirks = settings.quirks.unwrap_or(config.quirks);
        self.listeners.push(Listener {
            socket,
            config: SessionConfig::new(config),
        });
    }
}

fn listen_error(address: &dyn fmt::Display, source: io::Error) -> ListenError {
    let address = address.to_string();
    match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse(address),
        _ => ListenError::Io { address, source },
    }
}

/// Accepts until the server drains; then turns away who is queued already, since closing the
/// socket would cut them off without a word.
async fn accept_loop<H: Handler>(
    acceptor: &Acceptor,
    config: &SessionConfig,
    handler: &Arc<H>,
    shared: &Arc<Shared>,
) {
    let mut warned = None;
    loop {
        tokio::select! {
            biased;
            () = shared.shutdown.reached(Phase::Draining) => break,
            accepted = acceptor.accept() => match accepted {
                Ok((stream, peer)) => take_on(stream, peer, config, handler, shared),
                Err(error) => accept_failed(&error, &mut warned, shared).await,
            },
        }
    }
    while let Ok(Ok((stream, _))) = timeout(Duration::ZERO, acceptor.accept()).await {
        turn_away(stream, RefusedConnection::Shutdown, shared);
    }
}

pub(crate) fn take_on<H: Handler>(
    stream: Stream,
    peer: Option<SocketAddr>,
    config: &SessionConfig,
    handler: &Arc<H>,
    shared: &Arc<Shared>,
) {
    let Some(permit) = shared.shutdown.enter(shared.settings.max_connections) else {
        return turn_away(stream, RefusedConnection::TooMany, shared);
    };
    shared.settings.observer.observe(&Event::Accepted);
    let client = Client {
        // Only uniqueness counts, so no order with anything else is needed.
        session: SessionId(shared.sessions.fetch_add(1, Ordering::Relaxed)),
        peer,
        since: now(),
        connected_at: SystemTime::now(),
        helo: None,
        extended: false,
        facts: SessionFacts::default(),
    };
    let exempt = shared
        .settings
        .exempt
        .iter()
        .any(|pattern| pattern.matches(peer));
    let (config, handler, shared) = (config.of(exempt), Arc::clone(handler), Arc::clone(shared));
    tokio::spawn(async move {
        let _permit = permit;
        let observer = &*shared.settings.observer;
        let shutdown = Arc::clone(&shared.shutdown);
        connection::serve(&*handler, observer, config, shutdown, stream, client).await;
    });
}

/// Says 421 and closes, without a session.
fn turn_away(stream: Stream, reason: RefusedConnection, shared: &Shared) {
    shared
        .settings
        .observer
        .observe(&Event::ConnectionRefused(reason));
    let refusal = match reason {
        RefusedConnection::TooMany => Refusal::new(421, 7, 0, "Too many connections, try later"),
        RefusedConnection::Shutdown => Ok(Refusal::shutting_down()),
    };
    if let Ok(refusal) = refusal {
        let mut line = Vec::new();
        refusal.write_to(&mut line);
        stream.dismiss(&line);
    }
}

async fn accept_failed(error: &io::Error, warned: &mut Option<Instant>, shared: &Shared) {
    shared.settings.observer.observe(&Event::AcceptFailed);
    // Its client has gone already; the next one may be fine.
    if error.kind() == io::ErrorKind::ConnectionAborted {
        return;
    }
    if warned.is_none_or(|last| now() - last >= ACCEPT_WARNING_PAUSE) {
        tracing::warn!(%error, "cannot accept connections; pausing");
        *warned = Some(now());
    }
    tokio::time::sleep(ACCEPT_PAUSE).await;
}
