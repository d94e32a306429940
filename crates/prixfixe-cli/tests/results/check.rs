//! `results check`.

use std::fs;

use serde_json::json;

use crate::fixture::Fixture;

const TIME: &str = "2026-11-21T17:00:00Z";

fn check(fixture: &Fixture, gates: &str, more: &[&str], code: i32) -> (String, String) {
    let path = fixture.path("gates.toml");
    fs::write(&path, gates).unwrap();
    let arguments = ["results", "check", "a", "--gates", path.to_str().unwrap()];
    let arguments = [&arguments[..], more].concat();
    (
        fixture.print(&arguments, code),
        fixture.complaint(&arguments, code),
    )
}

fn fixture() -> Fixture {
    let fixture = Fixture::new();
    fixture.keep("a.json", "burst", TIME, &json!({}));
    fixture
}

#[test]
fn each_gate_is_shown_and_a_missed_one_ends_with_1() {
    let fixture = fixture();
    let met = "[burst]\nfailed = 0\nvalid = true\nlatency_ms.p99_max = 20\n";
    check(&fixture, met, &[], 0);
    let missed = "[burst]\nfailed = 0\nlatency_ms.p99_max = 19.9\n";
    let (table, words) = check(&fixture, missed, &[], 1);
    assert!(table.contains("latency_ms.p99_max"), "{table}");
    assert!(words.contains("misses 1 of 2 gates"), "{words}");
    let unmeasured = "[burst]\nverification = \"holds\"\n";
    let (table, _) = check(&fixture, unmeasured, &[], 1);
    assert!(table.contains("was not compared"), "{table}");
}

#[test]
fn a_ratio_is_to_the_reference() {
    let fixture = fixture();
    fixture.keep("peer.json", "run", TIME, &json!({"/rate": 1100.0}));
    let reference = fixture.path("peer.json");
    let reference = ["--reference", reference.to_str().unwrap()];
    check(&fixture, "[burst]\nrate_ratio_min = 0.9\n", &reference, 0);
    check(&fixture, "[burst]\nrate_ratio_min = 0.95\n", &reference, 1);
    check(&fixture, "[burst]\nrate_ratio_min = 0.9\n", &[], 1);
}

#[test]
fn misspelt_gates_and_those_of_other_scenarios_are_misuse() {
    let fixture = fixture();
    let (_, words) = check(&fixture, "[burst]\nlatency_ms.p9_max = 1\n", &[], 2);
    assert!(words.contains("the nearest is latency_ms.p9"), "{words}");
    let (_, words) = check(&fixture, "[burst]\n", &[], 2);
    assert!(words.contains("[burst] has no gate"), "{words}");
    let (_, words) = check(&fixture, "[soak]\nfailed = 0\n", &[], 2);
    assert!(words.contains("soak"), "{words}");
    check(&fixture, "[soak]\nfailed = 0\n", &["--table", "soak"], 0);
}

#[test]
fn the_gates_of_the_project_can_be_read() {
    let fixture = fixture();
    fixture.verify("a.json");
    let gates = include_str!("../../../../gates.toml");
    let (table, _) = check(&fixture, gates, &[], 0);
    assert!(table.contains("failed"), "{table}");
}
