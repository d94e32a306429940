//! What the clients of a part did, put together.

use prixfixe_load::failure::Stage as Step;
use prixfixe_load::result::{Connections, Generator, Measurement};
use serde_json::Value;

use super::account::Account;
use super::callers::Report;
use super::latencies::{Courses, Latencies};
use super::setting::INTERVAL;
use super::stage::Performance;
use crate::ipc::clock::Nanos;

/// A part of a level, or all of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Gathered {
    pub(super) account: Account,
    pub(super) latencies: Latencies,
    pub(super) connects: Latencies,
    pub(super) turned_away: u64,
    lag: Latencies,
    courses: Courses,
    duration: Nanos,
    connections: u64,
    pub(super) reconnects: u64,
    /// Of the requests of completed calls.
    pub(super) octets: u64,
    processes: usize,
    cpu: Nanos,
    starved: Nanos,
    /// The sum of the times that the processes were at it.
    present: Nanos,
    pub(super) woke_late: u64,
    /// Why the figures are not those of the server.
    pub(super) invalid_because: Vec<String>,
}

impl Gathered {
    /// Of clients that sent requests of this length.
    pub(super) fn of(performance: &Performance, payload: u32) -> Self {
        let reports = &performance.reports;
        let told: Vec<_> = reports
            .iter()
            .flat_map(|report| report.told.clone())
            .collect();
        let mut account = Account::settle(&told, &performance.journal);
        account.meet_strangers(performance.journal.strangers);
        let ends = reports.iter().map(|report| report.end);
        let duration = ends.max().unwrap_or_default().since(performance.start);
        let mut gathered = Self {
            octets: account.completed() * u64::from(payload),
            account,
            duration,
            connections: told.len() as u64,
            processes: reports.len(),
            ..Self::default()
        };
        for report in reports {
            gathered.take(report, performance.start);
        }
        gathered
    }

    fn take(&mut self, report: &Report, start: Nanos) {
        self.latencies.merge(&report.latencies);
        self.connects.merge(&report.connects);
        self.lag.merge(&report.lag);
        self.courses.merge(&report.course);
        self.turned_away += report.turned_away;
        self.reconnects += report.reconnects;
        self.woke_late += report.woke_late;
        self.cpu.0 += report.cpu.0;
        self.starved.0 += report.starved.0;
        self.present.0 += report.end.since(start).0;
    }

    /// Adds what ran meanwhile. The timeline stays that of the longer one.
    pub(super) fn join(&mut self, other: &Self) {
        let (duration, processes) = (self.duration, self.processes);
        let courses = self.courses.clone();
        self.append(other);
        self.duration = duration.max(other.duration);
        self.processes = processes + other.processes;
        self.courses = courses;
    }

    /// Adds what ran after all of this: times add up, without the pause between.
    pub(super) fn append(&mut self, next: &Self) {
        self.account.add(&next.account);
        self.latencies.merge(&next.latencies);
        self.connects.merge(&next.connects);
        self.lag.merge(&next.lag);
        self.courses.append(&next.courses);
        self.turned_away += next.turned_away;
        self.duration.0 += next.duration.0;
        self.connections += next.connections;
        self.reconnects += next.reconnects;
        self.octets += next.octets;
        self.processes = self.processes.max(next.processes);
        self.cpu.0 += next.cpu.0;
        self.starved.0 += next.starved.0;
        self.present.0 += next.present.0;
        self.woke_late += next.woke_late;
        self.invalid_because
            .extend(next.invalid_because.iter().cloned());
    }

    /// Calls completed per second.
    pub(super) fn rate(&self) -> f64 {
        per(self.account.completed(), self.duration.seconds())
    }

    /// For the result.
    pub(super) fn measurement(&self, settings: Value) -> Measurement {
        let completed = self.account.completed();
        let calls = self.account.calls();
        let connects = [(Step::Connect, self.connects.percentiles())];
        let connects = connects.into_iter().filter(|(_, times)| times.count > 0);
        Measurement {
            duration_s: self.duration.seconds(),
            rate: self.rate(),
            sent: calls,
            accepted: completed,
            failed: calls - completed,
            octets: self.octets,
            connections: Connections {
                made: self.connections + self.reconnects,
                remade: self.reconnects,
                ..Connections::default()
            },
            latency_ms: self.latencies.percentiles(),
            stages_ms: connects.collect(),
            curve: self.latencies.curve(),
            outcomes: self.account.outcomes(),
            valid: self.invalid_because.is_empty(),
            invalid_because: self.invalid_because.clone(),
            generator: Generator {
                threads: self.processes,
                cpu_s: self.cpu.seconds(),
                cpu_s_per_1000: 1e3 * per_call(self.cpu.seconds(), completed),
                busy: share(self.cpu, self.present),
                starved: share(self.starved, self.present),
                lag_ms: self.lag.percentiles(),
                ..Generator::default()
            },
            timeline: self.courses.timeline(INTERVAL),
            verification: Some(self.account.verification()),
            settings,
            ..Measurement::default()
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "below 2^53 in any level")]
fn per(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    }
}

#[expect(clippy::cast_precision_loss, reason = "below 2^53 in any level")]
fn per_call(seconds: f64, calls: u64) -> f64 {
    if calls > 0 {
        seconds / calls as f64
    } else {
        0.0
    }
}

fn share(part: Nanos, whole: Nanos) -> f64 {
    if whole.0 == 0 {
        return 0.0;
    }
    (part.seconds() / whole.seconds()).min(1.0)
}
