#![allow(clippy::unwrap_used, reason = "a test may panic")]

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

#[test]
fn an_invalid_part_of_a_valid_whole_is_refused_by_its_name() {
    let mut result = made_up::burst();
    let part = &mut result.parts[0];
    part.measured.valid = false;
    part.measured.invalid_because = vec!["it lagged".to_owned()];
    let name = part.name.clone();
    let sides = ([kept(result)], [kept(made_up::burst())]);
    for (first, second) in [(&sides.0, &sides.1), (&sides.1, &sides.0)] {
        let error = compare(first, second, Terms::default()).unwrap_err();
        let expected = format!("burst.json, {name}, is invalid (it lagged)");
        assert!(error.to_string().contains(&expected), "{error}");
    }
    let terms = Terms {
        allow_invalid: true,
        ..Terms::default()
    };
    assert!(compare(&sides.0, &sides.1, terms).is_ok());
}
