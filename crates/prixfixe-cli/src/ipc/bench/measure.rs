//! From the times of single calls to the one line that a run gives.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::clock::Nanos;
use super::setting::{Layout, Load, Runtime};

/// What one client did.
#[derive(Debug)]
pub(super) struct Tally {
    start: Nanos,
    end: Nanos,
    calls: u64,
    /// None when the clock is not read for every call.
    latencies: Option<Latencies>,
    windows: Vec<u32>,
}

/// Where all clients of a process record how long their calls took. One histogram, since one for each
/// of thousands of tasks would be what the caches are full of.
#[derive(Clone, Debug)]
pub(super) struct Latencies(Arc<Mutex<Histogram<u64>>>);

/// What the clients of one process did: the line it hands to the program.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ClientReport {
    calls: u64,
    end: Nanos,
    /// When the first of its clients was done.
    first_end: Nanos,
    cpu: Nanos,
    /// Nanoseconds, and how many calls took that long.
    latencies: Vec<(u64, u64)>,
    /// For each client, the calls in each window of 100 ms.
    windows: Vec<Vec<u32>>,
    /// Wake-ups that were lost. Stays 0.
    pub(super) woke_late: u64,
}

/// What the server has to say after a run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ServerReport {
    pub(super) cpu: Nanos,
    pub(super) altered_requests: u64,
}

/// A run of ours or of a peer, in the fields that `bench/ipc/README.md` explains.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) system: String,
    pub(super) row: String,
    pub(super) clients: u32,
    pub(super) layout: String,
    pub(super) runtime: Option<String>,
    pub(super) payload: u32,
    pub(super) in_flight: u32,
    pub(super) calls: u64,
    pub(super) seconds: f64,
    pub(super) calls_per_second: f64,
    pub(super) mean_us: f64,
    pub(super) p50_us: Option<f64>,
    pub(super) p99_us: Option<f64>,
    pub(super) p999_us: Option<f64>,
    pub(super) max_us: Option<f64>,
    pub(super) cpu_seconds_per_million: CpuSeconds,
    pub(super) window_fairness: Option<f64>,
    pub(super) errors: u64,
}

/// Processor time for a million calls, in seconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct CpuSeconds {
    pub(super) server: f64,
    pub(super) clients: f64,
}

/// A run in which no call was made has no line.
#[derive(Debug, thiserror::Error)]
#[error("no call was completed: give the run more time")]
pub(super) struct NoCalls;

impl Tally {
    /// The tally of the only client of a process.
    pub(super) fn new(start: Nanos, timed: bool) -> Self {
        Self::sharing(start, timed.then(Latencies::new))
    }

    /// One of the tallies of a process, all of which share `latencies`.
    pub(super) fn sharing(start: Nanos, latencies: Option<Latencies>) -> Self {
        let windows = if latencies.is_some() {
            WINDOWS_AT_FIRST
        } else {
            0
        };
        Self {
            start,
            end: start,
            calls: 0,
            latencies,
            windows: Vec::with_capacity(windows),
        }
    }

    /// A call that ended at `now` and took `latency`.
    pub(super) fn record(&mut self, now: Nanos, latency: Nanos) {
        if let Some(latencies) = &self.latencies {
            latencies.lock().saturating_record(latency.0);
        }
        let window = usize::try_from(now.since(self.start).0 / WINDOW_NANOS).unwrap_or(usize::MAX);
        if window < MOST_WINDOWS {
            if window >= self.windows.len() {
                self.windows.resize(window + 1, 0);
            }
            self.windows[window] += 1;
        }
    }

    pub(super) fn finish(&mut self, end: Nanos, calls: u64) {
        self.end = end;
        self.calls = calls;
    }

    pub(super) fn calls(&self) -> u64 {
        self.calls
    }

    /// Adds what another task did for the same client. What it recorded is shared already.
    pub(super) fn absorb(&mut self, other: &Self) {
        self.calls += other.calls;
        self.end = self.end.max(other.end);
        if other.windows.len() > self.windows.len() {
            self.windows.resize(other.windows.len(), 0);
        }
        for (all, more) in self.windows.iter_mut().zip(&other.windows) {
            *all += more;
        }
    }
}

impl Latencies {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(histogram())))
    }

    fn lock(&self) -> MutexGuard<'_, Histogram<u64>> {
        // A count more or less is all that a panic in there could leave.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientReport {
    /// Of all tallies of a process, which share their latencies.
    pub(super) fn of(tallies: Vec<Tally>, cpu: Nanos, woke_late: u64) -> Self {
        let shared = tallies.first().and_then(|tally| tally.latencies.clone());
        let latencies = shared.map(|latencies| {
            let all = latencies.lock();
            let steps = all.iter_recorded();
            steps
                .map(|step| (step.value_iterated_to(), step.count_at_value()))
                .collect()
        });
        let ends = || tallies.iter().map(|tally| tally.end);
        Self {
            calls: tallies.iter().map(Tally::calls).sum(),
            end: ends().max().unwrap_or_default(),
            first_end: ends().min().unwrap_or_default(),
            cpu,
            latencies: latencies.unwrap_or_default(),
            windows: tallies.into_iter().map(|tally| tally.windows).collect(),
            woke_late,
        }
    }
}

impl Line {
    pub(super) fn new(
        load: &Load,
        row: &str,
        start: Nanos,
        server: &ServerReport,
        clients: &[ClientReport],
    ) -> Result<Self, NoCalls> {
        let calls: u64 = clients.iter().map(|report| report.calls).sum();
        if calls == 0 {
            return Err(NoCalls);
        }
        let end = clients.iter().map(|report| report.end).max();
        let seconds = end.unwrap_or_default().since(start).seconds();
        let first_end = clients.iter().map(|report| report.first_end).min();
        let common = first_end.unwrap_or_default().since(start);
        let timed = load.takes_times();
        let latencies = merged(clients);
        let at = |quantile: f64| {
            timed.then(|| rounded(Nanos(latencies.value_at_quantile(quantile)).micros()))
        };
        let client_cpu: f64 = clients.iter().map(|report| report.cpu.seconds()).sum();
        let per_million = |seconds: f64| rounded(seconds * 1e6 / as_float(calls));
        let windows = clients.iter().flat_map(|report| &report.windows);
        let lines_of_calls = u64::from(load.clients) * u64::from(load.in_flight);
        Ok(Self {
            system: "prixfixe".to_owned(),
            row: row.to_owned(),
            clients: load.clients,
            layout: match load.layout {
                Layout::Processes => "processes",
                Layout::Async(_) => "async",
            }
            .to_owned(),
            runtime: match load.layout {
                Layout::Processes => None,
                Layout::Async(Runtime::Current) => Some("current".to_owned()),
                Layout::Async(Runtime::Multi) => Some("multi".to_owned()),
            },
            payload: load.payload,
            in_flight: load.in_flight,
            calls,
            seconds: rounded(seconds),
            calls_per_second: rounded(as_float(calls) / seconds),
            mean_us: rounded(if timed {
                latencies.mean() / 1e3
            } else {
                seconds * 1e6 * as_float(lines_of_calls) / as_float(calls)
            }),
            p50_us: at(0.5),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: at(1.0),
            cpu_seconds_per_million: CpuSeconds {
                server: per_million(server.cpu.seconds()),
                clients: per_million(client_cpu),
            },
            window_fairness: (timed && load.clients > 1)
                .then(|| fairness(windows, whole_windows(common)))
                .flatten()
                .map(rounded),
            errors: server.altered_requests,
        })
    }
}

/// Over the windows in which all clients were at work: the calls of the slowest by those of the
/// fastest, in the worst of them. A window without any call says nothing about fairness.
fn fairness<'a>(clients: impl Iterator<Item = &'a Vec<u32>>, whole_windows: usize) -> Option<f64> {
    let clients: Vec<&Vec<u32>> = clients.collect();
    (0..whole_windows)
        .filter_map(|window| {
            let calls = || clients.iter().map(|c| c.get(window).copied().unwrap_or(0));
            let (slowest, fastest) = (calls().min()?, calls().max()?);
            (fastest > 0).then(|| f64::from(slowest) / f64::from(fastest))
        })
        .min_by(f64::total_cmp)
}

fn whole_windows(duration: Nanos) -> usize {
    usize::try_from(duration.0 / WINDOW_NANOS)
        .unwrap_or(MOST_WINDOWS)
        .min(MOST_WINDOWS)
}

fn merged(clients: &[ClientReport]) -> Histogram<u64> {
    let mut all = histogram();
    for (latency, calls) in clients.iter().flat_map(|report| &report.latencies) {
        all.saturating_record_n(*latency, *calls);
    }
    all
}

/// From 1 ns to the longest run, to three significant digits.
#[expect(clippy::expect_used, reason = "constant bounds; a test makes one")]
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MOST_SECONDS * 1_000_000_000, 3).expect("sound bounds")
}

#[expect(clippy::cast_precision_loss, reason = "below 2^53 in any run")]
fn as_float(count: u64) -> f64 {
    count as f64
}

/// To the nanosecond, where the unit is a microsecond.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// The longest run.
pub(super) const MOST_SECONDS: u64 = 600;
/// 100 ms: long against any call, short against the patience of who waits for one.
const WINDOW_NANOS: u64 = 100_000_000;
const MOST_WINDOWS: usize = (MOST_SECONDS * 1_000_000_000 / WINDOW_NANOS) as usize;
/// So that the list of windows rarely grows while calls are timed: 25 s of them.
const WINDOWS_AT_FIRST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fairness_is_that_of_the_worst_whole_window() {
        let clients = [vec![10, 5, 0], vec![10, 10, 9], vec![8, 10, 9]];
        assert_eq!(fairness(clients.iter(), 1), Some(0.8));
        assert_eq!(fairness(clients.iter(), 2), Some(0.5));
        assert_eq!(fairness(clients.iter(), 3), Some(0.0));
        assert_eq!(fairness(clients.iter(), 0), None);
    }

    #[test]
    fn a_window_in_which_all_stood_still_is_not_unfair() {
        assert_eq!(fairness([vec![0, 4], vec![0, 4]].iter(), 2), Some(1.0));
    }

    #[test]
    fn reports_of_processes_merge_into_one_line() {
        let load = Load {
            clients: 2,
            ..Load::ONE
        };
        let report = |latency| {
            let mut tally = Tally::new(Nanos(0), true);
            tally.record(Nanos(500_000_000), Nanos(latency));
            tally.record(Nanos(1_000_000_000), Nanos(latency));
            tally.finish(Nanos(1_000_000_000), 2);
            ClientReport::of(vec![tally], Nanos(4_000_000), 0)
        };
        let server = ServerReport {
            cpu: Nanos(8_000_000),
            altered_requests: 0,
        };
        let reports = [report(1_000), report(3_000)];
        let line = Line::new(&load, "a", Nanos(0), &server, &reports).unwrap();
        assert_eq!(line.calls, 4);
        assert!((line.calls_per_second - 4.0).abs() < 1e-9);
        assert!((line.mean_us - 2.0).abs() < 0.01);
        assert!((line.cpu_seconds_per_million.server - 2000.0).abs() < 1e-6);
        assert_eq!(line.window_fairness, Some(1.0));
    }

    #[test]
    fn a_line_of_ours_has_the_fields_of_a_peers() {
        let mut tally = Tally::new(Nanos(0), false);
        tally.finish(Nanos(1_000_000_000), 1_000_000);
        let server = ServerReport {
            cpu: Nanos(0),
            altered_requests: 0,
        };
        let reports = [ClientReport::of(vec![tally], Nanos(0), 0)];
        let line = Line::new(&Load::ONE, "a", Nanos(0), &server, &reports).unwrap();
        assert!((line.mean_us - 1.0).abs() < 1e-9);
        let json = serde_json::to_value(&line).unwrap();
        assert_eq!(json.as_object().unwrap().len(), 18);
    }
}
