//! What the processes of a level are told, as JSON.

use std::path::PathBuf;
use std::time::Duration;

use prixfixe_ipc::{Address, InvalidAddress};
use serde::{Deserialize, Serialize};

use crate::ipc::clock::Nanos;

/// What a server is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ServerSetting {
    pub(super) address: String,
    /// The highest number of a client, so that the journal has its memory from the start.
    pub(super) clients: u32,
    /// A file for the journal, where servers get killed; in memory otherwise.
    pub(super) journal: Option<PathBuf>,
}

/// What the clients of one process do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct CallerSetting {
    pub(super) address: String,
    /// Octets of each request and each reply.
    pub(super) payload: u32,
    /// Calls of each client, unless it is told to stop before.
    pub(super) calls: u64,
    pub(super) connects: Connects,
    pub(super) pace: Pace,
}

/// When clients connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Connects {
    /// One process after the other.
    BeforeTheStart,
    /// All at once, and again until they are let in.
    AtTheStart,
}

/// When the next call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Pace {
    /// When the reply to the last was checked.
    Closed,
    /// Every so often, at times set beforehand, from which latency counts. The first client begins at
    /// the start, the others evenly spread over the interval after it.
    Every { interval: Duration, clients: u32 },
}

/// An address out of a setting.
pub(super) fn address(text: &str) -> Result<Address, InvalidAddress> {
    text.parse()
}

/// The interval of all timelines: long against any call, short against the patience of a reader.
pub(super) const INTERVAL: Nanos = Nanos(1_000_000_000);
