//! The charts over time: throughput, latency, and what the servers took.

use maud::{Markup, html};

use super::chart::{Chart, Line, Reading, Readings, Shape, Spot};
use super::course::{Course, Interval};
use super::number;
use super::scale::Scale;
use super::trace::Trace;

/// A trace and its course.
struct Run<'a> {
    trace: Trace<'a>,
    course: Course,
}

/// The charts that share the axis of time.
pub(super) struct OverTime<'a> {
    runs: Vec<Run<'a>>,
}

impl<'a> OverTime<'a> {
    /// Of these traces.
    pub(super) fn new(traces: &[Trace<'a>]) -> Self {
        let runs = traces.iter().map(|trace| Run {
            trace: *trace,
            course: Course::of(trace.measured),
        });
        Self {
            runs: runs.collect(),
        }
    }

    /// Whether there is anything to show.
    pub(super) fn is_empty(&self) -> bool {
        self.runs.iter().all(|run| run.course.intervals.is_empty())
    }

    /// Messages per second: intended, acknowledged, failed.
    pub(super) fn throughput(&self) -> Markup {
        let lines = match &self.runs[..] {
            [run] => vec![
                run.line("accepted", "c1", Shape::Filled, |one| Some(one.accepted)),
                run.line("intended", "intended", Shape::Steps, |one| {
                    Some(one.intended)
                }),
                run.line("failed", "bad", Shape::Steps, |one| Some(one.failed)),
            ],
            runs => {
                let accepted = runs.iter().map(|run| {
                    let looks = run.trace.colour;
                    run.line(run.trace.name, looks, Shape::Steps, |one| {
                        Some(one.accepted)
                    })
                });
                let failing = runs.iter().filter(|run| run.any(|one| one.failed > 0.0));
                let failed = failing.map(|run| {
                    let looks = format!("{} second", run.trace.colour);
                    let name = format!("{}, failed", run.trace.name);
                    run.line(&name, &looks, Shape::Steps, |one| Some(one.failed))
                });
                accepted.chain(failed).collect()
            }
        };
        let scale = Scale::linear(Line::most(&lines));
        let readings = self.readings(&["time", "intended/s", "accepted/s", "failed/s"], |one| {
            Some(vec![
                number::plain(one.intended),
                number::plain(one.accepted),
                number::plain(one.failed),
            ])
        });
        self.chart("Throughput", "messages per second", scale, lines, readings)
    }

    /// Latencies from the intended start.
    pub(super) fn latency(&self) -> Markup {
        let lines = match &self.runs[..] {
            [run] => vec![
                run.line("max", "most", Shape::Joined, |one| Some(one.latency?.max)),
                run.line("p99", "c1", Shape::Joined, |one| Some(one.latency?.p99)),
                run.line("p50", "c3", Shape::Joined, |one| Some(one.latency?.p50)),
            ],
            runs => {
                let p50 = runs.iter().map(|run| {
                    let looks = format!("{} second", run.trace.colour);
                    let name = format!("{}, p50", run.trace.name);
                    run.line(&name, &looks, Shape::Joined, |one| Some(one.latency?.p50))
                });
                let p99 = runs.iter().map(|run| {
                    let name = format!("{}, p99", run.trace.name);
                    let looks = run.trace.colour;
                    run.line(&name, looks, Shape::Joined, |one| Some(one.latency?.p99))
                });
                p99.chain(p50).collect()
            }
        };
        let scale = Scale::logarithmic(Line::least(&lines), Line::most(&lines));
        let readings = self.readings(&["time", "p50", "p99", "max"], |one| {
            let latency = one.latency?;
            let values = [latency.p50, latency.p99, latency.max];
            Some(values.into_iter().map(number::milliseconds).collect())
        });
        self.chart("Latency", "milliseconds", scale, lines, readings)
    }

    /// Processors that the servers kept busy.
    pub(super) fn processors(&self) -> Markup {
        let lines = self.line_each(|one| one.server_cpus);
        let scale = Scale::linear(Line::most(&lines));
        let readings = self.readings(&["time", "busy"], |one| {
            Some(vec![number::plain(one.server_cpus?)])
        });
        self.chart(
            "Processors of the servers",
            "processors kept busy",
            scale,
            lines,
            readings,
        )
    }

    /// Resident memory of the servers.
    pub(super) fn memory(&self) -> Markup {
        let mut lines = self.line_each(|one| one.server_rss);
        let (unit, name) = number::octet_unit(Line::most(&lines));
        for spot in lines.iter_mut().flat_map(|line| &mut line.spots) {
            spot.value = spot.value.map(|octets| octets / unit);
        }
        let scale = Scale::linear(Line::most(&lines));
        let readings = self.readings(&["time", "resident"], |one| {
            Some(vec![number::octets(one.server_rss?)])
        });
        self.chart("Memory of the servers", name, scale, lines, readings)
    }

    fn line_each(&self, value: fn(&Interval) -> Option<f64>) -> Vec<Line> {
        let shape = match self.runs.len() {
            1 => Shape::Filled,
            _ => Shape::Steps,
        };
        let runs = self.runs.iter();
        let mut lines: Vec<Line> = runs
            .map(|run| run.line(run.trace.name, run.trace.colour, shape, value))
            .collect();
        for line in &mut lines {
            stretch_back(&mut line.spots);
        }
        lines
    }

    fn readings(
        &self,
        columns: &[&'static str],
        cells: fn(&Interval) -> Option<Vec<String>>,
    ) -> Vec<Readings> {
        let readings = self.runs.iter().map(|run| Readings {
            name: run.trace.name.to_owned(),
            colour: run.trace.colour,
            columns: columns.to_vec(),
            rows: run
                .course
                .intervals
                .iter()
                .filter_map(|one| {
                    let mut row = vec![number::seconds(one.from_s)];
                    row.extend(cells(one)?);
                    Some(Reading {
                        at: f64::midpoint(one.from_s, one.to_s),
                        cells: row,
                    })
                })
                .collect(),
        });
        readings.collect()
    }

    fn chart(
        &self,
        title: &str,
        unit: &str,
        y: Scale,
        lines: Vec<Line>,
        readings: Vec<Readings>,
    ) -> Markup {
        let ends = self.runs.iter().map(|run| run.course.end_s());
        let (x, x_unit) = Scale::time(ends.fold(0.0, f64::max));
        let merged = self.runs.iter().filter(|run| run.course.merged > 1);
        let notes = merged.map(|run| {
            let (name, merged) = (run.trace.name, run.course.merged);
            format!("{name}: {merged} intervals are drawn as one; p50 is their mean by messages, p99, max and memory their highest.")
        });
        let chart = Chart {
            title: title.to_owned(),
            y_title: unit.to_owned(),
            x_title: format!("{x_unit} from the start"),
            x,
            y,
            lines,
            readings,
            notes: notes.collect(),
        };
        chart.draw("No interval of this was seen.")
    }

    /// Whether anything is known of the servers.
    pub(super) fn sees_servers(&self) -> bool {
        let seen = |run: &Run<'_>| run.any(|one| one.server_cpus.or(one.server_rss).is_some());
        self.runs.iter().any(seen)
    }

    /// What the servers took, or why it is not known.
    pub(super) fn resources(&self) -> Markup {
        html! {
            @if self.sees_servers() {
                div class="pair" { (self.processors()) (self.memory()) }
            } @else {
                p class="empty" {
                    "Not seen: the servers ran elsewhere, or for less than one interval."
                }
            }
        }
    }
}

/// Servers are looked at less often than intervals end: what is seen in one holds since the last.
fn stretch_back(spots: &mut Vec<Spot>) {
    spots.retain(|spot| spot.value.is_some());
    let mut end = None;
    for spot in spots {
        spot.from = end.unwrap_or(spot.from);
        end = Some(spot.to);
    }
}

impl Run<'_> {
    fn line(
        &self,
        name: &str,
        looks: &str,
        shape: Shape,
        value: impl Fn(&Interval) -> Option<f64>,
    ) -> Line {
        let spots = self.course.intervals.iter().map(|one| Spot {
            from: one.from_s,
            to: one.to_s,
            value: value(one),
        });
        Line {
            name: name.to_owned(),
            looks: looks.to_owned(),
            shape,
            spots: spots.collect(),
        }
    }

    fn any(&self, holds: impl Fn(&Interval) -> bool) -> bool {
        self.course.intervals.iter().any(holds)
    }
}
