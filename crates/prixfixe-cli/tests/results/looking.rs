//! `results list`, `latest`, `show` and `summary`.

use std::fs;

use serde_json::{Value, json};

use crate::fixture::Fixture;

fn three() -> Fixture {
    let fixture = Fixture::new();
    fixture.keep("a.json", "burst", "2026-11-21T17:00:00Z", &json!({}));
    fixture.keep("c.json", "quick", "2026-11-21T16:00:00Z", &json!({}));
    fixture.keep(
        "b.json",
        "burst",
        "2026-11-21T18:00:00Z",
        &json!({"/failed": 7, "/passed": false, "/valid": false,
                "/invalid_because": ["the generator lagged"]}),
    );
    fixture
}

#[test]
fn a_list_has_the_newest_last_and_names_what_is_no_result() {
    let fixture = three();
    fs::write(fixture.path("d.json"), "{").unwrap();
    let list = fixture.print(&["results", "list"], 0);
    let files: Vec<&str> = list
        .lines()
        .filter_map(|line| line.split_whitespace().next_back())
        .collect();
    assert_eq!(files, ["file", "c.json", "a.json", "b.json"], "{list}");
    assert!(
        fixture
            .complaint(&["results", "list"], 0)
            .contains("d.json")
    );
    let json = fixture.print(&["results", "list", "burst", "--format", "json"], 0);
    let rows: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 2);
    assert_eq!(rows[1]["failed"], 7);
    assert_eq!(rows[1]["latency_ms.p99"], 20.0);
}

#[test]
fn a_summary_has_the_newest_of_each_scenario_as_csv_and_markdown_too() {
    let fixture = three();
    let csv = fixture.print(&["results", "summary", "--format", "csv"], 0);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 3, "{csv}");
    assert!(lines[1].starts_with("burst,2026-11-21T18:00:00Z,false,false,1000.0,"));
    let markdown = fixture.print(&["results", "summary", "--format", "markdown"], 0);
    assert!(markdown.contains("| quick | 2026-11-21T16:00:00Z | yes | yes | 1,000 |"));
}

#[test]
fn a_result_is_shown_in_full_and_says_why_it_is_invalid() {
    let fixture = three();
    for arguments in [&["results", "latest"][..], &["results", "show", "b"]] {
        let shown = fixture.print(arguments, 0);
        for words in [
            "7 failed",
            "the generator lagged",
            "data_end",
            "4 × Example 3000",
        ] {
            assert!(shown.contains(words), "{words}: {shown}");
        }
    }
    let json = fixture.print(&["results", "latest", "quick", "--format", "json"], 0);
    let file: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(file["scenario"], "quick");
    let csv = fixture.print(&["results", "show", "a.json", "--format", "csv"], 0);
    assert!(csv.contains(",server.cpu_s_per_1000,0.2\r\n"), "{csv}");
}

#[test]
fn what_is_not_there_is_told_with_what_to_do() {
    let fixture = Fixture::new();
    let none = fixture.complaint(&["results", "latest"], 1);
    assert!(none.contains("prixfixe stress quick"), "{none}");
    let unknown = three().complaint(&["results", "show", "soak"], 1);
    assert!(unknown.contains("prixfixe results list"), "{unknown}");
}
