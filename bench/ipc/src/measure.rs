//! From the times of single calls to the one line that a run prints.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::clock::Nanos;
use crate::peers::PeerName;
use crate::setting::{Clock, Layout, MOST_SECONDS, Runtime, Setting};

/// What one client did.
#[derive(Debug)]
pub(crate) struct Tally {
    start: Nanos,
    end: Nanos,
    calls: u64,
    /// None when the clock is not read for every call.
    latencies: Option<Histogram<u64>>,
    windows: Vec<u32>,
}

/// What the clients of one process did: the line it hands to the program.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ClientReport {
    calls: u64,
    end: Nanos,
    /// When the first of its clients was done.
    first_end: Nanos,
    cpu: Nanos,
    /// Nanoseconds, and how many calls took that long.
    latencies: Vec<(u64, u64)>,
    /// Per client, the calls in each window of 100 ms.
    windows: Vec<Vec<u32>>,
}

/// What the server has to say after a run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ServerReport {
    pub(crate) cpu: Nanos,
    pub(crate) altered_requests: u64,
}

/// The line of a run; README.md says what the fields mean.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    system: PeerName,
    #[serde(rename = "row")]
    name: String,
    clients: u32,
    layout: Layout,
    runtime: Option<Runtime>,
    payload: usize,
    in_flight: u32,
    calls: u64,
    seconds: f64,
    calls_per_second: f64,
    mean_us: f64,
    p50_us: Option<f64>,
    p99_us: Option<f64>,
    p999_us: Option<f64>,
    max_us: Option<f64>,
    cpu_seconds_per_million: CpuSeconds,
    window_fairness: Option<f64>,
    errors: u64,
    /// Microseconds, and how many calls took longer, where that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    above: Vec<(u64, u64)>,
}

/// Processor time for a million calls, in seconds.
#[derive(Debug, Serialize)]
struct CpuSeconds {
    server: f64,
    clients: f64,
}

/// A run in which no call was made has no row.
#[derive(Debug, thiserror::Error)]
#[error("no call was completed: give the run more time")]
pub(crate) struct NoCalls;

impl Tally {
    pub(crate) fn new(start: Nanos, timed: bool) -> Self {
        Self {
            start,
            end: start,
            calls: 0,
            latencies: timed.then(histogram),
            windows: Vec::with_capacity(if timed { WINDOWS_AT_FIRST } else { 0 }),
        }
    }

    /// A call that ended at `now` and took `latency`.
    pub(crate) fn record(&mut self, now: Nanos, latency: Nanos) {
        if let Some(latencies) = &mut self.latencies {
            latencies.saturating_record(latency.0);
        }
        let window = usize::try_from(now.since(self.start).0 / WINDOW_NANOS).unwrap_or(usize::MAX);
        if window < MOST_WINDOWS {
            if window >= self.windows.len() {
                self.windows.resize(window + 1, 0);
            }
            self.windows[window] += 1;
        }
    }

    pub(crate) fn finish(&mut self, end: Nanos, calls: u64) {
        self.end = end;
        self.calls = calls;
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls
    }
}

impl ClientReport {
    pub(crate) fn of(tallies: Vec<Tally>, cpu: Nanos) -> Self {
        let mut all = histogram();
        for latencies in tallies.iter().filter_map(|tally| tally.latencies.as_ref()) {
            // Cannot fail: all have the same bounds.
            let _ = all.add(latencies);
        }
        let ends = || tallies.iter().map(|tally| tally.end);
        Self {
            calls: tallies.iter().map(Tally::calls).sum(),
            end: ends().max().unwrap_or_default(),
            first_end: ends().min().unwrap_or_default(),
            cpu,
            latencies: all
                .iter_recorded()
                .map(|step| (step.value_iterated_to(), step.count_at_value()))
                .collect(),
            windows: tallies.into_iter().map(|tally| tally.windows).collect(),
        }
    }
}

impl Row {
    pub(crate) fn new(
        setting: &Setting,
        name: String,
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
        let latencies = merged(clients);
        let timed = setting.clock == Clock::Every;
        let at = |quantile: f64| {
            let micros = rounded(micros(latencies.value_at_quantile(quantile)));
            timed.then_some(micros)
        };
        let client_cpu: f64 = clients.iter().map(|report| report.cpu.seconds()).sum();
        let per_million = |seconds: f64| rounded(seconds * 1e6 / as_float(calls));
        let windows = clients.iter().flat_map(|report| &report.windows);
        Ok(Self {
            system: setting.peer,
            name,
            clients: setting.clients,
            layout: setting.layout,
            runtime: (setting.peer.supports().tokio || setting.layout == Layout::Async)
                .then_some(setting.runtime),
            payload: setting.payload,
            in_flight: setting.in_flight,
            calls,
            seconds: rounded(seconds),
            calls_per_second: rounded(as_float(calls) / seconds),
            mean_us: rounded(if timed {
                latencies.mean() / 1e3
            } else {
                // All calls were made one after the other, in as many lines as were in flight.
                let lines = u64::from(setting.clients) * u64::from(setting.in_flight);
                seconds * 1e6 * as_float(lines) / as_float(calls)
            }),
            p50_us: at(0.5),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: at(1.0),
            cpu_seconds_per_million: CpuSeconds {
                server: per_million(server.cpu.seconds()),
                clients: per_million(client_cpu),
            },
            window_fairness: (timed && setting.clients > 1)
                .then(|| fairness(windows, whole_windows(common)))
                .flatten()
                .map(rounded),
            errors: server.altered_requests,
            above: setting
                .above
                .iter()
                .filter(|_| timed)
                .map(|limit| (*limit, longer(&latencies, *limit)))
                .collect(),
        })
    }
}

/// How many took longer than so many microseconds.
fn longer(latencies: &Histogram<u64>, limit_us: u64) -> u64 {
    latencies.len() - latencies.count_between(0, limit_us.saturating_mul(1_000))
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

fn micros(nanos: u64) -> f64 {
    as_float(nanos) / 1e3
}

#[expect(
    clippy::cast_precision_loss,
    reason = "below 2^53 in any run that ends"
)]
fn as_float(count: u64) -> f64 {
    count as f64
}

/// To the nanosecond, where the unit is a microsecond.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// 100 ms: long against any call, short against the patience of who waits for one.
const WINDOW_NANOS: u64 = 100_000_000;
/// The windows of the longest run.
const MOST_WINDOWS: usize = (MOST_SECONDS * 1_000_000_000 / WINDOW_NANOS) as usize;
/// So that the list of windows rarely grows while calls are timed: 25 s of them.
const WINDOWS_AT_FIRST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(start: u64, ends: &[(u64, u64)]) -> Tally {
        let mut tally = Tally::new(Nanos(start), true);
        for (end, latency) in ends {
            tally.record(Nanos(*end), Nanos(*latency));
        }
        let last = ends.last().map_or(start, |(end, _)| *end);
        tally.finish(Nanos(last), ends.len() as u64);
        tally
    }

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
        let clients = [vec![0, 4], vec![0, 4]];
        assert_eq!(fairness(clients.iter(), 2), Some(1.0));
    }

    #[test]
    fn a_client_that_never_called_is_the_slowest() {
        let clients = [vec![], vec![3]];
        assert_eq!(fairness(clients.iter(), 1), Some(0.0));
    }

    #[test]
    fn calls_fall_into_the_window_in_which_they_end() {
        let tally = tally(1_000, &[(2_000, 5), (100_000_999, 5), (100_001_000, 5)]);
        assert_eq!(tally.windows, [2, 1]);
    }

    #[test]
    fn reports_of_processes_merge_into_one_row() {
        let setting = Setting {
            clients: 4,
            clock: Clock::Every,
            ..crate::setting::tests::setting(PeerName::UdsTokio)
        };
        let client = |latency| tally(0, &[(500_000_000, latency), (1_000_000_000, latency)]);
        let reports = [
            ClientReport::of(vec![client(1_000), client(2_000)], Nanos(4_000_000)),
            ClientReport::of(vec![client(3_000), client(10_000)], Nanos(4_000_000)),
        ];
        let server = ServerReport {
            cpu: Nanos(16_000_000),
            altered_requests: 0,
        };
        let row = Row::new(&setting, "a".to_owned(), Nanos(0), &server, &reports).unwrap();
        let line = serde_json::to_value(&row).unwrap();
        for (field, value) in [
            ("calls", 8.0),
            ("seconds", 1.0),
            ("calls_per_second", 8.0),
            ("mean_us", 4.0),
            ("window_fairness", 1.0),
            ("errors", 0.0),
        ] {
            let got = line[field].as_f64().unwrap();
            assert!((got - value).abs() <= value * 0.002, "{field}: {got}");
        }
        assert_eq!(line["system"], "uds-tokio");
        assert_eq!(line["runtime"], "current");
        assert_eq!(line["cpu_seconds_per_million"]["server"], 2000.0);
        assert_eq!(line["cpu_seconds_per_million"]["clients"], 1000.0);
        assert!((line["p50_us"].as_f64().unwrap() - 2.0).abs() < 0.01);
        assert!((line["max_us"].as_f64().unwrap() - 10.0).abs() < 0.02);
    }

    #[test]
    fn without_a_clock_the_mean_follows_from_the_duration() {
        let setting = crate::setting::tests::setting(PeerName::Ring);
        let mut tally = Tally::new(Nanos(0), false);
        tally.finish(Nanos(1_000_000_000), 1_000_000);
        let server = ServerReport {
            cpu: Nanos(0),
            altered_requests: 0,
        };
        let reports = [ClientReport::of(vec![tally], Nanos(0))];
        let row = Row::new(&setting, String::new(), Nanos(0), &server, &reports).unwrap();
        assert!((row.mean_us - 1.0).abs() < 1e-9);
        assert_eq!(row.p50_us, None);
        assert_eq!(row.window_fairness, None);
        assert_eq!(row.runtime, None);
    }

    #[test]
    fn the_fields_are_those_that_the_readme_names() {
        let setting = crate::setting::tests::setting(PeerName::Ring);
        let server = ServerReport {
            cpu: Nanos(0),
            altered_requests: 0,
        };
        let reports = [ClientReport::of(vec![tally(0, &[(9, 9)])], Nanos(0))];
        let row = Row::new(&setting, String::new(), Nanos(0), &server, &reports).unwrap();
        let line = serde_json::to_value(&row).unwrap();
        let readme = include_str!("../README.md");
        for field in line.as_object().unwrap().keys() {
            assert!(readme.contains(&format!("`{field}`")), "{field}");
        }
        assert_eq!(line.as_object().unwrap().len(), 18);
    }
}
