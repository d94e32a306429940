//! How far a run is, gathered from its threads.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::Shared;
use crate::live::{Live, Snapshot};
use crate::recording::{Distribution, Recording};

/// What a thread shows of its recording, some times a second.
#[derive(Debug)]
pub(super) struct Progress {
    sent: u64,
    accepted: u64,
    failed: u64,
    latency: Distribution,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            sent: 0,
            accepted: 0,
            failed: 0,
            latency: Distribution::new(),
        }
    }

    pub(super) fn show(&mut self, recording: &Recording) {
        (self.sent, self.accepted, self.failed) = recording.counts();
        self.latency.clear();
        self.latency.merge(recording.latency());
    }

    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.accepted += other.accepted;
        self.failed += other.failed;
        self.latency.merge(&other.latency);
    }
}

/// The time over which a rate is shown.
const RATE_WINDOW: Duration = Duration::from_secs(1);

/// Turns what threads show into what a run shows.
#[derive(Debug)]
pub(super) struct Watcher {
    sum: Progress,
    /// How many were acknowledged when, over [`RATE_WINDOW`].
    accepted: VecDeque<(Instant, u64)>,
    elapsed: Duration,
}

impl Watcher {
    pub(super) fn new() -> Self {
        Self {
            sum: Progress::new(),
            accepted: VecDeque::new(),
            elapsed: Duration::ZERO,
        }
    }

    pub(super) fn show<'a>(
        &mut self,
        live: &Live,
        threads: impl Iterator<Item = &'a Mutex<Progress>>,
        shared: &Shared,
    ) {
        let Some(start) = shared.queue.started() else {
            return;
        };
        self.sum.show(&Recording::new(start));
        for thread in threads {
            self.sum
                .add(&thread.lock().unwrap_or_else(PoisonError::into_inner));
        }
        self.elapsed = start.elapsed();
        self.tell(live);
    }

    /// What was recorded in the end.
    pub(super) fn finish(&mut self, live: &Live, recording: &Recording) {
        self.sum.show(recording);
        self.tell(live);
    }

    fn tell(&mut self, live: &Live) {
        let now = Instant::now();
        let accepted = self.sum.accepted;
        self.accepted.push_back((now, accepted));
        while self.accepted.len() > 2 && now - self.accepted[0].0 > RATE_WINDOW {
            self.accepted.pop_front();
        }
        let (since, before) = self.accepted[0];
        let window = (now - since).as_secs_f64();
        let latency = &self.sum.latency;
        live.show(Snapshot {
            elapsed: self.elapsed,
            sent: self.sum.sent,
            accepted,
            failed: self.sum.failed,
            rate: if window > 0.0 {
                accepted.saturating_sub(before) as f64 / window
            } else {
                0.0
            },
            p50_ms: latency.quantile_ms(0.5),
            p99_ms: latency.quantile_ms(0.99),
            p99_9_ms: latency.quantile_ms(0.999),
        });
    }
}
