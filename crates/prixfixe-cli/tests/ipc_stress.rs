//! `prixfixe ipc stress`: a short form of every level through the binary, and what its result says.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

#[test]
fn a_short_bomb_accounts_for_every_call_and_leaves_a_result_of_the_lab() {
    let folder = tempfile::tempdir().unwrap();
    let result = short_form(folder.path(), &["1"]);
    assert_eq!(result["scenario"], "ipc-bomb-short");
    assert_eq!(result["sent"], 20 * 200);
    assert_eq!(result["accepted"], 20 * 200);
    assert_eq!(result["verification"]["stored"], 20 * 200);
    assert_eq!(result["latency_ms"]["count"], 20 * 200);
    assert_eq!(result["stages_ms"]["connect"]["count"], 20);
    assert_eq!(result["outcomes"][0]["outcome"], "completed");
    assert_eq!(result["outcomes"][0]["executed"], 20 * 200);
    assert!(result["server"]["rss_peak"].as_u64().unwrap() > 0);
    let points = result["timeline"]["points"].as_array().unwrap();
    let accepted = points
        .iter()
        .map(|point| point["accepted"].as_u64().unwrap());
    assert_eq!(accepted.sum::<u64>(), 20 * 200);
}

#[test]
fn a_short_memory_level_tells_private_from_shared_memory_for_both_crowds() {
    let folder = tempfile::tempdir().unwrap();
    let result = short_form(folder.path(), &["2"]);
    assert_eq!(result["scenario"], "ipc-memory-short");
    assert_eq!(result["sent"], 10 * 50 + 4 * 10);
    assert_eq!(result["parts"].as_array().unwrap().len(), 2);
    assert_eq!(result["parts"][1]["settings"]["payload"], 1 << 20);
    let table = table(&result, "Memory, in KiB");
    let figure = |row: &Value, column: usize| {
        let text = row[column].as_str().unwrap().replace(',', "");
        text.parse::<u64>().unwrap()
    };
    for row in table.as_array().unwrap() {
        assert!(figure(row, 3) > 0, "private memory: {row}");
        assert!(figure(row, 5) > 0, "page tables: {row}");
        assert!(figure(row, 6) > 0, "share of all: {row}");
    }
    let shared = |load: &str, when: &str| {
        let mut rows = table.as_array().unwrap().iter();
        let row = rows.find(|row| row[0] == load && row[1] == when && row[2] == "server");
        figure(row.unwrap(), 4)
    };
    // Each client of the second crowd has sent and got a mebibyte through two rings of 256 KiB, of which
    // parts use a half at least.
    assert!(shared("1 MB", "at most") >= 4 * 2 * 128);
    assert!(shared("1 MB", "all gone") < 256);
}

#[test]
fn a_short_noise_level_has_both_probes_and_says_that_the_bare_one_is_absent() {
    let folder = tempfile::tempdir().unwrap();
    let result = short_form(folder.path(), &["3", "--peers", "no-such-harness"]);
    assert_eq!(result["scenario"], "ipc-noise-short");
    let parts = result["parts"].as_array().unwrap();
    let names: Vec<_> = parts.iter().map(|part| &part["name"]).collect();
    assert_eq!(names, ["noise", "hot probe", "sleeping probe"]);
    for part in &parts[1..] {
        assert_eq!(part["accepted"], 200);
        assert_eq!(part["verification"]["stored"], 200);
    }
    let sum = parts.iter().map(|part| part["accepted"].as_u64().unwrap());
    assert_eq!(result["accepted"], sum.sum::<u64>());
    let missing = table(&result, "No bare futex beside it");
    assert!(
        missing[0][1].as_str().unwrap().contains("not built"),
        "{missing}"
    );
}

#[test]
fn a_short_leak_level_has_a_row_for_every_cycle() {
    let folder = tempfile::tempdir().unwrap();
    let result = short_form(folder.path(), &["4", "--seed", "3"]);
    assert_eq!(result["scenario"], "ipc-leak-short");
    assert_eq!(result["sent"], result["accepted"]);
    let end = table(&result, "In the end");
    let figures: Vec<_> = end.as_array().unwrap().iter().map(|row| &row[0]).collect();
    assert_eq!(figures[0], "RssAnon KiB");
    assert!(figures.iter().any(|figure| *figure == "mappings"));
    let cycles = result["tables"][0]["rows"].as_array().unwrap();
    assert_eq!(cycles.len(), 6);
}

#[test]
fn a_few_seconds_of_chaos_leave_no_call_unaccounted_for() {
    let folder = tempfile::tempdir().unwrap();
    let result = short_form(folder.path(), &["5", "--clients", "4", "--duration", "8s"]);
    assert_eq!(result["scenario"], "ipc-chaos-changed");
    let outcomes = result["outcomes"].as_array().unwrap();
    let of = |name: &str, field: &str| {
        let alike = outcomes.iter().filter(|outcome| outcome["outcome"] == name);
        alike
            .map(|outcome| outcome[field].as_u64().unwrap())
            .sum::<u64>()
    };
    assert!(of("completed", "count") > 0);
    assert_eq!(of("completed", "count"), of("completed", "executed"));
    assert!(of("refused", "count") > 0);
    assert_eq!(of("failed_no", "executed"), 0);
    let counts = outcomes
        .iter()
        .map(|outcome| outcome["count"].as_u64().unwrap());
    assert_eq!(result["sent"], counts.sum::<u64>());
    // A round of blows deals each of them once, and eight seconds hold the most of one.
    let blows = table(&result, "What happened");
    assert_eq!(blows.as_array().unwrap().len(), 6);
    assert!(blows.as_array().unwrap().iter().any(|blow| blow[1] != "0"));
}

#[test]
fn a_level_that_is_stopped_leaves_no_files_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut level = Command::new(env!("CARGO_BIN_EXE_prixfixe"))
        .args(["ipc", "stress", "5", "--duration", "5m", "--clients", "2"])
        .current_dir(folder.path())
        .env("TMPDIR", folder.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let is_empty = || std::fs::read_dir(folder.path()).unwrap().next().is_none();
    let ledger = || {
        let mut entries = std::fs::read_dir(folder.path()).unwrap();
        let entry = entries.next()?.ok()?;
        entry.path().join("ledger-2").exists().then_some(())
    };
    while ledger().is_none() {
        assert!(level.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(Duration::from_millis(10));
    }
    let pid = i32::try_from(level.id()).unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(level.wait().unwrap().code(), Some(130));
    assert!(is_empty());
}

#[test]
fn results_are_shown_compared_and_reported_like_those_of_the_lab() {
    let folder = tempfile::tempdir().unwrap();
    for output in ["a.json", "b.json"] {
        let ran = ipc(
            folder.path(),
            &[
                "stress", "1", "--short", "--calls", "50", "--output", output,
            ],
        );
        assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
        assert!(text(&ran.stdout).contains("ipc-bomb-changed: PASSED"));
    }
    let shown = prixfixe(folder.path(), &["results", "show", "a.json"]);
    let shown = text(&shown.stdout);
    for words in ["calls by outcome", "calls/s over", "verification holds"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    // Two runs of an instant may well differ; they can be compared at all.
    let compared = prixfixe(folder.path(), &["results", "compare", "a.json", "b.json"]);
    assert_ne!(
        compared.status.code(),
        Some(2),
        "{}",
        text(&compared.stderr)
    );
    assert!(text(&compared.stdout).contains("latency_ms.p99"));
    let report = ["results", "report", "a.json", "-o", "report.html"];
    let reported = prixfixe(folder.path(), &report);
    assert_eq!(
        reported.status.code(),
        Some(0),
        "{}",
        text(&reported.stderr)
    );
    let page = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(page.contains("Calls by outcome"));
}

#[test]
fn wrong_usage_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    for words in [
        &["stress"][..],
        &["stress", "0"],
        &["stress", "6"],
        &["stress", "1", "--clients", "0"],
        &["stress", "2", "--clients", "5"],
        &["stress", "4", "--duration", "5s"],
        &["stress", "5", "--peers", "x"],
    ] {
        let output = ipc(folder.path(), words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(!output.stderr.is_empty(), "{words:?}");
    }
}

/// Runs a level in its short form, which has to keep every promise.
fn short_form(folder: &Path, words: &[&str]) -> Value {
    let file = folder.join("result.json");
    let mut all = vec!["stress", "--short", "--check", "--output", "result.json"];
    all.extend(words);
    let output = ipc(folder, &all);
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}");
    let written = std::fs::read_to_string(file).unwrap();
    let result: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(result["passed"], true, "{said}");
    assert_eq!(result["schema"], 1);
    result
}

fn table<'r>(result: &'r Value, title: &str) -> &'r Value {
    let mut tables = result["tables"].as_array().unwrap().iter();
    let table = tables.find(|table| table["title"] == title);
    &table.unwrap_or_else(|| panic!("no table {title}"))["rows"]
}

fn ipc(folder: &Path, words: &[&str]) -> Output {
    prixfixe(folder, &[&["ipc"], words].concat())
}

fn prixfixe(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_prixfixe"))
        .args(words)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
