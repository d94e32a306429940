//! The client processes of a server.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::budget::Budget;
use super::events::ClientIdentity;
use crate::sys::{Socket, WakeSender};
use crate::wake::Waker;

/// A connected process, from `accept` on.
pub(super) struct Link {
    pub(super) socket: Socket,
    pub(super) identity: ClientIdentity,
    /// Whether the server may wait for it: see [`TrustDomains::trusts`](super::config::TrustDomains::trusts).
    pub(super) trusted: bool,
    pub(super) state: LinkState,
    /// Its channels.
    pub(super) channels: Vec<usize>,
    /// The last window of time in which it had a call served.
    pub(super) active_in: u64,
    pub(super) rings: Rings,
    /// Made for the first call that needs some of it.
    pub(super) budget: Option<Rc<Budget>>,
}

impl Link {
    /// Whether the server takes descriptors and memory of it.
    pub(super) fn may_lend(&self) -> bool {
        self.trusted && matches!(self.state, LinkState::Serving { .. })
    }
}

/// The *ring* and *ping* messages of a process in the current second.
pub(super) struct Rings {
    since: Instant,
    count: usize,
}

/// Messages in a second beyond the rings that its channels may need: for its pings.
const SPARE_RINGS: usize = 64;
/// Rings in a second that each channel may need: one in 50 ms, twice over.
const RINGS_PER_CHANNEL: usize = 40;

impl Rings {
    pub(super) fn new() -> Self {
        Self {
            since: Instant::now(),
            count: 0,
        }
    }

    /// Counts one more. False when that is more than a process with so many channels can have need of.
    pub(super) fn count(&mut self, channels: usize) -> bool {
        let now = Instant::now();
        if now.duration_since(self.since) >= Duration::from_secs(1) {
            *self = Self {
                since: now,
                count: 0,
            };
        }
        self.count += 1;
        self.count <= SPARE_RINGS + RINGS_PER_CHANNEL * channels
    }
}

/// How far a connection has come.
pub(super) enum LinkState {
    /// It has to say hello before this time.
    Greeting { until: Instant },
    /// It belongs to a trust domain.
    Serving {
        domain: usize,
        /// How it is woken, where it is asynchronous.
        wake: Option<LinkWake>,
    },
    /// It only looks at the statistics.
    Observing,
}

/// How an asynchronous process is woken.
pub(super) struct LinkWake {
    pub(super) sleeping: Waker,
    pub(super) sender: WakeSender,
}
