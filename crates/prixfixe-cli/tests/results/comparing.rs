//! `results compare` and `trend`.

use serde_json::{Value, json};

use crate::fixture::Fixture;

const TIME: &str = "2026-11-21T17:00:00Z";

#[test]
fn a_regression_ends_with_1_and_is_named() {
    let fixture = Fixture::new();
    fixture.keep("a.json", "burst", TIME, &json!({}));
    fixture.keep("b.json", "burst", TIME, &json!({"/latency_ms/p90": 18.0}));
    let same = fixture.print(&["results", "compare", "a", "a"], 0);
    assert!(!same.contains("regression"), "{same}");
    let worse = fixture.print(&["results", "compare", "a", "b"], 1);
    let row = worse.lines().find(|line| line.contains("latency_ms.p90"));
    assert!(row.unwrap().ends_with("regression"), "{worse}");
    fixture.print(&["results", "compare", "b", "a"], 0);
    fixture.print(&["results", "compare", "a", "b", "--threshold", "25%"], 0);
    let json = fixture.print(&["results", "compare", "a", "b", "--format", "json"], 1);
    let object: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(object["regression"], true);
    assert_eq!(object["figures"][0]["figure"], "rate");
    assert!(object["figures"][0]["ratio_low"].is_number());
}

#[test]
fn what_is_no_longer_kept_is_a_regression_at_any_threshold() {
    let fixture = Fixture::new();
    fixture.keep("a.json", "burst", TIME, &json!({}));
    fixture.verify("a.json");
    for (changes, words) in [
        (
            json!({"/passed": false, "/faults": ["no"]}),
            "did not pass (no)",
        ),
        (json!({"/accepted": 0}), "no message was accepted"),
        (json!({"/rate": 0.0}), "B is worse"),
        (json!({"/verification/lost/count": 1}), "1 messages lost"),
    ] {
        fixture.keep("b.json", "burst", TIME, &json!({}));
        fixture.verify("b.json");
        fixture.change("b.json", &changes);
        let compare = ["results", "compare", "a", "b", "--threshold", "1000"];
        let said = fixture.complaint(&compare, 1);
        assert!(said.contains(words), "{said}");
        let back = ["results", "compare", "b", "b"];
        fixture.print(&back, 0);
    }
    fixture.keep("b.json", "burst", TIME, &json!({}));
    let said = fixture.complaint(&["results", "compare", "a", "b"], 1);
    assert!(said.contains("nothing was verified"), "{said}");
}

#[test]
fn several_files_a_side_are_the_samples() {
    let fixture = Fixture::new();
    for (name, rate) in [("a1", 1000.0), ("a2", 1010.0), ("b1", 800.0), ("b2", 805.0)] {
        fixture.keep(
            &format!("{name}.json"),
            "burst",
            TIME,
            &json!({"/rate": rate}),
        );
    }
    let table = fixture.print(&["results", "compare", "a1,a2", "b1,b2"], 1);
    // √(800 × 805) / √(1,000 × 1,010)
    let row = table.lines().find(|line| line.contains(" rate ")).unwrap();
    assert!(row.ends_with("regression"), "{table}");
    assert!(row.contains("0.799"), "{table}");
}

#[test]
fn other_machines_are_warned_of_and_invalid_results_refused() {
    let fixture = Fixture::new();
    fixture.keep("a.json", "burst", TIME, &json!({}));
    fixture.keep("b.json", "burst", TIME, &json!({"/machine/processors": 8}));
    fixture.keep("c.json", "burst", TIME, &json!({"/valid": false}));
    let warned = fixture.complaint(&["results", "compare", "a", "b"], 0);
    assert!(warned.contains("machine.processors: 4 and 8"), "{warned}");
    let refused = fixture.complaint(&["results", "compare", "a", "c"], 1);
    assert!(refused.contains("--allow-invalid"), "{refused}");
    fixture.print(&["results", "compare", "a", "c", "--allow-invalid"], 0);
    fixture.complaint(&["results", "compare", "a"], 2);
    fixture.complaint(&["results", "compare", "a", "b", "--threshold", "much"], 2);
}

#[test]
fn a_trend_shows_changes_against_what_was_before() {
    let fixture = Fixture::new();
    for (hour, rate) in [(10, 1000.0), (11, 1200.0), (12, 1650.0)] {
        let time = format!("2026-11-21T{hour}:00:00Z");
        let changes = json!({"/rate": rate});
        fixture.keep(&format!("{hour}.json"), "burst", &time, &changes);
    }
    let trend = fixture.print(&["results", "trend", "burst"], 0);
    assert!(
        trend.contains("+20.0 %") && trend.contains("+50.0 %"),
        "{trend}"
    );
    assert!(trend.contains("▁▃█"), "{trend}");
    fixture.complaint(&["results", "trend", "soak"], 1);
}
