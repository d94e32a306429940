//! What a run came to, in memory that does not grow with it.
//!
//! A thread keeps thirteen distributions of 190 KB (latency, ten stages, lag and waiting), the
//! course of the run in at most 600 intervals of at most 13 KB, and one example of each class of
//! errors: 12 MB at the very most.

use std::time::{Duration, Instant};

use crate::client::Course;
use crate::failure::Failure;
use crate::plan::Plan;
use crate::result::{Connections, Generator, Measurement, Percentiles};
use crate::stage::Stage;

mod distribution;
mod errors;
mod history;
#[cfg(test)]
mod tests;

pub(crate) use distribution::Distribution;
use errors::Errors;
use history::{Event, History};

/// What a run came to, or a part of it.
#[derive(Debug, Clone)]
pub struct Recording {
    /// Where its time begins.
    epoch: Instant,
    /// When the first message began and the last one ended.
    first_and_last: Option<(Instant, Instant)>,
    /// How long the parts after the first one lasted that ran one after the other.
    further: Duration,
    /// How far its history reaches.
    reach: Duration,
    sent: u64,
    accepted: u64,
    failed: u64,
    octets: u64,
    connections: Connections,
    latency: Distribution,
    stages: [Distribution; Stage::ALL.len()],
    lag: Distribution,
    waited: Distribution,
    history: History,
    errors: Errors,
    effort: Effort,
    overdue: u64,
    broken_off_by: Option<String>,
    invalid_because: Vec<String>,
}

/// What threads took of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Effort {
    pub(crate) threads: usize,
    /// The sum of the times that they were there.
    pub(crate) present: Duration,
    /// The sum of the times that they computed.
    pub(crate) computed: Duration,
    /// The sum of the times that they could have and were not let.
    pub(crate) starved: Duration,
    /// The share of the time of the busiest that it computed.
    pub(crate) busiest: f64,
    /// The share of the time of the most pressed one that it computed, or would have if let.
    pub(crate) most_pressed: f64,
}

impl Effort {
    pub(crate) fn busy(&self) -> f64 {
        share(self.computed, self.present)
    }

    /// The share of their time that they could have computed and were not let.
    pub(crate) fn starved_share(&self) -> f64 {
        share(self.starved, self.present)
    }

    /// Together with threads that ran beside them, or after them.
    fn merge(&mut self, other: &Self, beside: bool) {
        self.threads = if beside {
            self.threads + other.threads
        } else {
            self.threads.max(other.threads)
        };
        self.present += other.present;
        self.computed += other.computed;
        self.starved += other.starved;
        self.busiest = self.busiest.max(other.busiest);
        self.most_pressed = self.most_pressed.max(other.most_pressed);
    }
}

/// One duration as a share of another, 0 to 1.
pub(crate) fn share(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() {
        return 0.0;
    }
    (part.as_secs_f64() / whole.as_secs_f64()).min(1.0)
}

/// The moments of a message before it is on its way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    /// When it was meant to start; with a closed schedule, when it did.
    pub(crate) intended: Instant,
    /// When a worker was free for it.
    pub(crate) free: Instant,
    /// When it started.
    pub(crate) begun: Instant,
}

impl Recording {
    pub(crate) fn new(epoch: Instant) -> Self {
        Self {
            epoch,
            first_and_last: None,
            further: Duration::ZERO,
            reach: Duration::ZERO,
            sent: 0,
            accepted: 0,
            failed: 0,
            octets: 0,
            connections: Connections::default(),
            latency: Distribution::new(),
            stages: std::array::from_fn(|_| Distribution::new()),
            lag: Distribution::new(),
            waited: Distribution::new(),
            history: History::new(),
            errors: Errors::default(),
            effort: Effort::default(),
            overdue: 0,
            broken_off_by: None,
            invalid_because: Vec::new(),
        }
    }

    /// A message begins.
    pub(crate) fn begin(&mut self, start: &Start) {
        self.sent += 1;
        let ready = start.intended.max(start.free);
        self.lag
            .record(start.begun.saturating_duration_since(ready));
        let waited = start.free.saturating_duration_since(start.intended);
        self.waited.record(waited);
        self.event(start.intended, Event::Intended);
        let (first, _) = self
            .first_and_last
            .get_or_insert((start.begun, start.begun));
        *first = start.begun.min(*first);
    }

    /// A message was acknowledged.
    pub(crate) fn accept(&mut self, start: &Start, octets: u64, now: Instant) {
        let latency = now.saturating_duration_since(start.intended);
        self.accepted += 1;
        self.octets += octets;
        self.latency.record(latency);
        self.event(now, Event::Accepted(latency));
        self.end(now);
    }

    /// A message ended otherwise.
    pub(crate) fn fail(&mut self, failure: Failure, now: Instant) {
        self.failed += 1;
        self.errors.count(failure);
        self.event(now, Event::Failed);
        self.end(now);
    }

    fn end(&mut self, now: Instant) {
        if let Some((_, last)) = &mut self.first_and_last {
            *last = now.max(*last);
        }
    }

    fn event(&mut self, at: Instant, event: Event) {
        let at = at.saturating_duration_since(self.epoch);
        self.reach = self.reach.max(at);
        self.history.record(at, event);
    }

    /// The steps that were done, whatever became of the message.
    pub(crate) fn steps(&mut self, course: &Course) {
        for (stage, taken) in course.taken() {
            self.stages[stage as usize].record(taken);
        }
    }

    /// A connection was made; `resumed` says how, under TLS.
    pub(crate) fn connected(&mut self, resumed: Option<bool>) {
        self.connections.made += 1;
        match resumed {
            Some(true) => self.connections.tls_resumed += 1,
            Some(false) => self.connections.tls_full += 1,
            None => {}
        }
    }

    /// A connection was found closed, and another is made for the same message.
    pub(crate) fn remade(&mut self) {
        self.connections.remade += 1;
    }

    pub(crate) fn worked(&mut self, effort: &Effort) {
        self.effort.merge(effort, true);
    }

    /// The figures are not those of the server.
    pub(crate) fn invalidate(&mut self, why: String) {
        if !self.invalid_because.contains(&why) {
            self.invalid_because.push(why);
        }
    }

    /// The run ended before its time.
    pub(crate) fn break_off(&mut self, why: String) {
        self.invalidate(why.clone());
        self.broken_off_by.get_or_insert(why);
    }

    /// So many messages were due and never began.
    pub(crate) fn leave_out(&mut self, overdue: u64) {
        self.overdue = self.overdue.saturating_add(overdue);
    }

    /// The schedule took this time, whenever its last message began: the pause behind that belongs to
    /// the run as those between the others do.
    pub(crate) fn cover(&mut self, start: Instant, lasted: Duration) {
        let end = start + lasted;
        let (first, last) = self.first_and_last.get_or_insert((start, end));
        *first = start.min(*first);
        *last = end.max(*last);
    }

    /// Adds what ran at the same time.
    pub fn merge(&mut self, other: &Self) {
        let epoch = self.epoch.min(other.epoch);
        let ours = self.epoch - epoch;
        let theirs = other.epoch - epoch;
        if !ours.is_zero() {
            let mut history = History::new();
            history.merge(&self.history, ours);
            self.history = history;
            self.epoch = epoch;
        }
        self.history.merge(&other.history, theirs);
        self.reach = (self.reach + ours).max(other.reach + theirs);
        self.first_and_last = match (self.first_and_last, other.first_and_last) {
            (Some(ours), Some(theirs)) => Some((ours.0.min(theirs.0), ours.1.max(theirs.1))),
            (ours, theirs) => ours.or(theirs),
        };
        self.further = self.further.max(other.further);
        self.add(other, true);
    }

    /// Adds what ran after all of this: times add up, without the pause between.
    pub fn append(&mut self, next: &Self) {
        self.history.merge(&next.history, self.reach);
        self.reach += next.reach;
        self.further += next.duration();
        self.add(next, false);
    }

    /// What adds up whenever it was.
    fn add(&mut self, other: &Self, beside: bool) {
        self.sent += other.sent;
        self.accepted += other.accepted;
        self.failed += other.failed;
        self.octets += other.octets;
        self.connections.made += other.connections.made;
        self.connections.remade += other.connections.remade;
        self.connections.tls_full += other.connections.tls_full;
        self.connections.tls_resumed += other.connections.tls_resumed;
        self.latency.merge(&other.latency);
        for (ours, theirs) in self.stages.iter_mut().zip(&other.stages) {
            ours.merge(theirs);
        }
        self.lag.merge(&other.lag);
        self.waited.merge(&other.waited);
        self.errors.merge(&other.errors);
        self.effort.merge(&other.effort, beside);
        self.leave_out(other.overdue);
        if self.broken_off_by.is_none() {
            self.broken_off_by.clone_from(&other.broken_off_by);
        }
        for why in &other.invalid_because {
            self.invalidate(why.clone());
        }
    }

    /// From the start of the first message to the end of the last, or of the schedule.
    fn duration(&self) -> Duration {
        let own = self.first_and_last.map(|(first, last)| last - first);
        own.unwrap_or_default() + self.further
    }

    /// The figures, with the plan as their settings.
    pub fn measurement(&self, plan: &Plan) -> Measurement {
        let duration_s = self.duration().as_secs_f64();
        let per_1000 = |seconds: f64| match self.accepted {
            0 => 0.0,
            accepted => seconds * 1e3 / accepted as f64,
        };
        let cpu_s = self.effort.computed.as_secs_f64();
        Measurement {
            duration_s,
            rate: if duration_s > 0.0 {
                self.accepted as f64 / duration_s
            } else {
                0.0
            },
            sent: self.sent,
            overdue: self.overdue,
            accepted: self.accepted,
            failed: self.failed,
            octets: self.octets,
            connections: self.connections,
            latency_ms: self.latency.percentiles(),
            stages_ms: Stage::ALL
                .into_iter()
                .zip(&self.stages)
                .filter(|(_, taken)| taken.count() > 0)
                .map(|(stage, taken)| (stage, taken.percentiles()))
                .collect(),
            curve: self.latency.curve(),
            errors: self.errors.counts(),
            outcomes: Vec::new(),
            broken_off_by: self.broken_off_by.clone(),
            valid: self.invalid_because.is_empty(),
            invalid_because: self.invalid_because.clone(),
            generator: Generator {
                threads: self.effort.threads,
                cpu_s,
                cpu_s_per_1000: per_1000(cpu_s),
                busy: self.effort.busy(),
                starved: self.effort.starved_share(),
                lag_ms: self.lag.percentiles(),
                waited_ms: self.waited.percentiles(),
            },
            server: None,
            timeline: self.history.timeline(),
            verification: None,
            // A plan is made of strings and numbers, which JSON can hold.
            settings: serde_json::to_value(plan).unwrap_or_default(),
        }
    }

    pub(crate) fn effort(&self) -> &Effort {
        &self.effort
    }

    pub(crate) fn lag(&self) -> Percentiles {
        self.lag.percentiles()
    }

    pub(crate) fn waited(&self) -> Percentiles {
        self.waited.percentiles()
    }

    pub(crate) fn latency(&self) -> &Distribution {
        &self.latency
    }

    /// When its course begins, from which the times of its timeline count.
    pub fn began(&self) -> Instant {
        self.epoch
    }

    /// Messages of an open schedule that were due and never began.
    pub fn overdue(&self) -> u64 {
        self.overdue
    }

    /// What ended the run before its time, if it was not stopped: a ledger that could not be written.
    pub fn broken_off_by(&self) -> Option<&str> {
        self.broken_off_by.as_deref()
    }

    /// Messages begun, acknowledged, and ended otherwise.
    pub fn counts(&self) -> (u64, u64, u64) {
        (self.sent, self.accepted, self.failed)
    }
}
