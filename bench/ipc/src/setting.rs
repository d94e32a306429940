//! What one run is. The program hands it to its server and client processes as JSON.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::peers::{PeerName, Supports};

/// One run, checked against what its peer can do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Setting {
    pub(crate) peer: PeerName,
    pub(crate) clients: u32,
    pub(crate) layout: Layout,
    pub(crate) runtime: Runtime,
    pub(crate) in_flight: u32,
    pub(crate) payload: usize,
    pub(crate) length: Length,
    pub(crate) rate: Option<NonZeroU32>,
    pub(crate) clock: Clock,
    pub(crate) pin: Pin,
    pub(crate) wait: Wait,
    /// Microseconds above which calls are counted.
    pub(crate) above: Vec<u64>,
    /// Where sockets go; it is removed after the run.
    pub(crate) folder: PathBuf,
}

/// How clients are spread over processes.
#[derive(Debug, Clone, Copy, PartialEq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Layout {
    /// Each client is a process of its own.
    Processes,
    /// All clients are tokio tasks of one process, each with a connection of its own.
    Async,
}

/// Which tokio runtime the server and the clients of an asynchronous peer use.
#[derive(Debug, Clone, Copy, PartialEq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Runtime {
    /// One thread.
    Current,
    /// Tokio's default: a work-stealing thread for every processor.
    Multi,
}

/// When a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) enum Length {
    Lasting(Duration),
    /// Of all clients together.
    Calls(u64),
}

/// Whether the time of every call is taken.
#[derive(Debug, Clone, Copy, PartialEq, ValueEnum, Serialize, Deserialize)]
pub(crate) enum Clock {
    /// One reading of the clock (about 25 ns) for every call.
    Every,
    /// No reading: the mean follows from the duration, and there are no percentiles.
    None,
}

/// Where the processes may run.
#[derive(Debug, Clone, Copy, PartialEq, ValueEnum, Serialize, Deserialize)]
pub(crate) enum Pin {
    /// Both sides on one processor.
    One,
    /// Wherever the kernel likes.
    None,
}

/// How the sides of `ring` wait.
#[derive(Debug, Clone, Copy, PartialEq, ValueEnum, Serialize, Deserialize)]
pub(crate) enum Wait {
    /// PAUSE until it is there.
    Spin,
    /// Give the processor away a few times, then sleep on a futex.
    Yield,
    /// Sleep on a futex at once.
    Park,
}

/// A run that its peer cannot do.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum Unsupported {
    #[error("has no asynchronous clients: use `--layout processes`")]
    Layout,
    #[error("takes no more clients than {0}")]
    Clients(u32),
    #[error("takes no more calls in flight per client than {0}")]
    InFlight(u32),
    #[error(
        "takes at most {0} bytes in flight per client: choose fewer calls or a smaller payload"
    )]
    Window(usize),
    #[error("would only wait for its own time slice to end: `--pin one` is for those that sleep")]
    Pin,
    #[error("knows no --wait: only `ring` does")]
    Wait,
    #[error("paces one client with one call in flight: leave out --clients and --in-flight")]
    Rate,
    #[error("cannot share {0} calls among its clients: give at least one to each")]
    TooFewCalls(u64),
    #[error("would share more than {MOST_SHARED_BYTES} bytes")]
    Memory,
}

/// The most clients of a run: the thousand connections that Prix Fixe promises.
pub(crate) const MOST_CLIENTS: u32 = 1_000;
/// The most calls of one client in flight; the tables ask for 32.
pub(crate) const MOST_IN_FLIGHT: u32 = 256;
/// The longest message in bytes: the largest of the stress levels.
pub(crate) const MOST_PAYLOAD_BYTES: u64 = 1 << 20;
/// The longest run in seconds, which also bounds the list of its 100 ms windows.
pub(crate) const MOST_SECONDS: u64 = 600;
/// The most bytes of messages in flight, over all clients: what a small machine can hold.
pub(crate) const MOST_SHARED_BYTES: u64 = 1 << 30;

impl Setting {
    /// Whether the peer can do this.
    pub(crate) fn check(&self, supports: &Supports) -> Result<(), Unsupported> {
        let window = self.in_flight as usize * self.payload;
        let spins = supports.spins || (self.peer == PeerName::Ring && self.wait == Wait::Spin);
        let refusals = [
            (
                self.layout == Layout::Async && !supports.asynchronous,
                Unsupported::Layout,
            ),
            (
                self.clients > supports.most_clients,
                Unsupported::Clients(supports.most_clients),
            ),
            (
                self.in_flight > supports.most_in_flight,
                Unsupported::InFlight(supports.most_in_flight),
            ),
            (
                self.in_flight > 1 && window > supports.window_bytes,
                Unsupported::Window(supports.window_bytes),
            ),
            (self.pin == Pin::One && spins, Unsupported::Pin),
            (
                self.rate.is_some() && (self.clients > 1 || self.in_flight > 1),
                Unsupported::Rate,
            ),
            (
                window as u64 * u64::from(self.clients) > MOST_SHARED_BYTES,
                Unsupported::Memory,
            ),
        ];
        if let Some((_, refusal)) = refusals.into_iter().find(|(applies, _)| *applies) {
            return Err(refusal);
        }
        match self.length {
            Length::Calls(calls) if calls < u64::from(self.clients) => {
                Err(Unsupported::TooFewCalls(calls))
            }
            _ => Ok(()),
        }
    }

    /// The calls of client `client`, if the run is counted in calls; together they are its total.
    pub(crate) fn calls_of(&self, client: u64) -> Option<u64> {
        match self.length {
            Length::Lasting(_) => None,
            Length::Calls(total) => {
                let clients = u64::from(self.clients);
                Some(total / clients + u64::from(client < total % clients))
            }
        }
    }

    /// How many processes the clients are, and how many clients the first of them are.
    pub(crate) fn processes(&self) -> Vec<std::ops::Range<u64>> {
        let clients = u64::from(self.clients);
        match self.layout {
            Layout::Processes => (0..clients).map(|client| client..client + 1).collect(),
            Layout::Async => std::iter::once(0..clients).collect(),
        }
    }

    /// The socket at which a peer's server listens.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("server")
    }
}

impl Runtime {
    pub(crate) fn build(self) -> std::io::Result<tokio::runtime::Runtime> {
        match self {
            Self::Current => tokio::runtime::Builder::new_current_thread(),
            Self::Multi => tokio::runtime::Builder::new_multi_thread(),
        }
        .enable_all()
        .build()
    }
}

impl Wait {
    /// What won for that many clients.
    pub(crate) fn for_clients(clients: u32, pin: Pin) -> Self {
        match (clients, pin) {
            (_, Pin::One) => Self::Park,
            (1 | 2, Pin::None) => Self::Spin,
            (_, Pin::None) => Self::Yield,
        }
    }
}

impl Clock {
    /// One client with one call in flight is timed as a whole, for there the reading would show.
    pub(crate) fn for_run(clients: u32, in_flight: u32, paced: bool) -> Self {
        if clients == 1 && in_flight == 1 && !paced {
            Self::None
        } else {
            Self::Every
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn setting(peer: PeerName) -> Setting {
        Setting {
            peer,
            clients: 1,
            layout: Layout::Processes,
            runtime: Runtime::Current,
            in_flight: 1,
            payload: 1024,
            length: Length::Lasting(Duration::from_secs(1)),
            above: Vec::new(),
            rate: None,
            clock: Clock::None,
            pin: Pin::None,
            wait: Wait::Yield,
            folder: PathBuf::new(),
        }
    }

    fn refusal(setting: &Setting) -> Option<Unsupported> {
        setting.check(setting.peer.supports()).err()
    }

    #[test]
    fn every_peer_can_do_the_plain_run() {
        for peer in PeerName::value_variants() {
            assert_eq!(refusal(&setting(*peer)), None, "{peer:?}");
        }
    }

    #[test]
    fn what_a_peer_cannot_do_is_refused() {
        let with = |peer, change: fn(&mut Setting)| {
            let mut setting = setting(peer);
            change(&mut setting);
            refusal(&setting)
        };
        let cases = [
            with(PeerName::Spin, |s| s.clients = 2),
            with(PeerName::Futex, |s| s.layout = Layout::Async),
            with(PeerName::Futex, |s| s.in_flight = 2),
            with(PeerName::Spin, |s| s.pin = Pin::One),
            with(PeerName::Uds, |s| {
                s.in_flight = 256;
                s.payload = 1 << 20;
            }),
            with(PeerName::UdsTokio, |s| {
                s.clients = 2;
                s.rate = NonZeroU32::new(1000);
            }),
            with(PeerName::Grpc, |s| {
                s.clients = 10;
                s.length = Length::Calls(9);
            }),
        ];
        let expected = [
            Unsupported::Clients(1),
            Unsupported::Layout,
            Unsupported::InFlight(1),
            Unsupported::Pin,
            Unsupported::Window(PeerName::Uds.supports().window_bytes),
            Unsupported::Rate,
            Unsupported::TooFewCalls(9),
        ];
        assert_eq!(cases, expected.map(Some));
    }

    #[test]
    fn the_calls_of_the_clients_add_up() {
        let mut setting = setting(PeerName::Uds);
        setting.clients = 7;
        setting.length = Length::Calls(100);
        let shares: Vec<u64> = (0..7).filter_map(|c| setting.calls_of(c)).collect();
        assert_eq!(shares.iter().sum::<u64>(), 100);
        assert!(shares.iter().all(|share| [14, 15].contains(share)));
    }
}
