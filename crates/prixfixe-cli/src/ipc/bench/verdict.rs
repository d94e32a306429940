//! What was measured beside what must hold.

use std::collections::HashMap;

use serde::Serialize;

use super::catalogue::{Bound, FAST_MODE_US, PROTOTYPE, SLOW_MODE_SHARE, SPIN};
use super::measure::Line;

/// One figure and its bound.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Verdict {
    pub(super) row: String,
    pub(super) what: String,
    pub(super) measured: String,
    pub(super) bound: String,
    /// `None` where it could not be judged, or nothing is asked.
    pub(super) met: Option<bool>,
}

/// The medians of a row: ours, and each peer's by its name.
#[derive(Clone, Debug)]
pub(super) struct Medians {
    pub(super) ours: Line,
    pub(super) peers: HashMap<String, Line>,
    /// The bare spin over 1 KB around the row, in microseconds.
    pub(super) bare_us: Option<f64>,
    /// Replies, in all runs, that were there when a sleep timed out: wake-ups that were lost. On a
    /// host with more work than processors, also some that were only late.
    pub(super) woke_late: u64,
}

impl Medians {
    /// Whether the host was in its slow mode; unknown without a bare figure.
    fn is_slow(&self) -> bool {
        self.bare_us.is_some_and(|bare| bare > FAST_MODE_US)
    }

    /// The mode of the host around the row, as far as it is known.
    pub(super) fn mode(&self) -> Verdict {
        let measured = match self.bare_us {
            None => "unknown: no figure of the bare spin".to_owned(),
            Some(bare) => {
                let mode = if self.is_slow() { "slow" } else { "fast" };
                format!("{mode}: bare spin {bare:.3} µs")
            }
        };
        Verdict::reported(&self.ours.row, "mode of the host", measured)
    }

    /// Nobody may have slept on a reply.
    pub(super) fn wakes(&self) -> Verdict {
        Verdict {
            row: self.ours.row.clone(),
            what: "wake-ups lost".to_owned(),
            measured: self.woke_late.to_string(),
            bound: "none".to_owned(),
            met: Some(self.woke_late == 0),
        }
    }

    /// What `bound` says of these. `rows` are the medians of rows before.
    pub(super) fn judge(&self, bound: Bound, rows: &HashMap<String, Self>) -> Verdict {
        let ours = &self.ours;
        match bound {
            Bound::HotMean { us, times_spin } => {
                let spin = self.peers.get(SPIN).map(|line| line.mean_us * times_spin);
                let most = spin.map_or(us, |spin| us.max(spin));
                let what = format!("mean µs (or {times_spin} × bare spin)");
                self.at_most(&what, Some(ours.mean_us), Some(most))
            }
            Bound::Mean(us) => self.at_most("mean µs", Some(ours.mean_us), Some(us)),
            Bound::P99(us) => self.at_most("p99 µs", ours.p99_us, Some(us)),
            Bound::P999(us) => self.at_most("p99.9 µs", ours.p999_us, Some(us)),
            Bound::Fairness(share) => {
                self.at_least("slowest by fastest", ours.window_fairness, Some(share))
            }
            Bound::Rate(rate) if self.is_slow() => {
                let prototype = self.peers.get(PROTOTYPE);
                let share = prototype.map(|line| line.calls_per_second * SLOW_MODE_SHARE);
                let what = format!("calls/s (slow mode, not {rate:.0})");
                self.at_least(&what, Some(ours.calls_per_second), share)
            }
            Bound::Rate(rate) => self.at_least("calls/s", Some(ours.calls_per_second), Some(rate)),
            Bound::FasterThan { peer, times } => {
                let theirs = self.peers.get(peer).map(|line| line.calls_per_second);
                let ratio = theirs.map(|theirs| ours.calls_per_second / theirs);
                self.at_least(&format!("calls/s by {peer}"), ratio, Some(times))
            }
            Bound::MeanOver { peer, times } => {
                let ratio = self.peers.get(peer).map(|line| ours.mean_us / line.mean_us);
                self.at_most(&format!("mean by {peer}"), ratio, Some(times))
            }
            Bound::CpuOver { peer, times } => {
                let ratio = self.peers.get(peer).map(|line| cpu(ours) / cpu(line));
                self.at_most(&format!("CPU time by {peer}"), ratio, Some(times))
            }
            Bound::P99OverRow { row, times } => {
                let other = rows.get(row).and_then(|medians| medians.ours.p99_us);
                let ratio = ours.p99_us.zip(other).map(|(ours, other)| ours / other);
                self.at_most(&format!("p99 by {row}"), ratio, Some(times))
            }
        }
    }

    fn at_most(&self, what: &str, measured: Option<f64>, most: Option<f64>) -> Verdict {
        Verdict::at_most(&self.ours.row, what, measured, most)
    }

    fn at_least(&self, what: &str, measured: Option<f64>, least: Option<f64>) -> Verdict {
        let both = measured.zip(least);
        Verdict {
            row: self.ours.row.clone(),
            what: what.to_owned(),
            measured: shown(measured),
            bound: format!("at least {}", shown(least)),
            met: both.map(|(measured, least)| measured >= least),
        }
    }
}

impl Verdict {
    pub(super) fn at_most(row: &str, what: &str, measured: Option<f64>, most: Option<f64>) -> Self {
        let both = measured.zip(most);
        Self {
            row: row.to_owned(),
            what: what.to_owned(),
            measured: shown(measured),
            bound: format!("at most {}", shown(most)),
            met: both.map(|(measured, most)| measured <= most),
        }
    }

    /// A figure of which nothing is asked.
    pub(super) fn reported(row: &str, what: &str, measured: impl Into<String>) -> Self {
        Self {
            row: row.to_owned(),
            what: what.to_owned(),
            measured: measured.into(),
            bound: String::new(),
            met: None,
        }
    }

    /// The row has no figures.
    pub(super) fn failed(row: &str, why: &dyn std::fmt::Display) -> Self {
        Self {
            row: row.to_owned(),
            what: FAILED.to_owned(),
            measured: why.to_string(),
            bound: "no error".to_owned(),
            met: Some(false),
        }
    }

    /// Whether it stands for a row without figures.
    pub(super) fn is_failure(&self) -> bool {
        self.what == FAILED
    }

    /// Something was asked, and it did not come out, or could not be had.
    pub(super) fn is_miss(&self) -> bool {
        !self.bound.is_empty() && self.met != Some(true)
    }
}

const FAILED: &str = "the row failed";

/// The median line, field by field, of runs of the same system; `None` of none.
pub(super) fn median(lines: &[Line]) -> Option<Line> {
    let first = lines.first()?;
    let of = |field: fn(&Line) -> f64| median_of(lines.iter().map(field)).unwrap_or_default();
    let maybe = |field: fn(&Line) -> Option<f64>| median_of(lines.iter().filter_map(field));
    let mut median = first.clone();
    median.calls_per_second = of(|line| line.calls_per_second);
    median.mean_us = of(|line| line.mean_us);
    median.p50_us = maybe(|line| line.p50_us);
    median.p99_us = maybe(|line| line.p99_us);
    median.p999_us = maybe(|line| line.p999_us);
    median.max_us = maybe(|line| line.max_us);
    median.window_fairness = maybe(|line| line.window_fairness);
    median.cpu_seconds_per_million.server = of(|line| line.cpu_seconds_per_million.server);
    median.cpu_seconds_per_million.clients = of(|line| line.cpu_seconds_per_million.clients);
    Some(median)
}

pub(super) fn median_of(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn cpu(line: &Line) -> f64 {
    line.cpu_seconds_per_million.server + line.cpu_seconds_per_million.clients
}

pub(super) fn shown(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value.abs() >= 1000.0 => format!("{value:.0}"),
        Some(value) if value.abs() >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::bench::measure::CpuSeconds;

    fn line(calls_per_second: f64, mean_us: f64) -> Line {
        Line {
            system: "prixfixe".to_owned(),
            row: "a".to_owned(),
            clients: 1,
            layout: "processes".to_owned(),
            runtime: None,
            payload: 64,
            in_flight: 1,
            calls: 1,
            seconds: 1.0,
            calls_per_second,
            mean_us,
            p50_us: None,
            p99_us: Some(mean_us),
            p999_us: None,
            max_us: None,
            cpu_seconds_per_million: CpuSeconds {
                server: 1.0,
                clients: 1.0,
            },
            window_fairness: None,
            errors: 0,
        }
    }

    fn medians(bare_us: f64) -> Medians {
        Medians {
            ours: line(1000.0, 0.5),
            peers: HashMap::from([
                (PROTOTYPE.to_owned(), line(1200.0, 0.4)),
                (SPIN.to_owned(), line(5000.0, 0.25)),
            ]),
            bare_us: Some(bare_us),
            woke_late: 0,
        }
    }

    fn met(bare_us: f64, bound: Bound) -> Option<bool> {
        medians(bare_us).judge(bound, &HashMap::new()).met
    }

    #[test]
    fn in_the_slow_mode_a_rate_is_held_to_the_prototype() {
        assert_eq!(met(0.3, Bound::Rate(2000.0)), Some(false));
        assert_eq!(met(1.1, Bound::Rate(2000.0)), Some(true));
        assert_eq!(met(0.3, Bound::Rate(900.0)), Some(true));
    }

    #[test]
    fn a_hot_mean_may_reach_the_larger_of_its_two_bounds() {
        let hot = |us, times_spin| met(0.3, Bound::HotMean { us, times_spin });
        assert_eq!(hot(0.35, 2.5), Some(true));
        assert_eq!(hot(0.6, 1.0), Some(true));
        assert_eq!(hot(0.35, 1.0), Some(false));
    }

    #[test]
    fn what_cannot_be_compared_is_a_miss_and_what_is_only_reported_is_none() {
        let bound = Bound::FasterThan {
            peer: "absent",
            times: 1.0,
        };
        let verdict = medians(0.3).judge(bound, &HashMap::new());
        assert_eq!(verdict.met, None);
        assert!(verdict.is_miss());
        assert!(!Verdict::reported("a", "b", "c").is_miss());
    }

    #[test]
    fn the_median_is_taken_field_by_field() {
        let lines = [line(3.0, 1.0), line(1.0, 3.0), line(2.0, 2.0)];
        let median = median(&lines).unwrap();
        assert_eq!((median.calls_per_second, median.mean_us), (2.0, 2.0));
    }
}
