//! What one run is. The program hands it to its server and client processes as JSON.

use std::time::Duration;

use prixfixe_ipc::{Address, InvalidAddress};
use serde::{Deserialize, Serialize};

/// One run of a server and its clients.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Setting {
    /// Where the server listens, as text.
    pub(super) address: String,
    pub(super) load: Load,
    pub(super) duration: Duration,
}

/// Who calls, how much and when.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Load {
    pub(super) clients: u32,
    pub(super) layout: Layout,
    /// Bytes of each request and of each reply, the stamp included.
    pub(super) payload: u32,
    /// Calls in flight of each client.
    pub(super) in_flight: u32,
    pub(super) pace: Pace,
    pub(super) pin: Pin,
    /// The server answers typed calls as well.
    pub(super) typed: bool,
}

/// How clients are spread over processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Layout {
    /// Each client is a process of its own, and blocks.
    Processes,
    /// All clients are tasks of one process, each with a channel of its own.
    Async(Runtime),
}

/// Which tokio runtime asynchronous clients use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Runtime {
    /// One thread.
    Current,
    /// Tokio's default: a thread for every processor.
    Multi,
}

/// When the next call is made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Pace {
    /// When the reply to one before was checked.
    Closed,
    /// At times set beforehand, from which latency counts; so many calls per second, of all clients
    /// together.
    Open {
        calls_per_second: u32,
        arrivals: Arrivals,
        between: Between,
    },
}

/// How intended starts follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Arrivals {
    Even,
    /// As independent callers would come.
    Poisson,
}

/// What a client does until the next intended start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Between {
    Asleep,
    /// It gives way again and again, and so starts in time.
    Hot,
}

/// Where processes may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Pin {
    /// All on the first processor they are allowed on.
    One,
    /// Wherever the kernel likes.
    None,
}

impl Setting {
    pub(super) fn address(&self) -> Result<Address, InvalidAddress> {
        self.address.parse()
    }
}

impl Load {
    /// One blocking client, 1 KB, one call after the other.
    pub(super) const ONE: Self = Self {
        clients: 1,
        layout: Layout::Processes,
        payload: 1024,
        in_flight: 1,
        pace: Pace::Closed,
        pin: Pin::None,
        typed: false,
    };

    /// Whether the time of every call is taken. Without that, the mean follows from the duration,
    /// and a short call does not pay for two readings of the clock.
    pub(super) fn takes_times(&self) -> bool {
        self.clients > 1 || self.in_flight > 1 || self.pace != Pace::Closed
    }

    /// Whether clients sleep until a call is due, as those can that have one in flight.
    pub(super) fn sleeps_between(&self) -> bool {
        let between = match self.pace {
            Pace::Open { between, .. } => Some(between),
            Pace::Closed => None,
        };
        self.in_flight == 1 && between == Some(Between::Asleep)
    }

    /// The numbers of the clients of each process.
    pub(super) fn processes(&self) -> Vec<std::ops::Range<u32>> {
        match self.layout {
            Layout::Processes => (0..self.clients).map(|client| client..client + 1).collect(),
            Layout::Async(_) => std::iter::once(0..self.clients).collect(),
        }
    }
}
