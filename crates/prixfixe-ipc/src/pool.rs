//! Clients that many threads share.

mod attendant;
mod places;
mod settings;

pub use settings::{PoolSettings, PoolStatistics};

use std::io;
use std::num::NonZeroU16;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::address::Address;
use crate::call::Call;
use crate::client::{Client, ConnectError, Connector, after};
use crate::outcome::{Cause, Executed, Failure, Outcome};
use crate::typed::{Buffer, Call as TypedCall, ReplyView, Request};
use places::{Claimed, Places};

/// Channels to one server that any number of threads call over, each call alone on its channel.
///
/// A thread has the channel that it had last time, if that is free, else another, else a new one up to
/// [`PoolSettings::max_channels`]. When all are in use it waits its turn, in the order of coming, until
/// the deadline of its call; a newcomer may be quicker than one who is still asleep, but not twice. Clones are the same pool.
///
/// ```no_run
/// use prixfixe_ipc::{Address, Outcome, Pool};
///
/// let pool = Pool::connect(&Address::path("/run/echo.sock")?)?;
/// std::thread::scope(|scope| {
///     for _ in 0..100 {
///         scope.spawn(|| {
///             let mut reply = [0; 64];
///             match pool.call_into(b"hello", &mut reply) {
///                 Outcome::Completed(length) => println!("{:?}", &reply[..length]),
///                 Outcome::Refused(refusal) => eprintln!("{refusal}"),
///                 Outcome::Failed(failure) => eprintln!("{failure}"),
///             }
///         });
///     }
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cost
/// Where a channel is free, taking it is one compare-and-swap on a cache line that no other thread has
/// business with, and giving it back is a store and a fence: nobody waits for anybody, nothing is
/// allocated, and neither the clock nor the kernel is asked. Threads queue behind a lock only when all
/// channels are in use.
///
/// # Connections
/// All channels share one socket, hence one descriptor. When the server goes or says that it will, idle
/// channels are closed at once, by a thread of the pool that sleeps until then; one under a call is left
/// to the call, which ends or is sent again as [`Client::call`] has it. The next call finds the next server. Channels that
/// nobody used for [`PoolSettings::idle_timeout`] are closed; a pool without any has no timer.
///
/// # Asynchronous callers
/// They need no pool: an [`AsyncClient`](crate::AsyncClient) is shared as it is, with many calls in
/// flight on one channel.
#[derive(Clone)]
pub struct Pool {
    inner: Arc<Inner>,
}

/// What the clones of a pool share.
struct Inner {
    connector: Connector,
    places: Places,
    /// Sleeps while nothing is open.
    attendant: Thread,
}

/// A client of a pool, for one thread alone until it is dropped.
pub struct PooledClient<'p> {
    claimed: Claimed<'p>,
}

impl Pool {
    /// Connects to the server at `address`, with the default [`PoolSettings`].
    ///
    /// # Errors
    /// When nobody listens there, the server refuses, or no thread can be made.
    pub fn connect(address: &Address) -> Result<Self, ConnectError> {
        let connector = Connector::new(address.clone());
        // The first call finds this connection made.
        let first = connector.client()?;
        let settings = PoolSettings::default();
        let pool = Self::over(connector, settings.max_channels, settings.idle_timeout)?;
        drop(first);
        Ok(pool)
    }

    /// A pool with settings of one's own. Nothing is connected yet.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn with_settings(address: Address, settings: PoolSettings) -> io::Result<Self> {
        let connector = Connector::with_options(address, settings.client);
        Self::over(connector, settings.max_channels, settings.idle_timeout)
    }

    fn over(
        connector: Connector,
        max_channels: NonZeroU16,
        idle_timeout: Duration,
    ) -> io::Result<Self> {
        let places = Places::new(&connector, max_channels.get());
        let inner = attendant::spawn(idle_timeout, |attendant| Inner {
            connector,
            places,
            attendant,
        })?;
        Ok(Self { inner })
    }

    /// Makes a call, puts the reply into `reply` and returns its length, as [`Client::call_into`]. The
    /// time that it waits for a channel is part of the call's.
    ///
    /// When no channel is free in time it ends as [`Cause::NoFreeChannel`], and was not executed.
    pub fn call_into<'c>(&self, call: impl Into<Call<'c>>, reply: &mut [u8]) -> Outcome<usize> {
        let call = call.into();
        match self.client_for(call.timeout_value()) {
            Ok((mut client, left)) => client.call_into(call.timeout(left), reply),
            Err(failure) => Outcome::Failed(failure),
        }
    }

    /// Makes a typed call, and else as [`Pool::call_into`].
    pub fn call_typed<'b, 'c, R: Request>(
        &self,
        call: impl Into<TypedCall<'c, R>>,
        buffer: &'b mut Buffer,
    ) -> Outcome<ReplyView<'b, R>> {
        let call = call.into();
        match self.client_for(call.timeout_value()) {
            Ok((mut client, left)) => client.call_typed(call.timeout(left), buffer),
            Err(failure) => Outcome::Failed(failure),
        }
    }

    /// A client for several calls, waited for as long as `timeout`. Who holds one holds a channel.
    ///
    /// # Errors
    /// When none is free in time.
    pub fn client(&self, timeout: Duration) -> Result<PooledClient<'_>, Failure> {
        self.client_for(timeout).map(|(client, _)| client)
    }

    /// Asks the server whether its loop turns, as [`Client::ping`], and takes no channel for it.
    ///
    /// A pool needs none of this to notice that a server is gone, which the kernel tells it; it is for
    /// who wants to know that a server works before it is called.
    ///
    /// # Errors
    /// As [`Client::ping`].
    pub fn ping(&self, timeout: Duration) -> Result<Duration, Cause> {
        self.inner.connector.ping(timeout)
    }

    /// What goes on.
    pub fn statistics(&self) -> PoolStatistics {
        self.inner.places.statistics()
    }

    /// A client, and what is left of the time for a call.
    fn client_for(&self, timeout: Duration) -> Result<(PooledClient<'_>, Duration), Failure> {
        let places = &self.inner.places;
        if let Some(claimed) = places.claim() {
            return Ok((self.opened(claimed), timeout));
        }
        let until = after(Instant::now(), timeout);
        let claimed = places.wait(until).ok_or(Failure {
            cause: Cause::NoFreeChannel,
            executed: Executed::No,
        })?;
        let left = until.saturating_duration_since(Instant::now());
        Ok((self.opened(claimed), left))
    }

    fn opened<'p>(&'p self, mut claimed: Claimed<'p>) -> PooledClient<'p> {
        if claimed.open() {
            self.inner.attendant.unpark();
        }
        PooledClient { claimed }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(link) = self.connector.current_link() {
            link.hang_up();
        }
        self.attendant.unpark();
    }
}

impl Deref for PooledClient<'_> {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.claimed.client()
    }
}

impl DerefMut for PooledClient<'_> {
    fn deref_mut(&mut self) -> &mut Client {
        self.claimed.client_mut()
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Pool")
            .field("address", self.inner.connector.address())
            .field("statistics", &self.statistics())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for PooledClient<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_tuple("PooledClient")
            .field(&**self)
            .finish()
    }
}
