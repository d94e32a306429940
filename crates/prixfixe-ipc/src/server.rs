//! The server: one thread that takes calls from all clients and answers them.

mod async_handler;
mod budget;
mod channels;
mod config;
mod control;
mod domains;
mod drain;
mod events;
mod execution;
mod faults;
mod greetings;
mod handler;
mod lent;
mod links;
mod long_message;
mod page;
mod round;
mod spares;
mod statistics;
mod stream_body;
mod stream_desk;
mod streams;
mod token;
mod unshown;
mod vain_rings;
mod window;

pub use async_handler::{AsyncHandler, OwnedReply, OwnedRequest};
pub use config::{ServerConfig, TrustDomains};
pub use events::{ClientIdentity, DropReason, ServerEvent};
#[cfg(feature = "testing")]
pub(crate) use faults::Faults;
pub use handler::{Handler, Reply, Request};

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::address::Address;
use crate::sys::{self, BindFailure, Doorbell, Listener};
use execution::{Immediate, Slots, Woken};
use page::ServerPageWriter;
use round::Core;

/// A server that is bound to its address and answers nobody yet.
///
/// ```no_run
/// use prixfixe_ipc::{Address, Reply, Request, Server, ServerConfig};
///
/// let server = Server::bind(&Address::path("/run/echo.sock")?, ServerConfig::default())?;
/// server.serve(|request: Request<'_>, reply: &mut Reply<'_>| reply.write(request.payload()))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Server {
    listener: Listener,
    config: ServerConfig,
    stop: Stopper,
}

/// Stops a server from another thread, or from a handler.
#[derive(Clone, Debug)]
pub struct Stopper {
    shared: Arc<StopFlag>,
}

#[derive(Debug)]
struct StopFlag {
    stopping: AtomicBool,
    /// When a drain is over, once one was asked for.
    drain_until: OnceLock<Instant>,
    bell: Doorbell,
}

/// Why a server could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The address cannot be had.
    #[error(transparent)]
    Address(#[from] BindFailure),
    /// An inherited descriptor is not what a server listens on.
    #[error(transparent)]
    Inherited(#[from] sys::BadListener),
    /// A system call failed.
    #[error(transparent)]
    System(#[from] io::Error),
}

impl Server {
    /// Listens at `address`. What a dead server left there is replaced; a live one is not.
    ///
    /// # Errors
    /// When another server answers there, or the address cannot be had.
    pub fn bind(address: &Address, config: ServerConfig) -> Result<Self, BindError> {
        let listener = Listener::bind(address, &config.access)?;
        Self::with_listener(listener, config)
    }

    /// Listens on a socket that was handed down, by systemd or by a parent process: a listening
    /// `SOCK_SEQPACKET` socket of the Unix domain.
    ///
    /// # Errors
    /// When it is something else.
    pub fn inherit(
        listener: std::os::fd::OwnedFd,
        config: ServerConfig,
    ) -> Result<Self, BindError> {
        Self::with_listener(Listener::from_fd(listener)?, config)
    }

    /// Listens on a socket that systemd passed to this process, chosen by its place (`0`) or its name
    /// (`"calls"`), as sd_listen_fds(3) describes. It can be taken once, and children do not get it.
    ///
    /// Clients that connect while no server runs wait for the next one: a server that drains leaves
    /// them to its successor, so a restart refuses nobody.
    ///
    /// ```ini
    /// # /etc/systemd/system/calls.socket
    /// [Socket]
    /// ListenSequentialPacket=/run/calls.sock
    /// SocketMode=0660
    /// FileDescriptorName=calls
    ///
    /// [Install]
    /// WantedBy=sockets.target
    /// ```
    ///
    /// ```no_run
    /// use prixfixe_ipc::{Reply, Request, Server, ServerConfig};
    ///
    /// let server = Server::from_systemd("calls", ServerConfig::default())?;
    /// server.serve(|request: Request<'_>, reply: &mut Reply<'_>| reply.write(request.payload()))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Who may connect is for the unit to say, and for [`ServerConfig::admitted`];
    /// [`ServerConfig::access`] is not looked at. systemd listens as root, or as the user whose
    /// instance it is, which clients trust by default.
    ///
    /// # Errors
    /// When no such socket was passed, or it is of another kind.
    pub fn from_systemd<'n>(
        socket: impl Into<sys::PassedSocket<'n>>,
        config: ServerConfig,
    ) -> Result<Self, BindError> {
        Self::with_listener(Listener::passed(socket.into())?, config)
    }

    fn with_listener(listener: Listener, config: ServerConfig) -> Result<Self, BindError> {
        let shared = StopFlag {
            stopping: AtomicBool::new(false),
            drain_until: OnceLock::new(),
            bell: Doorbell::create()?,
        };
        Ok(Self {
            listener,
            config,
            stop: Stopper {
                shared: Arc::new(shared),
            },
        })
    }

    /// What stops this server.
    pub fn stopper(&self) -> Stopper {
        self.stop.clone()
    }

    /// Serves on this thread until it is stopped. `handler` answers one call after the other.
    ///
    /// # Errors
    /// When the system gives no memory or no poller to begin with. Nothing a client does ends it.
    pub fn serve(self, handler: impl Handler) -> io::Result<()> {
        let max_payload = self.config.max_sizes.max_payload();
        let execution = |_: &_| Immediate::new(handler, max_payload);
        Core::new(self.listener, self.config, self.stop, execution)?.run()
    }

    /// Serves on this thread until it is stopped. `handler` answers up to
    /// [`ServerConfig::max_running`] calls at the same time; [`AsyncHandler`] says how it uses tokio.
    ///
    /// # Errors
    /// As [`Server::serve`].
    pub fn serve_async(self, handler: impl AsyncHandler) -> io::Result<()> {
        let max_payload = self.config.max_sizes.max_payload();
        let max_running = self.config.max_running.get();
        let stop = self.stop.clone();
        let execution = |page: &ServerPageWriter| {
            let woken = Woken::new(max_running, page.sleeping.clone(), stop);
            Slots::new(handler, Arc::new(woken), max_payload)
        };
        Core::new(self.listener, self.config, self.stop, execution)?.run()
    }

    /// Serves on a thread of its own, until the returned handle is dropped or stopped.
    ///
    /// # Errors
    /// When the thread cannot be made.
    pub fn spawn(self, handler: impl Handler + Send + 'static) -> io::Result<RunningServer> {
        self.on_thread(|server| server.serve(handler))
    }

    /// As [`Server::spawn`], for a handler whose answers take time.
    ///
    /// # Errors
    /// When the thread cannot be made.
    pub fn spawn_async(
        self,
        handler: impl AsyncHandler + Send + 'static,
    ) -> io::Result<RunningServer> {
        self.on_thread(|server| server.serve_async(handler))
    }

    fn on_thread(
        self,
        serve: impl FnOnce(Self) -> io::Result<()> + Send + 'static,
    ) -> io::Result<RunningServer> {
        let stop = self.stopper();
        let thread = std::thread::Builder::new()
            .name("prixfixe-ipc".to_owned())
            .spawn(move || serve(self))?;
        Ok(RunningServer {
            stop,
            thread: Some(thread),
        })
    }
}

impl Stopper {
    /// Lets the server finish what it has taken, `within` that time, and then stop.
    ///
    /// It closes its address at once, so that a successor can be bound there, and tells every client.
    /// Those make their next call elsewhere, as soon as somebody answers at the address again. What
    /// comes nevertheless is not taken; it was certainly not executed, and clients send it to the
    /// successor within its time. The server hangs up when nothing runs any more, or when the time is
    /// over: what an [`AsyncHandler`] still runs then is dropped, and may have been executed. A
    /// [`Handler`] that does not return holds this up like everything else.
    ///
    /// A second call changes nothing; [`Stopper::stop`] ends it early.
    pub fn drain(&self, within: Duration) {
        let until = crate::client::after(Instant::now(), within);
        // One that was asked for before goes on.
        let _ = self.shared.drain_until.set(until);
        self.shared.bell.ring();
    }

    /// Stops the server: what was taken is answered, the rest was certainly not executed. Of an
    /// [`AsyncHandler`], what still runs is dropped.
    pub fn stop(&self) {
        // Release: what the caller did before is seen by the server that stops for it.
        self.shared.stopping.store(true, Ordering::Release);
        self.shared.bell.ring();
    }

    #[cfg(feature = "testing")]
    pub(crate) fn is_of_same_server(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    fn is_stopping(&self) -> bool {
        // Acquire: with the release of `stop`.
        self.shared.stopping.load(Ordering::Acquire)
    }

    /// Until when the server may drain, if it shall.
    fn drain_until(&self) -> Option<Instant> {
        self.shared.drain_until.get().copied()
    }

    fn bell(&self) -> &Doorbell {
        &self.shared.bell
    }
}

/// A server on a thread of its own. Dropping it stops the server and waits for it.
#[derive(Debug)]
pub struct RunningServer {
    stop: Stopper,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl RunningServer {
    /// What stops it.
    pub fn stopper(&self) -> Stopper {
        self.stop.clone()
    }

    /// Lets it finish what it has taken, as [`Stopper::drain`], and says how it ended.
    ///
    /// # Errors
    /// As [`Server::serve`].
    pub fn drain(mut self, within: Duration) -> io::Result<()> {
        self.stop.drain(within);
        self.join()
    }

    /// Stops it and says how it ended.
    ///
    /// # Errors
    /// As [`Server::serve`].
    pub fn stop(mut self) -> io::Result<()> {
        self.stop.stop();
        self.join()
    }

    fn join(&mut self) -> io::Result<()> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ended)) => ended,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Ok(()),
        }
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            // A panic of the server was shown when it happened; a second one here would abort.
            let _ = thread.join();
        }
    }
}
