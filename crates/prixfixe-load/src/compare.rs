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

use crate::figure::Figure;
use crate::result::{Measurement, ResultFile, Timeline};
use crate::result_folder::KeptResult;
use crate::sheet::{Cell, Sheet};
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

fn refuse_invalid(kept: &KeptResult) -> Result<(), CompareError> {
    if kept.result.whole.valid {
        return Ok(());
    }
    Err(CompareError::Invalid {
        file: kept.name(),
        because: kept.result.whole.invalid_because.join("; "),
    })
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
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::made_up;

    fn kept(result: ResultFile) -> KeptResult {
        KeptResult {
            path: "burst.json".into(),
            result,
        }
    }

    fn burst(change: impl FnOnce(&mut Measurement)) -> KeptResult {
        let mut result = made_up::burst();
        result.parts.clear();
        change(&mut result.whole);
        kept(result)
    }

    fn judgement(comparison: &Comparison, figure: &str) -> Judgement {
        let row = comparison
            .rows
            .iter()
            .find(|row| row.figure.name() == figure);
        row.unwrap().judgement
    }

    fn with_rate(rate: u64, noise: u64) -> KeptResult {
        burst(|run| {
            // Nine values in turn: no neighbours that resemble each other.
            let accepted = |number: usize| rate / 4 - noise + (number as u64 * 5 % 9) * noise / 4;
            run.timeline = made_up::timeline(100, accepted);
            run.rate = rate as f64;
        })
    }

    fn one_by_one(first: KeptResult, second: KeptResult) -> Comparison {
        compare(&[first], &[second], Terms::default()).unwrap()
    }

    #[test]
    fn a_result_is_the_same_as_itself() {
        let comparison = one_by_one(kept(made_up::burst()), kept(made_up::burst()));
        assert!(!comparison.has_regression());
        assert_eq!(judgement(&comparison, "rate"), Judgement::Same);
        assert!(comparison.differences.is_empty(), "{comparison:?}");
        let parts = comparison.rows.iter().filter(|row| row.part.is_some());
        assert!(parts.count() > 0);
    }

    #[test]
    fn a_rate_that_falls_and_a_time_that_grows_are_regressions() {
        let comparison = one_by_one(with_rate(1000, 8), with_rate(850, 8));
        assert_eq!(judgement(&comparison, "rate"), Judgement::Regression);
        assert!(comparison.has_regression());
        let back = one_by_one(with_rate(850, 8), with_rate(1000, 8));
        assert_eq!(judgement(&back, "rate"), Judgement::Better);
        let slower = burst(|run| run.latency_ms.p90 *= 1.2);
        let comparison = one_by_one(burst(|_| ()), slower);
        assert_eq!(
            judgement(&comparison, "latency_ms.p90"),
            Judgement::Regression
        );
    }

    #[test]
    fn a_run_that_varies_more_than_it_lost_may_be_chance() {
        // Ten intervals fast, ten slow; four of them are a second.
        let run = |fast: u64, slow: u64| {
            burst(|run| {
                let accepted = |number: usize| {
                    if (number / 10).is_multiple_of(2) {
                        fast
                    } else {
                        slow
                    }
                };
                run.timeline = made_up::timeline(60, accepted);
                run.rate = 2.0 * (fast + slow) as f64;
            })
        };
        let comparison = one_by_one(run(400, 100), run(350, 90));
        assert_eq!(judgement(&comparison, "rate"), Judgement::MayBeChance);
        assert!(!comparison.has_regression());
    }

    #[test]
    fn a_tail_that_grew_is_no_chance_however_uneven_the_run_was() {
        // Two short stretches hold all of the tail.
        let slow = burst(|run| {
            run.timeline = made_up::timeline(80, |_| 250);
            for point in run.timeline.points.iter_mut().skip(20).step_by(30) {
                point.p99_ms = 1000.0;
            }
            run.latency_ms.p99 = 1000.0;
        });
        let quick = burst(|run| {
            run.timeline = made_up::timeline(80, |_| 250);
            run.latency_ms.p99 = 5.0;
        });
        let comparison = one_by_one(quick, slow);
        let p99 = judgement(&comparison, "latency_ms.p99");
        assert_eq!(p99, Judgement::Regression);
    }

    #[test]
    fn an_interval_that_does_not_hold_the_ratio_excuses_nothing() {
        // The timelines resemble each other, and the rates of the whole do not.
        let (first, mut second) = (with_rate(1000, 8), with_rate(1000, 8));
        second.result.whole.rate = 500.0;
        let comparison = one_by_one(first, second);
        assert_eq!(judgement(&comparison, "rate"), Judgement::Regression);
        assert_eq!(comparison.rows[0].interval, None);
    }

    #[test]
    fn a_server_that_stood_still_all_the_time_is_a_regression() {
        let idle = burst(|run| {
            run.rate = 0.0;
            run.accepted = 0;
            run.latency_ms = crate::result::Percentiles::default();
            run.timeline = made_up::timeline(20, |_| 0);
        });
        let comparison = one_by_one(burst(|_| ()), idle);
        assert_eq!(judgement(&comparison, "rate"), Judgement::Regression);
        let cpu = judgement(&comparison, "server.cpu_s_per_1000");
        assert_eq!(cpu, Judgement::TooLittleToTell);
    }

    #[test]
    fn a_failure_where_there_was_none_is_a_regression() {
        let failing = burst(|run| run.failed = 1);
        let comparison = one_by_one(burst(|_| ()), failing.clone());
        assert_eq!(judgement(&comparison, "failed"), Judgement::Regression);
        let comparison = one_by_one(failing, burst(|_| ()));
        assert_eq!(judgement(&comparison, "failed"), Judgement::Better);
    }

    #[test]
    fn a_percentile_of_few_messages_says_nothing() {
        let worse = burst(|run| run.latency_ms.p99_9 *= 9.0);
        let comparison = one_by_one(burst(|_| ()), worse);
        // 5,000 messages have five beyond the 99.9th percentile.
        assert_eq!(
            judgement(&comparison, "latency_ms.p99_9"),
            Judgement::TooLittleToTell
        );
    }

    #[test]
    fn several_files_are_the_samples() {
        let side = |rates: [u64; 3]| rates.map(|rate| with_rate(rate, 8));
        let sure = compare(
            &side([1000, 1010, 990]),
            &side([850, 860, 840]),
            Terms::default(),
        );
        assert_eq!(judgement(&sure.unwrap(), "rate"), Judgement::Regression);
        let unsure = compare(
            &side([1000, 1400, 700]),
            &side([850, 1200, 600]),
            Terms::default(),
        );
        assert_eq!(judgement(&unsure.unwrap(), "rate"), Judgement::MayBeChance);
    }

    #[test]
    fn invalid_results_are_refused_unless_they_are_wanted() {
        let sides = ([burst(|run| run.valid = false)], [burst(|_| ())]);
        let terms = Terms::default();
        let error = compare(&sides.0, &sides.1, terms).unwrap_err();
        assert!(
            error.to_string().contains("the generator lagged"),
            "{error}"
        );
        let terms = Terms {
            allow_invalid: true,
            ..terms
        };
        assert!(compare(&sides.0, &sides.1, terms).is_ok());
    }
}
