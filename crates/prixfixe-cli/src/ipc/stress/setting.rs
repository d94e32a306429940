//! What the processes of a level are told, as JSON.

use std::path::PathBuf;
use std::time::Duration;

use prixfixe_ipc::{Address, ChannelSizes, InvalidAddress, SizesError};
use serde::{Deserialize, Serialize};

use crate::ipc::clock::Nanos;

/// What a server is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ServerSetting {
    pub(super) address: String,
    /// The largest that clients may ask for.
    pub(super) sizes: Sizes,
    /// The highest number of a client, so that the journal has its memory from the start.
    pub(super) clients: u32,
    /// A file for the journal, where servers get killed; in memory otherwise.
    pub(super) journal: Option<PathBuf>,
}

/// What the clients of one process do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct CallerSetting {
    pub(super) address: String,
    pub(super) sizes: Sizes,
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

/// Sizes of channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sizes {
    pub(super) ring: u32,
    pub(super) max_payload: u32,
    pub(super) in_flight: u16,
}

impl Sizes {
    /// What a client and a server have unless they say otherwise.
    pub(super) fn usual() -> Self {
        let usual = ChannelSizes::default();
        Self {
            ring: usual.ring(),
            max_payload: usual.max_payload(),
            in_flight: usual.max_in_flight(),
        }
    }

    /// Those with which one message of 1 MiB fits into a quarter of a ring.
    pub(super) const MEBIBYTE: Self = Self {
        ring: 4 << 20,
        max_payload: 1 << 20,
        in_flight: 32,
    };

    pub(super) fn of_channel(self) -> Result<ChannelSizes, SizesError> {
        ChannelSizes::new(self.ring, self.max_payload, self.in_flight)
    }
}

/// An address out of a setting.
pub(super) fn address(text: &str) -> Result<Address, InvalidAddress> {
    text.parse()
}

/// The interval of all timelines: long against any call, short against the patience of a reader.
pub(super) const INTERVAL: Nanos = Nanos(1_000_000_000);
