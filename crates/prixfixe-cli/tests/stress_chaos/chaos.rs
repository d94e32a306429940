//! Every fault once, for a moment.

use std::process::Command;

use crate::program::{Scenario, rows};

#[test]
fn the_first_third_of_all_faults_is_held_out() {
    third(0);
}

#[test]
fn the_second_third_of_all_faults_is_held_out() {
    third(1);
}

#[test]
fn the_last_third_of_all_faults_is_held_out() {
    third(2);
}

fn third(part: usize) {
    let listed = Command::new(env!("CARGO_BIN_EXE_prixfixe"))
        .args(["stress", "chaos", "--only", "help"])
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let names: Vec<&str> = listed.lines().skip(part).step_by(3).collect();
    assert!(names.len() > 5, "{listed}");
    let only = names.join(",");
    let (status, result) =
        Scenario::start(&["chaos", "--only", &only, "--duration", "500ms"]).end();
    assert!(status.success(), "{:#}", result["faults"]);
    let tried: Vec<&str> = rows(&result, "Faults")
        .iter()
        .map(|row| row[0].as_str().unwrap())
        .collect();
    assert_eq!(tried, names);
    for part in result["parts"].as_array().unwrap() {
        let found = &part["verification"];
        assert!(found["acknowledged"].as_u64().unwrap() >= 300, "{part:#}");
    }
}

#[test]
fn a_server_that_refuses_healthy_clients_fails_its_row() {
    let refusing = [
        "chaos",
        "--only",
        "latency",
        "--duration",
        "300ms",
        "--set",
        "max_message_size=1KiB",
    ];
    let (status, result) = Scenario::start(&refusing).end();
    assert_eq!(status.code(), Some(1));
    let faults = result["faults"].to_string();
    assert!(
        faults.contains("healthy clients") && faults.contains("552"),
        "{faults}"
    );
    assert_eq!(rows(&result, "Faults")[0][7], "FAILED");
}
