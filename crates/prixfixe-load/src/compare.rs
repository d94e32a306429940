//! Two results, or two sets of results, figure by figure: the ratio, how sure it is, and whether it
//! is a regression.
//!
//! With two files or more on each side the files are the samples, and the interval is Welch's for
//! the ratio of their geometric means. With one file on a side nothing is known of how another run
//! would have come out; the intervals of the timelines then say at least how much the rate varies
//! within a run, by a block bootstrap, since neighbours resemble each other. They say nothing of a
//! percentile: that of a whole run is not the mean of those of its intervals.

mod confidence;
mod difference;
mod judgement;
mod promise;

use crate::result::{Measurement, ResultFile, Timeline};
use crate::results::Figure;
use crate::results::KeptResult;
use crate::results::{Cell, Sheet};
use confidence::Interval;
pub use judgement::Judgement;

/// What two sides came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The figures, those of the whole first.
    pub rows: Vec<Row>,
    /// What the second side no longer does, a line each. Each is a regression: no threshold is for
    /// them.
    pub broken: Vec<String>,
    /// What else differs between the sides, a line each: it may be the reason.
    pub differences: Vec<String>,
    /// What to know of the figures, a line each.
    pub notes: Vec<String>,
}

/// A figure of both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The part; the whole if `None`.
    pub part: Option<String>,
    /// The figure.
    pub figure: Figure,
    /// Its value on either side; the geometric mean of several.
    pub values: (Option<f64>, Option<f64>),
    /// The second, divided by the first.
    pub ratio: Option<f64>,
    /// Where the true ratio lies with 95 % confidence, as far as can be said.
    pub interval: Option<(f64, f64)>,
    /// What to make of it.
    pub judgement: Judgement,
}

/// How to compare.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// How much worse a figure may be, as a share: 0.1 is 10 %.
    pub threshold: f64,
    /// Whether results of a generator that did not do its part are taken.
    pub allow_invalid: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            threshold: 0.1,
            allow_invalid: false,
        }
    }
}

/// Results that cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompareError {
    /// A side without a file.
    #[error("each side needs a result at least")]
    Nothing,
    /// The figures of one are not those of the server.
    #[error("{file} is invalid ({because}); --allow-invalid compares it all the same")]
    Invalid {
        /// Which.
        file: String,
        /// Why.
        because: String,
    },
}

/// Compares the second side with the first.
pub fn compare(
    first: &[KeptResult],
    second: &[KeptResult],
    terms: Terms,
) -> Result<Comparison, CompareError> {
    let (Some(one), Some(_)) = (first.first(), second.first()) else {
        return Err(CompareError::Nothing);
    };
    if !terms.allow_invalid {
        first.iter().chain(second).try_for_each(refuse_invalid)?;
    }
    let mut rows = Vec::new();
    let names = part_names(first);
    for part in std::iter::once(None).chain(names.into_iter().map(Some)) {
        if let (Some(first), Some(second)) = (measured(first, part), measured(second, part)) {
            rows.extend(FIGURES.iter().filter_map(|name| {
                let figure: Figure = name.parse().ok()?;
                row(part, figure, &first, &second, terms.threshold)
            }));
        }
    }
    Ok(Comparison {
        rows,
        broken: promise::broken(first, second),
        differences: difference::between(one, first.iter().skip(1).chain(second)),
        notes: notes(first, second),
    })
}

const FIGURES: [&str; 11] = [
    "rate",
    "failed",
    "latency_ms.mean",
    "latency_ms.p50",
    "latency_ms.p90",
    "latency_ms.p95",
    "latency_ms.p99",
    "latency_ms.p99_9",
    "latency_ms.p99_99",
    "server.cpu_s_per_1000",
    "server.rss_peak",
];

impl Comparison {
    /// Whether a figure is worse by more than the threshold, or a promise is broken.
    pub fn has_regression(&self) -> bool {
        let is_regression = |row: &Row| row.judgement == Judgement::Regression;
        !self.broken.is_empty() || self.rows.iter().any(is_regression)
    }

    /// The figures as a table.
    pub fn sheet(&self) -> Sheet {
        let mut sheet = Sheet::new(
            "",
            &[
                ("part", "part"),
                ("figure", "figure"),
                ("a", "A"),
                ("b", "B"),
                ("ratio", "B / A"),
                ("ratio_low", "95 % from"),
                ("ratio_high", "to"),
                ("judgement", "judgement"),
            ],
        );
        for row in &self.rows {
            sheet.push(vec![
                Cell::text(row.part.as_deref().unwrap_or("whole")),
                Cell::text(row.figure.name()),
                row.figure.cell(row.values.0),
                row.figure.cell(row.values.1),
                Cell::known(row.ratio),
                Cell::known(row.interval.map(|(low, _)| low)),
                Cell::known(row.interval.map(|(_, high)| high)),
                Cell::text(row.judgement.name()),
            ]);
        }
        sheet
    }
}

/// A part is compared as well, so one that is invalid spoils a comparison like the whole.
fn refuse_invalid(kept: &KeptResult) -> Result<(), CompareError> {
    let parts = kept.result.parts.iter();
    let parts = parts.map(|part| (format!("{}, {},", kept.name(), part.name), &part.measured));
    let mut all = std::iter::once((kept.name(), &kept.result.whole)).chain(parts);
    match all.find(|(_, measured)| !measured.valid) {
        None => Ok(()),
        Some((file, measured)) => Err(CompareError::Invalid {
            file,
            because: measured.invalid_because.join("; "),
        }),
    }
}

/// The parts that any file of a side has, in order.
fn part_names(side: &[KeptResult]) -> Vec<&str> {
    let mut names = Vec::new();
    for part in side.iter().flat_map(|kept| &kept.result.parts) {
        if !names.contains(&&*part.name) {
            names.push(&*part.name);
        }
    }
    names
}

/// The same part of every file of a side, if all have it.
fn measured<'a>(side: &'a [KeptResult], part: Option<&str>) -> Option<Vec<&'a Measurement>> {
    side.iter()
        .map(|kept| measured_in(&kept.result, part))
        .collect()
}

fn measured_in<'a>(result: &'a ResultFile, part: Option<&str>) -> Option<&'a Measurement> {
    let Some(name) = part else {
        return Some(&result.whole);
    };
    let mut parts = result.parts.iter();
    parts
        .find(|part| part.name == name)
        .map(|part| &part.measured)
}

fn row(
    part: Option<&str>,
    figure: Figure,
    first: &[&Measurement],
    second: &[&Measurement],
    threshold: f64,
) -> Option<Row> {
    let of = |side: &[&Measurement]| -> Option<Vec<f64>> {
        side.iter().map(|measured| figure.of(measured)).collect()
    };
    let (one, other) = (of(first), of(second));
    if one.is_none() && other.is_none() {
        return None;
    }
    let values = (
        one.as_deref().map(confidence::typical),
        other.as_deref().map(confidence::typical),
    );
    let ratio = values
        .0
        .zip(values.1)
        // A rate may fall to nothing; a time or a memory of nothing was not measured.
        .filter(|(one, other)| *one > 0.0 && (*other > 0.0 || figure.more_is_better()))
        .map(|(one, other)| other / one);
    let interval = match (first, second) {
        ([one], [other]) if figure.name() == "rate" => within_runs(&one.timeline, &other.timeline),
        ([_], [_]) => None,
        _ => one
            .zip(other)
            .and_then(|(one, other)| confidence::of_means(&one, &other)),
    }
    // One that does not even hold what was measured is about something else.
    .filter(|interval| ratio.is_some_and(|ratio| interval.holds(ratio)));
    let judgement = if figure.name() == "failed" {
        judgement::of_failures(first, second, threshold)
    } else if [first, second]
        .into_iter()
        .flatten()
        .any(|run| judgement::is_too_short(&figure, run))
    {
        Judgement::TooLittleToTell
    } else {
        judgement::of_ratio(ratio, interval, figure.more_is_better(), threshold)
    };
    Some(Row {
        part: part.map(str::to_owned),
        figure,
        values,
        ratio,
        interval: interval.map(|interval| (interval.low, interval.high)),
        judgement,
    })
}

/// What the intervals of two single runs say of the ratio of their rates. Those in which nothing
/// was accepted count as any other.
fn within_runs(one: &Timeline, other: &Timeline) -> Option<Interval> {
    confidence::of_series(&rates(one), &rates(other))
}

/// Without the first and the last interval, in which the run began and ended somewhere.
fn rates(timeline: &Timeline) -> Vec<f64> {
    let points = &timeline.points;
    let full = points.get(1..points.len().saturating_sub(1));
    full.unwrap_or_default()
        .iter()
        .map(|point| point.accepted as f64 / timeline.interval_s)
        .collect()
}

fn notes(first: &[KeptResult], second: &[KeptResult]) -> Vec<String> {
    let mut notes = Vec::new();
    match (first.len(), second.len()) {
        (1, 1) => notes.push(
            "One run on each side: the 95 % are about how the rate varied within each, not about \
             how another run would come out, and of the other figures nothing is known. Several \
             files on each side, as A1,A2,A3 B1,B2,B3, say that."
                .to_owned(),
        ),
        (1, _) | (_, 1) => notes.push(
            "One side is a single run, so nothing is known of how sure the ratios are.".to_owned(),
        ),
        _ => {}
    }
    let is_open = |kept: &KeptResult| is_scheduled(&kept.result);
    if first.iter().chain(second).any(is_open) {
        notes.push(
            "The rate was set by a schedule: it says whether the server kept up, not how fast it \
             can be."
                .to_owned(),
        );
    }
    notes
}

/// Whether its messages started by a timetable, and not as fast as they were answered.
pub(crate) fn is_scheduled(result: &ResultFile) -> bool {
    let schedule = |settings: &serde_json::Value| {
        settings
            .get("schedule")
            .is_some_and(|schedule| schedule.get("open").is_some())
    };
    let parts = result.parts.iter().map(|part| &part.measured);
    std::iter::once(&result.whole)
        .chain(parts)
        .any(|run| schedule(&run.settings))
}

#[cfg(test)]
mod tests;
