//! How a server is set up.

use std::cell::Cell;
use std::fmt;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::budget::Budget;
use super::events::ServerEvent;
use super::faults::Source;
use super::stream_desk::StreamLimits;
use crate::address::SocketAccess;
use crate::credentials::{Credentials, PeerPolicy};
use crate::layout::ChannelSizes;
use crate::stream::{DEFAULT_MAX_MESSAGE, DEFAULT_STREAM_WINDOW};
use crate::sys;

/// The limits and the policy of a server. The defaults serve a thousand local clients of one user.
#[derive(Clone)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Mode and owner of the socket file.
    pub access: SocketAccess,
    /// Who may connect. By default the same user and root.
    pub admitted: PeerPolicy,
    /// Who shares a doorbell with whom.
    pub trust_domains: TrustDomains,
    /// The largest sizes that a client may ask for.
    pub max_sizes: ChannelSizes,
    /// Client processes at most; beyond, connecting is refused.
    pub max_clients: usize,
    /// Channels at most, of all clients together.
    pub max_channels: usize,
    /// Channels of one client process at most.
    pub max_channels_per_client: usize,
    /// Connections at most that have not finished their handshake.
    pub max_handshakes: usize,
    /// How long a handshake may take.
    pub handshake_timeout: Duration,
    /// Calls at most that an [`AsyncHandler`](crate::AsyncHandler) works on at the same time, of all
    /// clients together. For each, room for the longest request and the longest reply is set aside.
    pub max_running: NonZeroUsize,
    /// Octets of items that may lie here of each stream and direction, sent and not fetched. More lets
    /// a stream flow over longer pauses of who reads it. At least half a ring is set aside.
    pub stream_window: usize,
    /// The longest item of a stream, in octets.
    pub max_message: usize,
    /// Streams that a client process may have open, of all its channels; more are refused as busy. Each
    /// has a handler wait for its client.
    pub max_streams_per_client: usize,
    /// Octets that the server keeps at most for the streams and long messages of a client process. A stream
    /// counts as four of its windows, a long call as its request and the longest reply that it asks for,
    /// and a sealed request from when its memory came, before its call has; beyond, they are refused as busy.
    pub max_held_per_client: usize,
    /// Octets of shared memory that the channels of a client process may come to: the sum of their
    /// segments, each of two rings and a page, touched or not. More channels are refused. Idle rings are
    /// given back, but a client that wants to can keep all of this touched; it is then the most that it
    /// costs the server.
    pub max_shared_per_client: usize,
    pub(super) on_event: Option<Listener>,
    /// What goes wrong with calls, in tests.
    pub(super) faults: Source,
}

/// Whom a server tells what happens.
pub(super) type Listener = Arc<dyn Fn(&ServerEvent) + Send + Sync>;

/// Who can take away or waste the wake-ups of whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrustDomains {
    /// All processes of a user share a doorbell: they could stop each other in other ways, too.
    #[default]
    PerUser,
    /// Each client process has its own, for one more descriptor each. None may
    /// [lend](crate::Call::sealed) the server memory, nor is memory of its replies given back: for that
    /// the server waits for locks that a client can hold.
    PerClient,
}

impl TrustDomains {
    /// Whether the server may wait for what this client can delay. One of its own user could stop it in
    /// other ways, too.
    pub(super) fn trusts(self, client: &Credentials) -> bool {
        self == Self::PerUser && (sys::is_own_user(client.uid) || client.uid == ROOT)
    }
}

/// Who may do anything.
const ROOT: u32 = 0;

/// Enough to wait for many at once, and little enough that their buffers stay below 3 MB where
/// messages have up to 16 KiB.
const MAX_RUNNING: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// Half as many as handlers: no process alone takes them all.
const MAX_STREAMS_PER_CLIENT: usize = MAX_RUNNING.get() / 2;
/// Room for a dozen calls with the longest messages there and back, in octets.
const MAX_HELD_PER_CLIENT: usize = 512 << 20;
/// Room for as many channels of the default sizes as a process may have, and as much again, in octets.
const MAX_SHARED_PER_CLIENT: usize = 1 << 30;

impl ServerConfig {
    /// What a client process may have.
    pub(super) fn budget(&self, lent_of_all: &Rc<Cell<usize>>) -> Rc<Budget> {
        let (streams, octets) = (self.max_streams_per_client, self.max_held_per_client);
        Budget::new(streams, octets, lent_of_all)
    }

    /// What streams of a channel of these sizes may hold.
    pub(super) fn stream_limits(&self, sizes: ChannelSizes) -> StreamLimits {
        let window = sizes.stream_window(self.stream_window);
        StreamLimits::new(sizes, window, self.max_message)
    }

    /// Calls `listener` for everything that happens to connections, on the server's thread: it should
    /// be quick.
    #[must_use]
    pub fn on_event(mut self, listener: impl Fn(&ServerEvent) + Send + Sync + 'static) -> Self {
        self.on_event = Some(Arc::new(listener));
        self
    }

    #[cfg(feature = "testing")]
    pub(crate) fn with_faults(mut self, faults: Arc<dyn super::Faults>) -> Self {
        self.faults = Source(Some(faults));
        self
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            access: SocketAccess::default(),
            admitted: PeerPolicy::default(),
            trust_domains: TrustDomains::default(),
            max_sizes: ChannelSizes::default(),
            max_clients: 10_000,
            max_channels: 10_000,
            max_channels_per_client: 1_000,
            max_handshakes: 64,
            handshake_timeout: Duration::from_secs(5),
            max_running: MAX_RUNNING,
            stream_window: DEFAULT_STREAM_WINDOW,
            max_message: DEFAULT_MAX_MESSAGE,
            max_streams_per_client: MAX_STREAMS_PER_CLIENT,
            max_held_per_client: MAX_HELD_PER_CLIENT,
            max_shared_per_client: MAX_SHARED_PER_CLIENT,
            on_event: None,
            faults: Source::default(),
        }
    }
}

impl fmt::Debug for ServerConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ServerConfig")
            .field("admitted", &self.admitted)
            .field("trust_domains", &self.trust_domains)
            .field("max_sizes", &self.max_sizes)
            .field("max_clients", &self.max_clients)
            .field("max_channels", &self.max_channels)
            .finish_non_exhaustive()
    }
}
