//! The whole distribution of latencies as a curve over percentiles.

use maud::Markup;

use super::chart::{Chart, Line, Reading, Readings, Shape, Spot};
use super::number;
use super::scale::Scale;
use super::trace::Trace;

/// The curves of these traces.
pub(super) fn draw(traces: &[Trace<'_>]) -> Markup {
    let lines: Vec<Line> = traces.iter().map(line).collect();
    let most = Line::most(&lines);
    // Beyond such a spread a linear axis would show the tail and nothing else.
    let y = if most > MOST_LINEAR_SPREAD * Line::least(&lines) {
        Scale::logarithmic(Line::least(&lines), most)
    } else {
        Scale::linear(most)
    };
    let ends = lines.iter().flat_map(|line| &line.spots);
    let x = Scale::percentiles(ends.map(|spot| spot.to).fold(0.0, f64::max));
    let chart = Chart {
        title: "Percentiles of latency".to_owned(),
        y_title: "milliseconds".to_owned(),
        x_title: "share of the messages that were at least as quick".to_owned(),
        x,
        y,
        lines,
        readings: traces.iter().map(readings).collect(),
        notes: Vec::new(),
    };
    chart.draw("No message was acknowledged, so there is no latency.")
}

/// How many times its lowest value the highest of a linear axis may be.
const MOST_LINEAR_SPREAD: f64 = 100.0;

/// The most values of a curve that are drawn.
const MOST_VALUES: usize = 400;

fn line(trace: &Trace<'_>) -> Line {
    let values = values(trace);
    let every = values.len().div_ceil(MOST_VALUES).max(1);
    let last = values.last().copied();
    let drawn = values.iter().step_by(every).copied().chain(last);
    let spots = drawn.map(|(percentile, milliseconds)| {
        let at = inverse(percentile, trace.measured.latency_ms.count);
        Spot {
            from: at,
            to: at,
            value: Some(milliseconds),
        }
    });
    Line {
        name: trace.name.to_owned(),
        looks: trace.colour.to_owned(),
        shape: Shape::Joined,
        spots: spots.collect(),
    }
}

/// The curve of the file, or what the percentiles alone give where it has none.
fn values(trace: &Trace<'_>) -> Vec<(f64, f64)> {
    let sound = |value: &(f64, f64)| {
        (0.0..=100.0).contains(&value.0) && value.1.is_finite() && value.1 >= 0.0
    };
    let curve = &trace.measured.curve;
    let mut values: Vec<(f64, f64)> = if curve.is_empty() {
        known(trace).to_vec()
    } else {
        curve.clone()
    };
    if trace.measured.latency_ms.count == 0 {
        values.clear();
    }
    values.retain(sound);
    values.sort_by(|one, other| one.0.total_cmp(&other.0));
    values
}

fn known(trace: &Trace<'_>) -> [(f64, f64); 8] {
    let latency = &trace.measured.latency_ms;
    [
        (0.0, latency.min),
        (50.0, latency.p50),
        (90.0, latency.p90),
        (95.0, latency.p95),
        (99.0, latency.p99),
        (99.9, latency.p99_9),
        (99.99, latency.p99_99),
        (100.0, latency.max),
    ]
}

/// `1 / (1 − share)`. Of so many messages none is rarer than one in as many, which is where the
/// slowest one lies.
fn inverse(percentile: f64, count: u64) -> f64 {
    let rarest = count.max(1) as f64;
    (1.0 / (1.0 - percentile / 100.0)).min(rarest)
}

fn readings(trace: &Trace<'_>) -> Readings {
    let count = trace.measured.latency_ms.count;
    let rows = known(trace).into_iter().filter(|_| count > 0);
    Readings {
        name: trace.name.to_owned(),
        colour: trace.colour,
        columns: vec!["percentile", "latency"],
        rows: rows
            .map(|(percentile, milliseconds)| Reading {
                at: inverse(percentile, count),
                cells: vec![
                    format!("{percentile} %"),
                    number::milliseconds(milliseconds),
                ],
            })
            .collect(),
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "these figures are exact in binary")]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_of_a_thousand_lies_at_three_nines() {
        assert_eq!(inverse(100.0, 1000), 1000.0);
        assert_eq!(inverse(50.0, 1000), 2.0);
        assert!((inverse(99.0, 1000) - 100.0).abs() < 1e-9);
    }
}
