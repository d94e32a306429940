//! The course of a run as a chart can show it: no more intervals than fit.

use crate::result::{Measurement, Point};

/// A timeline whose intervals were merged where there were too many.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Course {
    /// Its intervals, in order.
    pub(super) intervals: Vec<Interval>,
    /// How many of the file make one of these.
    pub(super) merged: usize,
}

/// An interval.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Interval {
    /// Its start, in seconds from the start of the run.
    pub(super) from_s: f64,
    /// Its end.
    pub(super) to_s: f64,
    /// Messages per second that were meant to start.
    pub(super) intended: f64,
    /// Messages per second acknowledged.
    pub(super) accepted: f64,
    /// Messages per second that ended otherwise.
    pub(super) failed: f64,
    /// Latencies, if anything was acknowledged. Of merged intervals: p50 is the mean by messages,
    /// the other two are the highest.
    pub(super) latency: Option<Latency>,
    /// Memory of the servers in octets: the highest.
    pub(super) server_rss: Option<f64>,
    /// Processors they kept busy: the mean.
    pub(super) server_cpus: Option<f64>,
}

/// Latencies in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub(super) struct Latency {
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) max: f64,
}

impl Course {
    /// The most intervals a chart shows: one for every or every second pixel.
    pub(super) const MOST_INTERVALS: usize = 600;

    /// The course of what was measured. Points that lie nowhere in time are left out.
    pub(super) fn of(measured: &Measurement) -> Self {
        let mut points: Vec<&Point> = Vec::new();
        for point in &measured.timeline.points {
            let after = points.last().is_none_or(|last| point.at_s > last.at_s);
            if after && (0.0..MOST_SECONDS).contains(&point.at_s) {
                points.push(point);
            }
        }
        let merged = points.len().div_ceil(Self::MOST_INTERVALS).max(1);
        let ends: Vec<f64> = ends(&points, measured);
        // A few messages over next to no time are no rate: they belong to the interval before.
        let is_cut_short = match (&points[..], &ends[..]) {
            ([.., before, last], [.., end]) => end - last.at_s < (last.at_s - before.at_s) / 2.0,
            _ => false,
        };
        let full = points.len() - usize::from(is_cut_short);
        let mut bounds: Vec<usize> = (0..full).step_by(merged).collect();
        bounds.push(points.len());
        let intervals = bounds.windows(2).filter_map(|bounds| {
            let [first, behind] = *bounds else {
                return None;
            };
            Interval::of(points.get(first..behind)?, *ends.get(behind - 1)?)
        });
        Self {
            intervals: intervals.collect(),
            merged,
        }
    }

    /// Where it ends, in seconds.
    pub(super) fn end_s(&self) -> f64 {
        self.intervals.last().map_or(0.0, |last| last.to_s)
    }
}

/// Longer than any run: thirty years.
const MOST_SECONDS: f64 = 1e9;

/// Where each interval ends: at the start of the next one, and the last with the run.
fn ends(points: &[&Point], measured: &Measurement) -> Vec<f64> {
    let length = measured.timeline.interval_s;
    let length = if length > 0.0 && length < MOST_SECONDS {
        length
    } else {
        1.0
    };
    let mut ends: Vec<f64> = points.iter().skip(1).map(|next| next.at_s).collect();
    if let Some(last) = points.last() {
        // A rate over next to no time would be noise.
        let least = last.at_s + length / 10.0;
        let end = if measured.duration_s.is_finite() {
            measured.duration_s.max(least)
        } else {
            f64::INFINITY
        };
        ends.push(end.min(last.at_s + length));
    }
    ends
}

impl Interval {
    fn of(points: &[&Point], to_s: f64) -> Option<Self> {
        let from_s = points.first()?.at_s;
        let lasts = to_s - from_s;
        if lasts <= 0.0 {
            return None;
        }
        let sum = |of: fn(&Point) -> u64| points.iter().map(|point| of(point) as f64).sum::<f64>();
        Some(Self {
            from_s,
            to_s,
            intended: sum(|point| point.intended) / lasts,
            accepted: sum(|point| point.accepted) / lasts,
            failed: sum(|point| point.failed) / lasts,
            latency: Latency::of(points),
            server_rss: points
                .iter()
                .filter_map(|point| point.server_rss)
                .max()
                .map(|octets| octets as f64),
            server_cpus: mean(points.iter().filter_map(|point| point.server_cpus)),
        })
    }
}

impl Latency {
    fn of(points: &[&Point]) -> Option<Self> {
        let answered = points.iter().filter(|point| {
            let sound = [point.p50_ms, point.p99_ms, point.max_ms];
            point.accepted > 0
                && sound
                    .into_iter()
                    .all(|value| value.is_finite() && value >= 0.0)
        });
        let mut weight = 0.0;
        let mut all = Self {
            p50: 0.0,
            p99: 0.0,
            max: 0.0,
        };
        for point in answered {
            let messages = point.accepted as f64;
            weight += messages;
            // A running mean, which stays finite whatever it is of.
            all.p50 += (point.p50_ms - all.p50) * (messages / weight);
            all.p99 = all.p99.max(point.p99_ms);
            all.max = all.max.max(point.max_ms);
        }
        (weight > 0.0).then_some(all)
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values.filter(|value| value.is_finite()) {
        sum += value;
        count += 1.0;
    }
    (count > 0.0).then(|| sum / count)
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "these figures are exact in binary")]
mod tests {
    use super::*;
    use crate::result::Timeline;

    fn measured(points: Vec<Point>, duration_s: f64) -> Measurement {
        Measurement {
            duration_s,
            timeline: Timeline {
                interval_s: 1.0,
                points,
            },
            ..Measurement::default()
        }
    }

    fn point(at_s: f64, accepted: u64, p99_ms: f64) -> Point {
        Point {
            at_s,
            accepted,
            p50_ms: 1.0,
            p99_ms,
            max_ms: p99_ms,
            ..Point::default()
        }
    }

    #[test]
    fn the_last_interval_ends_with_the_run_so_that_its_rate_is_true() {
        let course = Course::of(&measured(
            vec![point(0.0, 10, 2.0), point(1.0, 5, 2.0)],
            1.5,
        ));
        assert_eq!(course.end_s(), 1.5);
        assert_eq!(course.intervals[1].accepted, 10.0);
    }

    #[test]
    fn a_moment_at_the_end_is_no_interval_of_its_own() {
        // Five messages in a fiftieth of a second are not 250 a second.
        let points = vec![point(0.0, 10, 2.0), point(1.0, 10, 2.0), point(2.0, 5, 9.0)];
        let course = Course::of(&measured(points, 2.02));
        assert_eq!(course.intervals.len(), 2);
        let last = &course.intervals[1];
        assert_eq!((last.from_s, last.to_s), (1.0, 2.1));
        assert!((last.accepted - 15.0 / 1.1).abs() < 1e-9, "{last:?}");
        assert_eq!(last.latency.map(|latency| latency.max), Some(9.0));
    }

    #[test]
    fn a_long_run_is_merged_without_losing_a_message_or_its_worst_moment() {
        let mut points: Vec<Point> = (0..10_000)
            .map(|second| point(f64::from(second), 3, 2.0))
            .collect();
        points[7777].p99_ms = 900.0;
        points[7777].max_ms = 900.0;
        let course = Course::of(&measured(points, 10_000.0));
        assert_eq!(course.merged, 17);
        assert_eq!(course.intervals.len(), 589);
        let messages: f64 = course
            .intervals
            .iter()
            .map(|interval| interval.accepted * (interval.to_s - interval.from_s))
            .sum();
        assert!((messages - 30_000.0).abs() < 1e-6);
        let worst = course.intervals.iter().filter_map(|one| one.latency);
        assert_eq!(worst.map(|one| one.max).fold(0.0, f64::max), 900.0);
    }

    #[test]
    fn an_interval_without_messages_has_no_latency() {
        let course = Course::of(&measured(vec![point(0.0, 0, 0.0)], 1.0));
        assert_eq!(course.intervals[0].latency, None);
    }
}
