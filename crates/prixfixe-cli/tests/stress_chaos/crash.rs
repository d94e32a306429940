//! Kills under load.

use std::path::Path;
use std::process::Command;

use crate::program::{Scenario, rows};

#[test]
fn three_kills_lose_double_and_alter_nothing() {
    let (status, result) = Scenario::start(&["crash", "--kills", "3", "--seed", "7"]).end();
    assert!(status.success(), "{result:#}");
    let found = &result["verification"];
    assert!(
        found["acknowledged"].as_u64().unwrap() >= 3 * 50,
        "{found:#}"
    );
    for finding in ["lost", "duplicated", "altered", "refused_but_stored"] {
        assert_eq!(found[finding]["count"], 0, "{found:#}");
    }
    let kills = &rows(&result, "Kills")[0];
    assert_eq!((&kills[0], &kills[1]), (&"3".into(), &"7".into()));
    assert!(kills[3].as_str().unwrap().parse::<f64>().unwrap() > 0.0);
    // Both ways to send a body have met the kills.
    for part in result["parts"].as_array().unwrap() {
        assert!(part["accepted"].as_u64().unwrap() > 0, "{part:#}");
        assert!(part["failed"].as_u64().unwrap() > 0, "{part:#}");
    }
}

#[test]
fn a_message_that_vanishes_between_kills_is_named_as_lost() {
    let result = tampered(
        "DELETE FROM message WHERE id = (SELECT min(id) FROM message WHERE body IS NOT NULL AND sender = 'load@load.example')",
    );
    let lost = &result["verification"]["lost"];
    assert_eq!(lost["count"], 1, "{lost:#}");
    assert_eq!(result["verification"]["altered"]["count"], 0);
}

#[test]
fn an_octet_that_changes_between_kills_is_named_as_altered() {
    let result = tampered(
        "UPDATE message SET body = CAST(substr(body, 1, length(body) - 10) || x'5A' || substr(body, length(body) - 8) AS BLOB) WHERE id = (SELECT min(id) FROM message WHERE body IS NOT NULL AND sender = 'load@load.example')",
    );
    let altered = &result["verification"]["altered"];
    assert_eq!(altered["count"], 1, "{altered:#}");
    assert_eq!(result["verification"]["lost"]["count"], 0);
}

/// The result of a crash whose store somebody changes between the kills. What is changed has to be an
/// old message: the newest may be one that the kill kept from being acknowledged.
fn tampered(change: &str) -> serde_json::Value {
    let mut crash = Scenario::start(&["crash", "--kills", "2", "--workers", "4"]);
    crash.await_told("kill 1 of 2");
    sqlite(&crash.store().join("mail.sqlite3"), change);
    let (status, result) = crash.end();
    assert_eq!(status.code(), Some(1), "{result:#}");
    assert_eq!(result["passed"], false);
    result
}

fn sqlite(file: &Path, change: &str) {
    let output = Command::new("sqlite3")
        .arg("-cmd")
        .arg(".timeout 30000")
        .arg(file)
        .arg(change)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}
