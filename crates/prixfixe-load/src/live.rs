//! A run seen from outside while it goes on: how far it is, and how to end it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What a run and those who watch it share.
#[derive(Debug, Default)]
pub struct Live {
    stop: AtomicBool,
    snapshot: Mutex<Snapshot>,
}

impl Live {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// No message is begun any more; what is under way has the plan's grace to end.
    pub fn stop(&self) {
        // Whoever sees it late begins a message more; nothing else hangs on it.
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether somebody wants it to end.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// How far it is; some tenths of a second old.
    pub fn snapshot(&self) -> Snapshot {
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a generator tells those who watch.
    pub fn show(&self, snapshot: Snapshot) {
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Snapshot {
    /// Since its start.
    pub elapsed: Duration,
    /// Messages begun.
    pub sent: u64,
    /// Messages acknowledged.
    pub accepted: u64,
    /// Messages that ended otherwise.
    pub failed: u64,
    /// Acknowledged per second, over the last second.
    pub rate: f64,
    /// Latencies so far, in milliseconds.
    pub p50_ms: f64,
    /// The same.
    pub p99_ms: f64,
    /// The same.
    pub p99_9_ms: f64,
}
