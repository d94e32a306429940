//! The report as a whole: that its page is sound whatever a result file holds, and that nothing in a
//! file can become a part of the page.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test may panic, and its figures are small"
)]

mod any_result;
mod example;
mod hostile_text;
mod well_formed;

use prixfixe_load::report::{MOST_RUNS, ReportError, Run, page};
use prixfixe_load::result::{Measurement, ResultFile};
use proptest::prelude::*;

/// The page of these results, which has been checked.
fn checked(results: &[ResultFile]) -> String {
    let names: Vec<String> = (1..=results.len())
        .map(|number| format!("run {number}"))
        .collect();
    let runs: Vec<Run<'_>> = names
        .iter()
        .zip(results)
        .map(|(name, result)| Run { name, result })
        .collect();
    let page = page(&runs).unwrap();
    well_formed::check(&page);
    page
}

#[test]
fn a_page_says_the_figures_of_its_run() {
    let page = checked(&[example::burst(1)]);
    for text in [
        "burst",
        "passed",
        "valid",
        "4,998",
        "127.0.0.1:2525",
        "452",
        "Percentiles",
    ] {
        assert!(page.contains(text), "{text}");
    }
}

#[test]
fn several_runs_stand_side_by_side_with_their_differences() {
    let slower = ResultFile {
        whole: Measurement {
            rate: example::burst(1).whole.rate / 2.0,
            ..example::burst(2).whole
        },
        ..example::burst(2)
    };
    let page = checked(&[example::burst(1), slower]);
    assert!(page.contains("−50.0 %"));
    assert!(page.contains("run 1") && page.contains("run 2"));
}

#[test]
fn what_failed_or_is_not_valid_is_said_aloud_with_its_reasons() {
    let page = checked(&[example::troubled()]);
    for text in [
        "Not valid",
        "the generator was 93 % busy",
        "2 messages were lost",
        "4711",
        "too slow to judge",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert_eq!(page.matches("role=\"alert\"").count(), 2);
}

#[test]
fn a_scenario_with_parts_shows_each() {
    let page = checked(&[example::scale()]);
    for name in ["1 server", "3 servers", "5 servers"] {
        assert!(page.contains(name), "{name}");
    }
}

#[test]
fn nothing_and_one_message_make_a_page() {
    let page = checked(&[example::empty()]);
    assert!(page.contains("No message was acknowledged"));
    let mut one = example::empty();
    one.whole.sent = 1;
    one.whole.accepted = 1;
    one.whole.latency_ms.count = 1;
    one.whole.timeline.interval_s = 1.0;
    one.whole.timeline.points = vec![prixfixe_load::result::Point {
        accepted: 1,
        ..Default::default()
    }];
    checked(&[one]);
}

#[test]
fn a_run_of_hours_makes_a_page_of_bounded_length() {
    let short = checked(&[example::soak(600)]);
    let long = checked(&[example::soak(10_000)]);
    assert!(
        long.len() < short.len() * 5 / 4,
        "{} and {}",
        short.len(),
        long.len()
    );
}

#[test]
fn no_run_and_too_many_runs_are_no_report() {
    assert_eq!(page(&[]), Err(ReportError::Empty));
    let result = example::empty();
    let run = Run {
        name: "a",
        result: &result,
    };
    assert!(page(&[run; MOST_RUNS]).is_ok());
    let too_many = page(&[run; MOST_RUNS + 1]);
    assert_eq!(too_many, Err(ReportError::TooMany(MOST_RUNS + 1)));
}

#[test]
fn a_page_loads_nothing() {
    let page = checked(&[example::burst(1), example::scale(), example::troubled()]);
    assert!(page.contains("default-src 'none'"));
    for way in [
        " src=",
        " href=",
        "url(",
        "@import",
        "fetch(",
        "XMLHttpRequest",
        "import(",
    ] {
        assert!(!page.contains(way), "{way}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("PRIXFIXE_LONG").is_some() { 2000 } else { 64 }))]

    #[test]
    fn any_results_make_a_sound_page(results in proptest::collection::vec(any_result::result(), 1..=3)) {
        checked(&results);
    }
}

/// To be looked at in a browser: CONTRIBUTING.md says how.
#[test]
fn pages_to_look_at_are_written() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, results) in [
        ("burst", vec![example::burst(1)]),
        ("soak", vec![example::soak(10_000)]),
        ("scale", vec![example::scale()]),
        ("troubled", vec![example::troubled()]),
        ("empty", vec![example::empty()]),
        (
            "several",
            vec![example::burst(1), example::burst(2), example::troubled()],
        ),
        ("most", (1..=8).map(example::burst).collect()),
    ] {
        let page = checked(&results);
        std::fs::write(folder.join(name).with_extension("html"), page).unwrap();
    }
}
