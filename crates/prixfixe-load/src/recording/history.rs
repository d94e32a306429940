//! The course of a run: a bounded number of intervals, each of which knows its own percentiles.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::distribution::{add, histogram, microseconds, milliseconds};
use crate::result::{Point, Timeline};

/// The most intervals: as many as a screen can show.
const MOST_INTERVALS: usize = 600;
/// The first length of an interval. It doubles whenever there are too many, so a second has some
/// points, and the intervals of all threads end together.
const FIRST_INTERVAL: Duration = Duration::from_nanos(1_000_000_000 / 64);
/// How many digits of a latency an interval keeps: within 1 %.
const DIGITS: u8 = 2;
/// Where more intervals than this are shown, ...
const ENOUGH_INTERVALS: usize = 100;
/// ... they have this many messages each on average, or the percentiles of one would say little.
const ENOUGH_MESSAGES: u64 = 100;

/// Something that happened to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// It was meant to start.
    Intended,
    /// It was acknowledged, so long after it was meant to start.
    Accepted(Duration),
    /// It ended otherwise.
    Failed,
}

/// What happened when, counted.
#[derive(Debug, Clone)]
pub(super) struct History {
    interval: Duration,
    intervals: Vec<Interval>,
}

#[derive(Debug, Clone, Default)]
struct Interval {
    intended: u64,
    accepted: u64,
    failed: u64,
    /// Made for the first latency: many intervals have none.
    latencies: Option<Histogram<u32>>,
    most: Duration,
}

impl History {
    pub(super) fn new() -> Self {
        Self {
            interval: FIRST_INTERVAL,
            intervals: Vec::new(),
        }
    }

    pub(super) fn record(&mut self, at: Duration, event: Event) {
        let interval = self.interval_at(at);
        match event {
            Event::Intended => interval.intended += 1,
            Event::Failed => interval.failed += 1,
            Event::Accepted(latency) => {
                interval.accepted += 1;
                interval.most = interval.most.max(latency);
                let latencies = interval.latencies.get_or_insert_with(|| histogram(DIGITS));
                latencies.saturating_record(microseconds(latency));
            }
        }
    }

    /// Adds another history that began so much later.
    pub(super) fn merge(&mut self, other: &Self, later: Duration) {
        // So that each of its intervals lies in one of ours, if they begin together.
        while self.interval < other.interval {
            self.halve();
        }
        let mut at = later;
        for interval in &other.intervals {
            self.interval_at(at).merge(interval);
            at += other.interval;
        }
    }

    fn interval_at(&mut self, at: Duration) -> &mut Interval {
        let mut index = self.index(at);
        while index >= MOST_INTERVALS {
            self.halve();
            index = self.index(at);
        }
        if index >= self.intervals.len() {
            self.intervals.resize_with(index + 1, Interval::default);
        }
        &mut self.intervals[index]
    }

    fn index(&self, at: Duration) -> usize {
        usize::try_from(at.as_nanos() / self.interval.as_nanos()).unwrap_or(usize::MAX)
    }

    /// Half as many intervals, each twice as long.
    fn halve(&mut self) {
        self.interval *= 2;
        let mut halves = std::mem::take(&mut self.intervals).into_iter();
        while let Some(mut interval) = halves.next() {
            if let Some(second) = halves.next() {
                interval.merge(&second);
            }
            self.intervals.push(interval);
        }
    }

    /// As results show it.
    pub(super) fn timeline(&self) -> Timeline {
        let messages: u64 = self
            .intervals
            .iter()
            .map(|interval| interval.accepted)
            .sum();
        let mut shown = self.clone();
        let thin = |count: usize| messages / ENOUGH_MESSAGES < count as u64;
        while shown.intervals.len() > ENOUGH_INTERVALS && thin(shown.intervals.len()) {
            shown.halve();
        }
        shown.points()
    }

    fn points(&self) -> Timeline {
        let interval_s = self.interval.as_secs_f64();
        Timeline {
            interval_s,
            points: self
                .intervals
                .iter()
                .enumerate()
                .map(|(index, interval)| interval.point(index as f64 * interval_s))
                .collect(),
        }
    }
}

impl Interval {
    fn merge(&mut self, other: &Self) {
        self.intended += other.intended;
        self.accepted += other.accepted;
        self.failed += other.failed;
        self.most = self.most.max(other.most);
        match (&mut self.latencies, &other.latencies) {
            (Some(ours), Some(theirs)) => add(ours, theirs),
            (ours @ None, Some(theirs)) => *ours = Some(theirs.clone()),
            (_, None) => {}
        }
    }

    fn point(&self, at_s: f64) -> Point {
        let max_ms = milliseconds(self.most);
        let quantile = |quantile| {
            let latencies = self.latencies.as_ref();
            let value = latencies.map_or(0, |latencies| latencies.value_at_quantile(quantile));
            (value as f64 / 1e3).min(max_ms)
        };
        Point {
            at_s,
            intended: self.intended,
            accepted: self.accepted,
            failed: self.failed,
            p50_ms: quantile(0.5),
            p99_ms: quantile(0.99),
            max_ms,
            server_rss: None,
            server_cpus: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_long_run_keeps_its_counts_in_a_bounded_number_of_intervals() {
        let mut history = History::new();
        for second in 0..7200 {
            history.record(seconds(second), Event::Intended);
            let latency = Duration::from_millis(second);
            history.record(seconds(second), Event::Accepted(latency));
        }
        let timeline = history.points();
        assert!(timeline.points.len() <= MOST_INTERVALS);
        assert!((timeline.interval_s - 16.0).abs() < 1e-6);
        let accepted: u64 = timeline.points.iter().map(|point| point.accepted).sum();
        assert_eq!(accepted, 7200);
        let first = timeline.points[0];
        assert_eq!((first.intended, first.accepted), (16, 16));
        assert!((first.max_ms - 15.0).abs() < 1e-9);
        // The eighth of sixteen.
        assert!((first.p50_ms - 7.0).abs() < 0.07, "{}", first.p50_ms);
        for pair in timeline.points.windows(2) {
            assert!((pair[1].at_s - pair[0].at_s - 16.0).abs() < 1e-6);
        }
    }

    #[test]
    fn percentiles_of_merged_intervals_are_those_of_all_their_messages() {
        let mut history = History::new();
        // 99 quick ones in the first interval, a slow one in the second.
        for _ in 0..99 {
            history.record(Duration::ZERO, Event::Accepted(Duration::from_millis(1)));
        }
        history.record(FIRST_INTERVAL, Event::Accepted(seconds(1)));
        history.halve();
        let points = history.points().points;
        assert_eq!(points.len(), 1);
        assert!((points[0].p99_ms - 1.0).abs() < 0.01);
        assert!((points[0].max_ms - 1000.0).abs() < 1e-9);
    }

    #[test]
    fn a_later_history_is_put_where_it_belongs() {
        let mut whole = History::new();
        whole.record(Duration::ZERO, Event::Failed);
        let mut later = History::new();
        later.record(seconds(20), Event::Failed);
        whole.merge(&later, seconds(10));
        let timeline = whole.points();
        let at: Vec<f64> = timeline
            .points
            .iter()
            .filter(|point| point.failed > 0)
            .map(|point| point.at_s)
            .collect();
        assert_eq!(at.len(), 2);
        assert!((at[1] - 30.0).abs() <= timeline.interval_s, "{at:?}");
    }

    #[test]
    fn thin_intervals_are_put_together_for_show_and_rich_ones_are_not() {
        let mut thin = History::new();
        let mut rich = History::new();
        for tick in 0..500 {
            let at = FIRST_INTERVAL * tick;
            thin.record(at, Event::Accepted(seconds(1)));
            for _ in 0..ENOUGH_MESSAGES {
                rich.record(at, Event::Accepted(seconds(1)));
            }
        }
        assert!(thin.timeline().points.len() <= ENOUGH_INTERVALS);
        assert_eq!(rich.timeline().points.len(), 500);
    }
}
