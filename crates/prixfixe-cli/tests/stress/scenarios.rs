//! Scenarios from their start to the result.

use serde_json::Value;

use crate::lab::Lab;
use crate::server_process::Server;

#[test]
fn quick_needs_nothing_and_leaves_a_result_alone() {
    let lab = Lab::new();
    let (code, said) = lab.run(&["quick"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("quick: PASSED"), "{said}");
    assert!(said.contains("prixfixe results report latest"), "{said}");
    let result = lab.result();
    for key in [
        "schema",
        "scenario",
        "started_at",
        "passed",
        "faults",
        "duration_s",
        "rate",
        "sent",
        "accepted",
        "failed",
        "octets",
        "connections",
        "latency_ms",
        "stages_ms",
        "curve",
        "errors",
        "valid",
        "generator",
        "server",
        "timeline",
        "verification",
        "settings",
        "machine",
        "versions",
        "command",
    ] {
        assert!(result.get(key).is_some(), "{key}: {result:#}");
    }
    assert_eq!(result["scenario"], "quick");
    assert_eq!(result["accepted"], 100);
    assert_eq!(result["verification"]["acknowledged"], 100);
    assert_eq!(result["verification"]["lost"]["count"], 0);
    assert_eq!(result["server"]["processes"], 5);
    assert!(result["server"]["rss_peak"].as_u64() > Some(1 << 20));
    for stage in [
        "connect",
        "banner",
        "ehlo",
        "mail",
        "rcpt",
        "data_start",
        "data_end",
        "total",
    ] {
        assert!(result["stages_ms"][stage]["p99_99"].is_number(), "{stage}");
    }
    assert_eq!(result["command"], "prixfixe stress quick");
    // Servers, their mail and their logs are gone.
    assert!(!lab.path().join("prixfixe-lab").exists());
}

#[test]
fn a_scenario_of_several_parts_keeps_each_of_them() {
    let lab = Lab::new();
    let (code, said) = lab.run(&["mixed", "--scale", "0.01", "--servers", "2"]);
    assert_eq!(code, Some(0), "{said}");
    let result = lab.result();
    let parts = result["parts"].as_array().unwrap();
    let names: Vec<&str> = parts
        .iter()
        .map(|part| part["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["1 KB", "10 KB", "100 KB", "1 MB"]);
    assert_eq!(result["accepted"], 10 + 10 + 5 + 1);
    assert!(result["disk_probe"]["sync_ms"]["count"].as_u64() > Some(0));
}

#[test]
fn an_open_scenario_takes_the_time_it_is_told() {
    let lab = Lab::new();
    let (code, said) = lab.run(&["ramp", "--duration", "3s"]);
    assert_eq!(code, Some(0), "{said}");
    let result = lab.result();
    // A second each of 10, 25 and 50.
    assert_eq!(result["accepted"], 85);
    assert!(result["duration_s"].as_f64() > Some(2.5));
}

#[test]
fn connections_beyond_the_limit_are_told_so_and_the_others_are_served() {
    let lab = Lab::new();
    let (code, said) = lab.run(&["connections", "--scale", "0.03"]);
    assert_eq!(code, Some(0), "{said}");
    let rows = &lab.result()["tables"][0]["rows"];
    let figures = |row: usize| -> Vec<&str> {
        let cells = rows[row].as_array().unwrap();
        cells[1..5]
            .iter()
            .map(|cell| cell.as_str().unwrap())
            .collect()
    };
    assert_eq!(figures(0), ["30", "30", "0", "0"]);
    assert_eq!(figures(1), ["130", "30", "100", "0"]);
}

#[test]
fn tls_measures_handshakes_full_and_resumed() {
    let lab = Lab::new();
    let (code, said) = lab.run(&["tls", "--scale", "0.03"]);
    assert_eq!(code, Some(0), "{said}");
    let result = lab.result();
    let handshakes = |part: usize| -> (Option<u64>, Option<u64>) {
        let connections: &Value = &result["parts"][part]["connections"];
        (
            connections["tls_full"].as_u64(),
            connections["tls_resumed"].as_u64(),
        )
    };
    assert_eq!(handshakes(0), (Some(0), Some(0)));
    assert_eq!(handshakes(1), (Some(60), Some(0)));
    assert_eq!(handshakes(2), (Some(60), Some(0)));
    // No more than one full handshake for each of the workers, who begin at the same time.
    for part in [3, 4] {
        let (full, resumed) = handshakes(part);
        assert!(full.unwrap() <= 20, "part {part}: {said}");
        assert_eq!(full.unwrap() + resumed.unwrap(), 60, "part {part}: {said}");
    }
}

#[test]
fn a_target_is_watched_and_compared_like_an_own_server() {
    let (lab, of_server) = (Lab::new(), Lab::new());
    let server = Server::start(of_server.path());
    let store = crate::server_process::store(of_server.path());
    let (code, said) = lab.run(&[
        "run",
        "--target",
        server.address(),
        "--messages",
        "20",
        "--workers",
        "2",
        "--server-pid",
        &server.id().to_string(),
        "--store",
        store.to_str().unwrap(),
        "--ledger",
        "run.ledger",
        "--output",
        "result.json",
    ]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("all 20 acknowledged messages are there"),
        "{said}"
    );
    assert!(lab.results().is_empty() && lab.path().join("run.ledger").is_file());
    let text = std::fs::read(lab.path().join("result.json")).unwrap();
    let result: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(result["server"]["processes"], 1);
    let banner = result["versions"][server.address()].as_str().unwrap();
    assert!(banner.starts_with("mx.example.com"), "{banner}");
}

#[test]
fn messages_that_are_refused_fail_the_run() {
    let (lab, of_server) = (Lab::new(), Lab::new());
    let settings = "listen = [\"127.0.0.1:0\"]\nrecipients = [\"elsewhere.example\"]\n";
    let server = Server::start_with(of_server.path(), settings);
    let (code, said) = lab.run(&["run", "--target", server.address(), "--messages", "10"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("run: FAILED") && said.contains("10 of 10 messages failed"),
        "{said}"
    );
    let result = lab.result();
    assert_eq!(result["passed"], false);
    assert_eq!(result["errors"][0]["code"], 550);
    assert_eq!(result["errors"][0]["stage"], "rcpt");
}

#[test]
fn a_comparison_that_was_to_be_made_and_cannot_fails() {
    let lab = Lab::new();
    // A server that throws mail away keeps no store at all.
    let (code, said) = lab.run(&["run", "--messages", "10", "--set", "destination=discard"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("could not be compared"), "{said}");
    let (code, said) = lab.run(&[
        "run",
        "--messages",
        "10",
        "--set",
        "destination=discard",
        "--no-verify",
    ]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn flags_that_make_no_sense_together_end_with_2() {
    let lab = Lab::new();
    for words in [
        &["run", "--target", "127.0.0.1"][..],
        &["run", "--rate", "50"],
        &["run", "--mode", "sustained"],
        &["run", "--mode", "ramp", "--rate", "50"],
        &[
            "run",
            "--mode",
            "sustained",
            "--rate",
            "50",
            "--messages",
            "5",
        ],
        &["run", "--insecure"],
        &["run", "--ca", "x.pem"],
        &["run", "--auth", "ann"],
        &["run", "--store", "."],
        &["run", "--target", "127.0.0.1:1", "--verify"],
        &["run", "--target", "127.0.0.1:1", "--keep"],
        &["run", "--server-pid", "1"],
        &["run", "--size", "10", "--messages", "1"],
        &["run", "--corpus", ".", "--size", "small"],
        &["run", "--corpus", "nowhere"],
        &["run", "--workers", "0"],
        &["burst", "--duration", "1s"],
        &["burst", "--servers", "1", "--target", "127.0.0.1:1"],
        &["scale", "--servers", "2"],
        &["soak", "--rate", "0"],
        &["logs", "7"],
    ] {
        let (code, said) = lab.run(words);
        assert_eq!(code, Some(2), "{words:?}: {said}");
        assert!(!said.is_empty(), "{words:?}");
    }
    assert!(lab.results().is_empty());
}

#[test]
fn files_that_are_no_results_and_folders_that_are_not_there_are_noticed_before_anything_is_sent() {
    let lab = Lab::new();
    let notes = lab.path().join("notes.txt");
    std::fs::write(&notes, "mine").unwrap();
    let notes = notes.to_str().unwrap();
    for (flags, words) in [
        (&["quick", "--output", notes][..], "is no result"),
        (&["quick", "--ledger", notes], "is no ledger"),
        (
            &["quick", "--output", "a", "--ledger", "a"],
            "the same file",
        ),
        (
            &["quick", "--output", "nowhere/a.json"],
            "there is no folder",
        ),
        (
            &["all", "--", "--output", "a.json"],
            "each scenario would replace it",
        ),
    ] {
        let (code, said) = lab.run(flags);
        assert_eq!(code, Some(2), "{flags:?}: {said}");
        assert!(said.contains(words), "{flags:?}: {said}");
    }
    assert_eq!(std::fs::read_to_string(notes).unwrap(), "mine");
    assert!(lab.results().is_empty());
}
