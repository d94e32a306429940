//! `prixfixe results report`: what it writes, and what it leaves alone.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use prixfixe_load::result::{Machine, Measurement, ResultFile, SCHEMA};

#[test]
fn a_report_is_one_page_at_the_usual_place_and_replaces_the_last_one() {
    let folder = folder(&["a.json"]);
    for _ in 0..2 {
        let output = report(folder.path(), &["a.json"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(text(&output.stdout).ends_with("report.html\n"));
    }
    let page = fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn several_results_stand_side_by_side_under_names_that_differ() {
    let folder = folder(&["a.json", "b.json", "other/a.json"]);
    let output = report(folder.path(), &["a.json", "b.json", "other/a.json", "-o-"]);
    let page = text(&output.stdout);
    assert!(page.contains("3 runs side by side"), "{output:?}");
    for name in ["a.json", "b", "other/a.json"] {
        assert!(page.contains(&format!("</span> {name}</h2>")), "{name}");
    }
    assert!(!folder.path().join("report.html").exists());
}

#[test]
fn a_file_that_is_no_report_stays_as_it_is() {
    let folder = folder(&["a.json"]);
    let mine = folder.path().join("mine.html");
    fs::write(&mine, "mine").unwrap();
    let output = report(folder.path(), &["a.json", "-o", "mine.html"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("-o"), "{output:?}");
    assert_eq!(fs::read_to_string(&mine).unwrap(), "mine");
}

#[test]
fn what_cannot_be_read_or_written_is_named() {
    let folder = folder(&["a.json"]);
    let output = report(folder.path(), &["nowhere.json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no result"), "{output:?}");
    let output = report(folder.path(), &["a.json", "-o", "no/such/folder.html"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("no/such/folder.html"),
        "{output:?}"
    );
    let output = report(folder.path(), &["a.json"; 9]);
    assert_eq!(output.status.code(), Some(2));
}

fn folder(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        result().write(&path).unwrap();
    }
    folder
}

fn result() -> ResultFile {
    ResultFile {
        schema: SCHEMA,
        scenario: "burst".to_owned(),
        started_at: "2026-11-21T17:00:00Z".to_owned(),
        passed: true,
        faults: Vec::new(),
        whole: Measurement {
            valid: true,
            ..Measurement::default()
        },
        parts: Vec::new(),
        tables: Vec::new(),
        disk_probe: None,
        machine: Machine::default(),
        versions: BTreeMap::new(),
        command: "prixfixe stress burst".to_owned(),
    }
}

fn report(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_prixfixe"))
        .current_dir(folder)
        .args(["results", "report"])
        .args(arguments)
        .output()
        .unwrap()
}

fn text(octets: &[u8]) -> &str {
    std::str::from_utf8(octets).unwrap()
}
