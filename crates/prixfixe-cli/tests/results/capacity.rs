//! `prixfixe capacity`.

use serde_json::{Value, json};

use crate::fixture::Fixture;

const TIME: &str = "2026-11-21T17:00:00Z";
const WISH: [&str; 5] = ["capacity", "--load", "2000/s", "--size", "10KiB"];

#[test]
fn the_answer_comes_with_its_formula_and_its_sources() {
    let fixture = Fixture::new();
    fixture.keep("a.json", "burst", TIME, &json!({}));
    let text = fixture.print(&WISH, 0);
    // 2,000 / (1,000 × 0.7), rounded up.
    for words in [
        "3, asked for by rate",
        "peak load / (measured rate of an instance × (1 − head-room)), rounded up",
        "2,000/s / (1,000/s × (1 − 30.0 %)) = 3",
        "a.json: 1,000 messages/s of 10.0 KiB",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let json = fixture.print(&[&WISH[..], &["--json", "--peak-factor", "3"]].concat(), 0);
    let answer: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(answer["instances"], 9.0);
    assert_eq!(answer["bottleneck"], "rate");
}

#[test]
fn extrapolation_is_warned_of_and_results_with_failures_are_refused() {
    let fixture = Fixture::new();
    fixture.keep("a.json", "burst", TIME, &json!({}));
    fixture.keep("b.json", "burst", TIME, &json!({"/failed": 3}));
    let words = fixture.complaint(&["capacity", "--load", "1/s", "--size", "1MiB"], 0);
    assert!(words.contains("larger than any measured"), "{words}");
    assert!(
        words.contains("passed over: b.json: 3 messages failed"),
        "{words}"
    );
    let words = fixture.complaint(&[&WISH[..], &["--from", "b"]].concat(), 1);
    assert!(words.contains("3 messages failed"), "{words}");
    let words = Fixture::new().complaint(&WISH, 1);
    assert!(words.contains("prixfixe stress burst"), "{words}");
    fixture.complaint(&["capacity", "--load", "0/s", "--size", "1MiB"], 2);
}
