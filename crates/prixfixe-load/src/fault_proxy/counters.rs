//! What a proxy did.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::faults::Direction;

/// What a proxy did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ProxyCounts {
    /// Connections accepted.
    pub connections: u64,
    /// Of them, those that the server did not accept.
    pub refused: u64,
    /// Connections that broke as the faults say.
    pub cut: u64,
    /// Octets that the server was given.
    pub to_server_octets: u64,
    /// Octets that the clients were given.
    pub to_client_octets: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) connections: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) cut: AtomicU64,
    to_server_octets: AtomicU64,
    to_client_octets: AtomicU64,
}

impl Counters {
    pub(super) fn counts(&self) -> ProxyCounts {
        // Counters of their own: nobody concludes from one to another.
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ProxyCounts {
            connections: get(&self.connections),
            refused: get(&self.refused),
            cut: get(&self.cut),
            to_server_octets: get(&self.to_server_octets),
            to_client_octets: get(&self.to_client_octets),
        }
    }

    pub(super) fn handed_on(&self, direction: Direction, octets: usize) {
        let counter = match direction {
            Direction::ToServer => &self.to_server_octets,
            Direction::ToClient => &self.to_client_octets,
        };
        counter.fetch_add(octets as u64, Ordering::Relaxed);
    }
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
