//! A chart: lines over two axes as SVG, with a legend, a summary in words, and its figures as tables.
//!
//! The drawing stretches with the page, and its text does not: places are shares of the plot, and
//! the lines lie in a view box of their own. The script of the page shows the nearest row of the
//! tables under the pointer; without it they can be opened and read.

use std::fmt::Write;

use maud::{Markup, html};

use super::number;
use super::scale::Scale;

/// A chart.
#[derive(Debug)]
pub(super) struct Chart {
    /// What it shows.
    pub(super) title: String,
    /// What stands on the vertical axis, with its unit.
    pub(super) y_title: String,
    /// What stands on the horizontal axis, with its unit.
    pub(super) x_title: String,
    /// The horizontal axis.
    pub(super) x: Scale,
    /// The vertical axis.
    pub(super) y: Scale,
    /// What is drawn, the last one on top.
    pub(super) lines: Vec<Line>,
    /// The figures behind it.
    pub(super) readings: Vec<Readings>,
    /// What one should know to read it.
    pub(super) notes: Vec<String>,
}

/// A line of a chart.
#[derive(Debug)]
pub(super) struct Line {
    /// What it is.
    pub(super) name: String,
    /// The classes of its looks.
    pub(super) looks: String,
    /// How its values are joined.
    pub(super) shape: Shape,
    /// Its values, from left to right.
    pub(super) spots: Vec<Spot>,
}

/// How the values of a line are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// From the middle of one to the middle of the next.
    Joined,
    /// Each for as long as it lasts.
    Steps,
    /// The same, with what is below it filled.
    Filled,
}

/// A value of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spot {
    /// Where it begins.
    pub(super) from: f64,
    /// Where it ends.
    pub(super) to: f64,
    /// The value; a gap if `None`.
    pub(super) value: Option<f64>,
}

/// A table of what lies under a chart, for one run.
#[derive(Debug)]
pub(super) struct Readings {
    /// Whose figures they are.
    pub(super) name: String,
    /// The class of its colour.
    pub(super) colour: &'static str,
    /// The heads of its columns, that of the first one included.
    pub(super) columns: Vec<&'static str>,
    /// Its rows, from left to right.
    pub(super) rows: Vec<Reading>,
}

/// A row of such a table.
#[derive(Debug)]
pub(super) struct Reading {
    /// Where it is on the horizontal axis.
    pub(super) at: f64,
    /// Its cells, that of the first column included.
    pub(super) cells: Vec<String>,
}

impl Chart {
    /// The chart, or `empty` where there is nothing to draw.
    pub(super) fn draw(&self, empty: &str) -> Markup {
        if !self.lines.iter().any(Line::has_values) {
            return html! {
                figure class="chart" {
                    h3 { (self.title) }
                    p class="empty" { (empty) }
                }
            };
        }
        html! {
            figure class="chart" {
                h3 { (self.title) }
                @if self.lines.len() > 1 { (self.legend()) }
                p class="axis" { (self.y_title) @if self.y.is_logarithmic() { ", log scale" } }
                div class="plot" {
                    svg role="img" tabindex="0" aria-label=(self.summary()) width="100%" height=(HEIGHT) {
                        (self.grid())
                        svg viewBox={ "0 0 " (UNITS) " " (UNITS) } preserveAspectRatio="none" width="100%" height="100%" class="lines" {
                            @for line in &self.lines { (self.line(line)) }
                        }
                        line class="cursor" x1="0" x2="0" y1="0" y2="100%" {}
                    }
                    div class="tip" hidden aria-live="polite" {}
                }
                p class="axis x" { (self.x_title) }
                @for note in &self.notes { p class="note" { (note) } }
                (self.tables())
            }
        }
    }

    fn legend(&self) -> Markup {
        html! {
            ul class="legend" {
                @for line in &self.lines {
                    li {
                        svg class="key" width="26" height="10" aria-hidden="true" {
                            path class=(line.looks) d="M1 5 H25" {}
                        }
                        (line.name)
                    }
                }
            }
        }
    }

    fn grid(&self) -> Markup {
        html! {
            g class="grid" aria-hidden="true" {
                @for tick in &self.y.ticks {
                    line x1="0" x2="100%" y1=(percent(1.0 - tick.at)) y2=(percent(1.0 - tick.at)) {}
                    text x="0" dx="-8" dy="4" y=(percent(1.0 - tick.at)) text-anchor="end" { (tick.label) }
                }
                @for tick in &self.x.ticks {
                    line class=[tick.spare.then_some("spare")] x1=(percent(tick.at)) x2=(percent(tick.at)) y1="0" y2="100%" {}
                    text class=[tick.spare.then_some("spare")] x=(percent(tick.at)) y="100%" dy="18" text-anchor="middle" { (tick.label) }
                }
            }
        }
    }

    fn line(&self, line: &Line) -> Markup {
        let path = self.path(line);
        html! {
            @if line.shape == Shape::Filled {
                path class={ "fill " (line.looks) } d=(self.area(line)) {}
            }
            path class=(line.looks) d=(path) { title { (line.name) } }
            @if line.shape == Shape::Joined && line.spots.len() <= MOST_DOTTED {
                path class={ "dots " (line.looks) } d=(self.dots(line)) {}
            }
        }
    }

    /// The values of a line in the units of the drawing: where each begins, ends, and how low it is.
    fn places<'a>(&'a self, line: &'a Line) -> impl Iterator<Item = Option<[f64; 3]>> + 'a {
        line.spots.iter().map(|spot| {
            Some([
                self.x.place(spot.from)? * UNITS,
                self.x.place(spot.to)? * UNITS,
                (1.0 - self.y.place(spot.value?)?) * UNITS,
            ])
        })
    }

    fn path(&self, line: &Line) -> String {
        let mut path = String::new();
        let mut pen_is_up = true;
        for place in self.places(line) {
            let Some([from, to, y]) = place else {
                pen_is_up = true;
                continue;
            };
            let command = if pen_is_up { 'M' } else { 'L' };
            // Writing to a string cannot fail.
            let _ = match line.shape {
                Shape::Joined => write!(path, "{command}{:.1} {y:.1}", f64::midpoint(from, to)),
                Shape::Steps | Shape::Filled => write!(path, "{command}{from:.1} {y:.1}H{to:.1}"),
            };
            pen_is_up = false;
        }
        path
    }

    fn area(&self, line: &Line) -> String {
        let mut path = String::new();
        for [from, to, y] in self.places(line).flatten() {
            // Each interval by itself, so that gaps stay gaps.
            let _ = write!(path, "M{from:.1} {UNITS}V{y:.1}H{to:.1}V{UNITS}Z");
        }
        path
    }

    fn dots(&self, line: &Line) -> String {
        let mut path = String::new();
        for [from, to, y] in self.places(line).flatten() {
            let _ = write!(path, "M{:.1} {y:.1}h0", f64::midpoint(from, to));
        }
        path
    }

    /// What somebody hears who does not see it.
    fn summary(&self) -> String {
        let mut text = format!("{}, {}", self.title, self.y_title);
        for line in &self.lines {
            let values = || line.spots.iter().filter_map(|spot| spot.value);
            let least = values().fold(f64::INFINITY, f64::min);
            let most = values().fold(f64::NEG_INFINITY, f64::max);
            if least <= most {
                let (least, most) = (number::plain(least), number::plain(most));
                let _ = write!(text, "; {}: {least} to {most}", line.name);
            }
        }
        text + ". The figures stand in the tables below."
    }

    fn tables(&self) -> Markup {
        html! {
            details class="figures" {
                summary { "Figures" }
                @for readings in &self.readings { (self.table(readings)) }
            }
        }
    }

    fn table(&self, readings: &Readings) -> Markup {
        html! {
            div class="scroll" tabindex="0" role="region" aria-label={ (self.title) ", " (readings.name) } {
                table class={ "readings " (readings.colour) } {
                    caption { (readings.name) }
                    thead { tr { @for column in &readings.columns { th scope="col" { (column) } } } }
                    tbody {
                        @for row in &readings.rows {
                            tr data-at=[self.x.place(row.at).map(|at| format!("{at:.4}"))] {
                                @for (number, cell) in row.cells.iter().enumerate() {
                                    @if number == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The height of a plot in pixels.
const HEIGHT: u32 = 240;

/// How many units the view box of the lines is wide and high.
const UNITS: f64 = 1000.0;

/// A line of at most so many values shows each as a dot.
const MOST_DOTTED: usize = 40;

impl Line {
    fn has_values(&self) -> bool {
        self.spots.iter().any(|spot| spot.value.is_some())
    }

    /// The highest of the values of several lines that an axis can show.
    pub(super) fn most(lines: &[Self]) -> f64 {
        Self::values(lines).fold(0.0, f64::max)
    }

    /// The lowest above zero.
    pub(super) fn least(lines: &[Self]) -> f64 {
        Self::values(lines)
            .filter(|value| *value > 0.0)
            .fold(f64::INFINITY, f64::min)
    }

    fn values(lines: &[Self]) -> impl Iterator<Item = f64> + '_ {
        lines
            .iter()
            .flat_map(|line| &line.spots)
            .filter_map(|spot| spot.value)
            .filter(|value| value.is_finite())
    }
}

fn percent(share: f64) -> String {
    format!("{:.3}%", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(shape: Shape, spots: Vec<Spot>) -> (Chart, Line) {
        let chart = Chart {
            title: "Load".to_owned(),
            y_title: "messages per second".to_owned(),
            x_title: "seconds".to_owned(),
            x: Scale::linear(10.0),
            y: Scale::linear(10.0),
            lines: Vec::new(),
            readings: Vec::new(),
            notes: Vec::new(),
        };
        let line = Line {
            name: "accepted".to_owned(),
            looks: "c1".to_owned(),
            shape,
            spots,
        };
        (chart, line)
    }

    fn spot(from: f64, to: f64, value: Option<f64>) -> Spot {
        Spot { from, to, value }
    }

    #[test]
    fn steps_last_as_long_as_their_interval() {
        let (chart, line) = chart(
            Shape::Steps,
            vec![spot(0.0, 1.0, Some(10.0)), spot(1.0, 2.0, Some(5.0))],
        );
        assert_eq!(chart.path(&line), "M0.0 0.0H100.0L100.0 500.0H200.0");
    }

    #[test]
    fn a_gap_lifts_the_pen() {
        let (chart, line) = chart(
            Shape::Joined,
            vec![
                spot(0.0, 2.0, Some(0.0)),
                spot(2.0, 4.0, None),
                spot(4.0, 6.0, Some(f64::NAN)),
                spot(6.0, 8.0, Some(10.0)),
            ],
        );
        assert_eq!(chart.path(&line), "M100.0 1000.0M700.0 0.0");
    }

    #[test]
    fn without_a_value_it_says_so_and_draws_nothing() {
        let (mut chart, line) = chart(Shape::Joined, vec![spot(0.0, 1.0, None)]);
        chart.lines.push(line);
        let drawn = chart.draw("Nothing was seen.").into_string();
        assert!(drawn.contains("Nothing was seen.") && !drawn.contains("<svg"));
    }
}
