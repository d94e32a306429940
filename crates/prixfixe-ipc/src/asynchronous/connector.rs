//! Connections of a process, as they are made, shared and made again.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::Mutex;

use super::driver::Driver;
use super::lanes::Lanes;
use super::live::{Counters, Hold, Live, NotJoined};
use super::state::Shared;
use super::{AsyncClient, Inner};
use crate::address::Address;
use crate::client::link::{Link, OpenedChannel};
use crate::client::{ClientOptions, ClientStatistics, ConnectError, back_off};
use crate::handshake::{ConnectRefusal, Role};
use crate::outcome::Cause;
use crate::sync::Ordering;
use crate::sys::ForkGuard;

/// Makes asynchronous clients of one server that share one control socket and one wake-up.
///
/// The first client starts a task on the runtime that it is made on, which runs as long as there are
/// clients; it needs IO and time enabled there. If that runtime ends, open calls end, too, and
/// the next call starts the task anew on the runtime that it is made on.
#[derive(Clone)]
pub struct AsyncConnector {
    core: Arc<Core>,
}

struct Core {
    address: Address,
    options: ClientOptions,
    guard: OnceLock<Arc<ForkGuard>>,
    /// Held while connecting, never during a call.
    live: Mutex<Option<Arc<Hold>>>,
    counters: Arc<Counters>,
}

/// A channel that was opened, and is closed again if nobody comes to use it.
struct Opened {
    hold: Arc<Hold>,
    channel: Option<OpenedChannel>,
}

impl AsyncConnector {
    /// A connector with the default options. Nothing is connected yet.
    pub fn new(address: Address) -> Self {
        Self::with_options(address, ClientOptions::default())
    }

    /// A connector with options of one's own.
    pub fn with_options(address: Address, options: ClientOptions) -> Self {
        Self {
            core: Arc::new(Core {
                address,
                options,
                guard: OnceLock::new(),
                live: Mutex::default(),
                counters: Arc::default(),
            }),
        }
    }

    /// Where the server is.
    pub fn address(&self) -> &Address {
        &self.core.address
    }

    /// A client with a channel of its own.
    ///
    /// # Errors
    /// When nobody listens there, the server refuses, or this is not called on a tokio runtime.
    ///
    /// # Panics
    /// When the runtime was built without IO or without time.
    pub async fn client(&self) -> Result<AsyncClient, ConnectError> {
        let guard = self.guard()?;
        let lanes = Lanes::new(guard, self.core.options.sizes);
        self.connect(&lanes.current().shared).await?;
        Ok(AsyncClient {
            inner: Arc::new(Inner {
                connector: self.clone(),
                lanes,
                reconnecting: Mutex::new(()),
                max_payload: self.core.options.sizes.max_payload() as usize,
                max_message: self.core.options.max_message,
            }),
        })
    }

    /// Asks the server whether its loop turns, and returns how long the answer took. See
    /// [`Client::ping`](crate::Client::ping).
    ///
    /// # Errors
    /// As [`Client::ping`](crate::Client::ping), and when this is not called on a tokio runtime.
    ///
    /// # Panics
    /// As [`AsyncConnector::client`].
    pub async fn ping(&self, timeout: Duration) -> Result<Duration, Cause> {
        let runtime = Handle::try_current().map_err(|_| Cause::Unreachable)?;
        let deadline = crate::client::after(Instant::now(), timeout);
        let reach = async {
            loop {
                let mut current = self.core.live.lock().await;
                if let Ok(hold) = self.usable(&mut current, &runtime).await {
                    return hold;
                }
                drop(current);
                tokio::time::sleep(back_off()).await;
            }
        };
        let hold = tokio::time::timeout_at(deadline.into(), reach).await;
        let hold = hold.map_err(|_| Cause::Unreachable)?;
        let pinged = runtime.spawn_blocking(move || hold.link.ping(deadline));
        // It fails only when the runtime ends.
        pinged.await.unwrap_or(Err(Cause::Unreachable))
    }

    /// What all clients of this connector have counted so far.
    pub fn statistics(&self) -> ClientStatistics {
        self.core.counters.read()
    }

    /// Attempts for ever: the caller's deadline ends it.
    pub(super) async fn reconnect(&self, shared: &Arc<Shared>) -> Result<(), Cause> {
        loop {
            match self.connect(shared).await {
                Ok(()) => {
                    // Relaxed: a number of its own.
                    self.core
                        .counters
                        .reconnects
                        .fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
                Err(_) if Handle::try_current().is_err() => return Err(Cause::Unreachable),
                Err(_) => tokio::time::sleep(back_off()).await,
            }
        }
    }

    /// One attempt to give `shared` a channel.
    async fn connect(&self, shared: &Arc<Shared>) -> Result<(), ConnectError> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        // Held also while the channel is opened: the server answers one after the other.
        let mut current = self.core.live.lock().await;
        let hold = self.usable(&mut current, &runtime).await?;
        let (sizes, stream_window) = (self.core.options.sizes, self.core.options.stream_window);
        let deadline = crate::client::after(Instant::now(), self.core.options.connect_timeout);
        let open = move || {
            let channel = hold.link.open(sizes, stream_window, deadline)?;
            Ok::<_, ConnectError>(Opened {
                hold,
                channel: Some(channel),
            })
        };
        let opened = runtime
            .spawn_blocking(open)
            .await
            .map_err(io::Error::other)??;
        drop(current);
        opened.join(shared)
    }

    /// The current link, made anew if it is of no use.
    async fn usable(
        &self,
        current: &mut Option<Arc<Hold>>,
        runtime: &Handle,
    ) -> Result<Arc<Hold>, ConnectError> {
        if let Some(hold) = current.as_ref().filter(|hold| hold.is_usable()) {
            return Ok(Arc::clone(hold));
        }
        let hold = self.link(runtime).await?;
        *current = Some(Arc::clone(&hold));
        Ok(hold)
    }

    /// Connects the process, and starts a driver for it.
    async fn link(&self, runtime: &Handle) -> Result<Arc<Hold>, ConnectError> {
        let guard = self.guard()?;
        let core = Arc::clone(&self.core);
        let connect = move || {
            Link::connect(
                &core.address,
                Role::Asynchronous,
                &core.options.trusted_servers,
                core.options.connect_timeout,
            )
        };
        let connected = runtime.spawn_blocking(connect).await;
        let (link, wake) = connected.map_err(io::Error::other)??;
        let wake = wake.ok_or(ConnectError::Protocol("nothing to be woken by"))?;
        let live = Arc::new(Live::new(link, Arc::clone(&self.core.counters)));
        let hold = Arc::new(Hold::new(Arc::clone(&live)));
        let driver = Driver::new(live, wake, guard)?;
        runtime.spawn(driver.run());
        Ok(hold)
    }

    fn guard(&self) -> io::Result<Arc<ForkGuard>> {
        if let Some(guard) = self.core.guard.get() {
            return Ok(Arc::clone(guard));
        }
        let guard = Arc::new(ForkGuard::new()?);
        Ok(Arc::clone(self.core.guard.get_or_init(|| guard)))
    }
}

impl std::fmt::Debug for AsyncConnector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("AsyncConnector")
            .field("address", &self.core.address)
            .field("options", &self.core.options)
            .finish_non_exhaustive()
    }
}

impl Opened {
    fn join(mut self, shared: &Arc<Shared>) -> Result<(), ConnectError> {
        let channel = self.channel.take().ok_or(ConnectError::NoAnswer)?;
        Live::join(&self.hold, channel, shared).map_err(|failure| match failure {
            NotJoined::Full => ConnectRefusal::Full.into(),
            NotJoined::Over => ConnectError::NoAnswer,
        })
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if let Some(channel) = &self.channel
            && !self.hold.link.is_forked()
        {
            self.hold.link.close(channel.number);
        }
    }
}
