//! How fast one direction may read, and when what was read is due.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::Instant;

use super::faults::{Flow, Loss};
use super::pump::MOST_PARCEL_OCTETS;

/// The clockwork of one direction of a connection.
#[derive(Debug)]
pub(super) struct Pace {
    /// When the next octets may be read.
    free_at: Instant,
    /// When the last ones are due at the other side: none overtakes them.
    due: Instant,
    random: StdRng,
}

impl Pace {
    pub(super) fn new(random: StdRng) -> Self {
        let now = Instant::now();
        Self {
            free_at: now,
            due: now,
            random,
        }
    }

    /// When the next octets may be read.
    pub(super) fn free_at(&self) -> Instant {
        self.free_at
    }

    /// Forgets a wait that a slower flow had asked for.
    pub(super) fn hurry(&mut self) {
        self.free_at = Instant::now();
    }

    /// How many octets may be read at once.
    pub(super) fn most_at_once(flow: &Flow) -> usize {
        let mut most = MOST_PARCEL_OCTETS;
        if let Some(dribble) = flow.dribble {
            most = most.min(usize::try_from(dribble.octets.get()).unwrap_or(usize::MAX));
        }
        if let Some(bandwidth) = flow.bandwidth {
            let slice = bandwidth.get() / SLICES_PER_SECOND;
            most = most
                .min(usize::try_from(slice).unwrap_or(usize::MAX))
                .max(1);
        }
        if flow.loss.is_some() {
            most = most.min(Loss::SEGMENT_OCTETS);
        }
        most
    }

    /// Counts octets that were read just now, and says when they are due at the other side.
    pub(super) fn took(&mut self, octets: usize, flow: &Flow) -> Instant {
        let now = Instant::now();
        let mut busy = Duration::ZERO;
        if let Some(bandwidth) = flow.bandwidth {
            busy = Duration::from_secs_f64(octets as f64 / bandwidth.get() as f64);
        }
        if let Some(dribble) = flow.dribble {
            busy = busy.max(dribble.every);
        }
        self.free_at = later(self.free_at.max(now), busy);
        let mut delay = flow.latency;
        if !flow.jitter.is_zero() {
            delay += flow.jitter.mul_f64(self.random.random::<f64>());
        }
        if let Some(loss) = flow.loss {
            delay = delay.saturating_add(loss.delay(&mut self.random));
        }
        self.due = self.due.max(later(now, delay));
        self.due
    }
}

/// A bandwidth is spent in slices of 20 ms, so that it is even and a slice is not too small.
const SLICES_PER_SECOND: u64 = 50;

/// A delay beyond the end of time ends in ten years.
fn later(instant: Instant, delay: Duration) -> Instant {
    const TEN_YEARS: Duration = Duration::from_secs(10 * 366 * 24 * 3600);
    instant + delay.min(TEN_YEARS)
}
