//! How long a handler has been busy with a message on its own account.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use crate::timer::now;

/// Tells the time a handler takes from the time it waits for the client: the deadline of a
/// verdict counts from the last octets the handler was given, and stands still while it waits
/// for more.
#[derive(Debug)]
pub(crate) struct Patience {
    start: Instant,
    /// Milliseconds from `start` to when the handler last got something, or [`ON_CLIENT`].
    busy_since_ms: AtomicU64,
}

const ON_CLIENT: u64 = u64::MAX;

impl Patience {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            start: now,
            busy_since_ms: AtomicU64::new(0),
        }
    }

    /// The handler waits for the client until the guard is dropped.
    pub(crate) fn on_client(&self) -> OnClient<'_> {
        // Written and read by the one task that polls the handler; atomic only so that its
        // future may move between threads.
        self.busy_since_ms.store(ON_CLIENT, Ordering::Relaxed);
        OnClient(self)
    }

    /// When the handler will have been busy for `limit`, unless it waits for the client.
    pub(crate) fn deadline(&self, limit: Duration) -> Option<Instant> {
        match self.busy_since_ms.load(Ordering::Relaxed) {
            ON_CLIENT => None,
            since => Some(self.start + Duration::from_millis(since) + limit),
        }
    }
}

/// While this is held, the handler waits for the client.
#[derive(Debug)]
pub(crate) struct OnClient<'p>(&'p Patience);

impl Drop for OnClient<'_> {
    fn drop(&mut self) {
        let since = now().saturating_duration_since(self.0.start).as_millis();
        let since = u64::try_from(since).unwrap_or(ON_CLIENT - 1);
        self.0.busy_since_ms.store(since, Ordering::Relaxed);
    }
}
