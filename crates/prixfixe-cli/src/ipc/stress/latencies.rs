//! Distributions of times in nanoseconds, and the course of a run.

use hdrhistogram::Histogram;
use prixfixe_load::result::{Percentiles, Point, Timeline};
use serde::{Deserialize, Serialize};

use crate::ipc::clock::Nanos;

/// Times from a nanosecond to an hour, to three significant digits. In JSON: each recorded time and
/// how often it came.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(into = "Vec<(u64, u64)>", from = "Vec<(u64, u64)>")]
pub(super) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(super) fn new() -> Self {
        Self(histogram(DIGITS))
    }

    pub(super) fn record(&mut self, latency: Nanos) {
        self.0.saturating_record(latency.0);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        // Cannot fail: all have the same bounds.
        let _ = self.0.add(&other.0);
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len()
    }

    /// How many were longer than this.
    pub(super) fn above(&self, limit: Nanos) -> u64 {
        self.0.len() - self.0.count_between(0, limit.0)
    }

    /// What this share of all, 0 to 1, does not exceed.
    pub(super) fn at(&self, quantile: f64) -> Nanos {
        Nanos(self.0.value_at_quantile(quantile))
    }

    /// For a result; all 0 without any.
    pub(super) fn percentiles(&self) -> Percentiles {
        if self.0.is_empty() {
            return Percentiles::default();
        }
        let at = |quantile| milliseconds(self.at(quantile));
        Percentiles {
            count: self.0.len(),
            min: milliseconds(Nanos(self.0.min())),
            mean: self.0.mean() / 1e6,
            p50: at(0.5),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            p99_9: at(0.999),
            p99_99: at(0.9999),
            max: milliseconds(Nanos(self.0.max())),
        }
    }

    /// Percentiles and their milliseconds, denser and denser towards 100.
    pub(super) fn curve(&self) -> Vec<(f64, f64)> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let steps = self.0.iter_quantiles(CURVE_POINTS);
        steps
            .map(|step| {
                let percentile = 100.0 * step.quantile_iterated_to();
                let most = self.0.max();
                (
                    percentile,
                    milliseconds(Nanos(step.value_iterated_to().min(most))),
                )
            })
            .collect()
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Latencies> for Vec<(u64, u64)> {
    fn from(latencies: Latencies) -> Self {
        pairs(&latencies.0)
    }
}

impl From<Vec<(u64, u64)>> for Latencies {
    fn from(pairs: Vec<(u64, u64)>) -> Self {
        let mut latencies = Self::new();
        for (latency, count) in pairs {
            latencies.0.saturating_record_n(latency, count);
        }
        latencies
    }
}

/// The course of the calls of one process: intervals from the common start on.
#[derive(Debug)]
pub(super) struct Course {
    interval: Nanos,
    done: Vec<Interval>,
    /// Times of the interval under way.
    times: Histogram<u64>,
    now: Interval,
}

/// What began and ended in one interval.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Interval {
    begun: u64,
    completed: u64,
    failed: u64,
    /// Times of the completed ones, and how often each came.
    times: Vec<(u64, u64)>,
}

impl Course {
    pub(super) fn new(interval: Nanos) -> Self {
        Self {
            interval,
            done: Vec::new(),
            times: histogram(COURSE_DIGITS),
            now: Interval::default(),
        }
    }

    /// A call that began and ended so long after the start; `latency` if it was completed. Calls are
    /// told in the order of their ends.
    pub(super) fn record(&mut self, began: Nanos, ended: Nanos, latency: Option<Nanos>) {
        while self.place(ended) > self.done.len() {
            self.close();
        }
        match latency {
            Some(latency) => {
                self.now.completed += 1;
                self.times.saturating_record(latency.0);
            }
            None => self.now.failed += 1,
        }
        let place = self.place(began);
        match self.done.get_mut(place) {
            Some(before) => before.begun += 1,
            None => self.now.begun += 1,
        }
    }

    /// All intervals.
    pub(super) fn finish(mut self) -> Vec<Interval> {
        self.close();
        self.done
    }

    fn place(&self, at: Nanos) -> usize {
        let place = usize::try_from(at.0 / self.interval.0.max(1)).unwrap_or(usize::MAX);
        place.min(MOST_INTERVALS - 1)
    }

    fn close(&mut self) {
        let mut now = std::mem::take(&mut self.now);
        now.times = pairs(&self.times);
        self.times.clear();
        self.done.push(now);
    }
}

/// The intervals of many processes as one timeline.
#[derive(Clone, Debug, Default)]
pub(super) struct Courses(Vec<(Interval, Option<Histogram<u64>>)>);

impl Courses {
    /// Adds a course that ran beside these.
    pub(super) fn merge(&mut self, course: &[Interval]) {
        self.merge_from(0, course);
    }

    /// Adds courses that ran after these.
    pub(super) fn append(&mut self, other: &Self) {
        self.0.extend(other.0.iter().cloned());
    }

    fn merge_from(&mut self, first: usize, course: &[Interval]) {
        if self.0.len() < first + course.len() {
            self.0.resize_with(first + course.len(), Default::default);
        }
        for ((sum, times), interval) in self.0[first..].iter_mut().zip(course) {
            sum.begun += interval.begun;
            sum.completed += interval.completed;
            sum.failed += interval.failed;
            let times = times.get_or_insert_with(|| histogram(COURSE_DIGITS));
            for (time, count) in &interval.times {
                times.saturating_record_n(*time, *count);
            }
        }
    }

    /// For a result, where an interval takes this long.
    #[expect(clippy::cast_precision_loss, reason = "a few thousand intervals")]
    pub(super) fn timeline(&self, interval: Nanos) -> Timeline {
        let points = self.0.iter().enumerate().map(|(number, (sum, times))| {
            let at = |quantile| {
                let times = times.as_ref().filter(|times| !times.is_empty());
                times.map_or(0.0, |times| {
                    milliseconds(Nanos(times.value_at_quantile(quantile)))
                })
            };
            Point {
                at_s: number as f64 * interval.seconds(),
                intended: sum.begun,
                accepted: sum.completed,
                failed: sum.failed,
                p50_ms: at(0.5),
                p99_ms: at(0.99),
                max_ms: at(1.0),
                ..Point::default()
            }
        });
        Timeline {
            interval_s: interval.seconds(),
            points: points.collect(),
        }
    }
}

pub(super) fn milliseconds(time: Nanos) -> f64 {
    time.seconds() * 1e3
}

#[expect(clippy::expect_used, reason = "constant bounds; a test makes them")]
fn histogram(digits: u8) -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST.0, digits).expect("sound bounds")
}

fn pairs(histogram: &Histogram<u64>) -> Vec<(u64, u64)> {
    let steps = histogram.iter_recorded();
    steps
        .map(|step| (step.value_iterated_to(), step.count_at_value()))
        .collect()
}

/// The longest time told from longer ones: an hour.
const LONGEST: Nanos = Nanos(3_600_000_000_000);
const DIGITS: u8 = 3;
/// A timeline is looked at, and there are many intervals of many processes.
const COURSE_DIGITS: u8 = 2;
/// An hour of intervals of a second; what comes later counts in the last.
const MOST_INTERVALS: usize = 3600;
/// How many points a curve has for each halving of what is left to 100 %.
const CURVE_POINTS: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_the_way_between_processes() {
        let mut latencies = Latencies::new();
        for time in [5, 900, 900, 70_000, 4_000_000_000] {
            latencies.record(Nanos(time));
        }
        let text = serde_json::to_string(&latencies).unwrap();
        let read: Latencies = serde_json::from_str(&text).unwrap();
        assert_eq!(read.count(), 5);
        assert_eq!(read.above(Nanos(1_000)), 2);
        assert_eq!(read.above(Nanos(100_000)), 1);
        assert_eq!(read.percentiles(), latencies.percentiles());
        let percentiles = read.percentiles();
        assert!((percentiles.p50 - 0.0009).abs() < 1e-6, "{percentiles:?}");
        assert_eq!(Latencies::new().percentiles(), Percentiles::default());
    }

    #[test]
    fn calls_count_where_they_began_and_where_they_ended() {
        let mut course = Course::new(Nanos(100));
        course.record(Nanos(0), Nanos(50), Some(Nanos(50)));
        course.record(Nanos(60), Nanos(250), None);
        course.record(Nanos(250), Nanos(260), Some(Nanos(10)));
        let intervals = course.finish();
        let mut courses = Courses::default();
        courses.merge(&intervals);
        courses.merge(&intervals[..1]);
        let points = courses.timeline(Nanos(100)).points;
        let counts: Vec<_> = points
            .iter()
            .map(|point| (point.intended, point.accepted, point.failed))
            .collect();
        assert_eq!(counts, [(4, 2, 0), (0, 0, 0), (1, 1, 1)]);
        assert!(points[1].p50_ms == 0.0 && points[2].p50_ms > 0.0);
        courses.append(&courses.clone());
        assert_eq!(courses.timeline(Nanos(100)).points.len(), 6);
    }
}
