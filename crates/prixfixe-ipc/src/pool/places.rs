//! The channels of a pool, and whose they are.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::Instant;

use super::PoolStatistics;
use crate::client::{Client, Connector};
use crate::turnstile::Turnstile;

/// A channel each, if it is open.
pub(super) struct Places {
    all: Box<[Padded]>,
    turnstile: Turnstile,
    counts: Counts,
}

/// Alone on its cache lines, so that threads on neighbouring places do not slow each other down.
#[repr(align(128))]
struct Padded(
    /// Only ever tried: who does not get it at once takes another place. So the lock is a mark of who
    /// owns the place, made and taken away by one instruction, and nobody sleeps on it.
    Mutex<Place>,
);

struct Place {
    client: Client,
    open: bool,
    /// How often it was claimed by a caller.
    uses: u64,
    /// The same at the attendant's last look.
    uses_seen: u64,
}

/// Written with a place claimed.
#[derive(Default)]
struct Counts {
    open: AtomicUsize,
    opened: AtomicU64,
    closed_idle: AtomicU64,
}

/// A place of which this thread is the owner. Given back when it is dropped: first the place, then
/// word of it.
pub(super) struct Claimed<'p> {
    place: MutexGuard<'p, Place>,
    counts: &'p Counts,
    _gives_back: GivesBack<'p>,
}

struct GivesBack<'p>(&'p Turnstile);

/// Which open channels to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Close {
    /// Those whose server has gone, or takes no more calls.
    Gone,
    /// Also those that nobody used since the last time.
    GoneOrUnused,
}

thread_local! {
    /// The place that this thread had last, in whatever pool.
    static HOME: Cell<usize> = const { Cell::new(0) };
}

impl Places {
    pub(super) fn new(connector: &Connector, count: u16) -> Self {
        let place = |_| {
            Padded(Mutex::new(Place {
                client: connector.unconnected(),
                open: false,
                uses: 0,
                uses_seen: 0,
            }))
        };
        Self {
            all: (0..count).map(place).collect(),
            turnstile: Turnstile::new(),
            counts: Counts::default(),
        }
    }

    /// A free place, if there is one and nobody waits for it.
    pub(super) fn claim(&self) -> Option<Claimed<'_>> {
        self.turnstile.try_enter(|| self.claim_any())
    }

    /// A place, waited for until then.
    pub(super) fn wait(&self, until: Instant) -> Option<Claimed<'_>> {
        let park = || {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            std::thread::park_timeout(left);
            true
        };
        self.turnstile.enter(|| self.claim_any(), park)
    }

    /// Closes channels that nobody uses at this moment.
    pub(super) fn close(&self, which: Close) {
        for index in 0..self.all.len() {
            if let Some(mut claimed) = self.claim_at(index) {
                claimed.close_if(which);
            }
        }
    }

    /// Channels that are open, in use or not.
    pub(super) fn open(&self) -> usize {
        // Relaxed: a count.
        self.counts.open.load(Ordering::Relaxed)
    }

    pub(super) fn statistics(&self) -> PoolStatistics {
        // Relaxed: counts.
        PoolStatistics {
            open: self.open(),
            waiting: usize::try_from(self.turnstile.waiting()).unwrap_or(usize::MAX),
            opened: self.counts.opened.load(Ordering::Relaxed),
            closed_idle: self.counts.closed_idle.load(Ordering::Relaxed),
        }
    }

    /// The place that this thread had last, else an open one, else one that is not open.
    fn claim_any(&self) -> Option<Claimed<'_>> {
        let home = HOME.get() % self.all.len();
        let mut closed = None;
        for index in (home..self.all.len()).chain(0..home) {
            let Some(claimed) = self.claim_at(index) else {
                continue;
            };
            if claimed.place.open {
                HOME.set(index);
                return Some(claimed);
            }
            closed = closed.or(Some((index, claimed)));
        }
        let (index, claimed) = closed?;
        HOME.set(index);
        Some(claimed)
    }

    fn claim_at(&self, index: usize) -> Option<Claimed<'_>> {
        let Padded(place) = self.all.get(index)?;
        let place = match place.try_lock() {
            Ok(place) => place,
            // A caller panicked between two calls; its client is whole.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(Claimed {
            place,
            counts: &self.counts,
            _gives_back: GivesBack(&self.turnstile),
        })
    }
}

impl Claimed<'_> {
    /// For a call, or several. True if it was not open before: it will be with the first call.
    pub(super) fn open(&mut self) -> bool {
        self.place.uses += 1;
        if self.place.open {
            return false;
        }
        self.place.open = true;
        // Relaxed: counts.
        self.counts.opened.fetch_add(1, Ordering::Relaxed);
        self.counts.open.fetch_add(1, Ordering::Relaxed);
        true
    }

    pub(super) fn client(&self) -> &Client {
        &self.place.client
    }

    pub(super) fn client_mut(&mut self) -> &mut Client {
        &mut self.place.client
    }

    fn close_if(&mut self, which: Close) {
        let unused = self.place.uses == self.place.uses_seen;
        if which == Close::GoneOrUnused {
            self.place.uses_seen = self.place.uses;
        }
        let close = (which == Close::GoneOrUnused && unused) || self.place.client.is_over();
        if self.place.open && close {
            self.close();
            // Relaxed: a count.
            self.counts.closed_idle.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn close(&mut self) {
        self.place.client.disconnect();
        self.place.open = false;
        // Relaxed: a count.
        self.counts.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        // Nobody has to wait for the notice of a server that its last caller found gone or going.
        if self.place.open && !self.place.client.takes_calls() {
            self.close();
        }
    }
}

impl Drop for GivesBack<'_> {
    fn drop(&mut self) {
        self.0.gave_back();
    }
}
