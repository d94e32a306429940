//! Ctrl-C and a full disk.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::lab::Lab;

#[test]
fn the_first_ctrl_c_ends_the_load_and_keeps_what_was_measured() {
    let lab = Lab::new();
    let mut process = lab
        .command(&[
            "run",
            "--mode",
            "sustained",
            "--rate",
            "20",
            "--duration",
            "1h",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = BufReader::new(process.stderr.take().unwrap());
    let mut line = String::new();
    // A line of progress comes every few seconds where there is no terminal.
    while !line.contains(" accepted, ") {
        line.clear();
        assert_ne!(errors.read_line(&mut line).unwrap(), 0, "it ended");
    }
    kill_process(Pid::from_child(&process), Signal::INT).unwrap();
    let mut rest = String::new();
    errors.read_to_string(&mut rest).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(1), "{rest}");
    assert!(rest.contains("stopping"), "{rest}");
    let result = lab.result();
    assert_eq!(result["passed"], false);
    assert!(
        result["faults"][0]
            .as_str()
            .unwrap()
            .contains("stopped by a signal")
    );
    assert!(result["accepted"].as_u64() > Some(0));
    assert_eq!(result["failed"], 0);
    // What was acknowledged until then is compared all the same.
    assert_eq!(result["verification"]["acknowledged"], result["accepted"]);
    assert!(!lab.path().join("prixfixe-lab").exists());
}

#[test]
fn a_result_that_cannot_be_written_is_shown_and_fails() {
    let lab = Lab::new();
    // A name that a folder has cannot be taken by a file.
    std::fs::create_dir(lab.path().join("taken")).unwrap();
    let (code, said) = lab.run(&["quick", "--output", "taken"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("could not be written") && said.contains("messages/s"),
        "{said}"
    );
}

#[test]
fn a_ledger_on_a_full_disk_ends_the_run_and_is_told() {
    let lab = Lab::new();
    let (code, said) = lab.run(&[
        "run",
        "--messages",
        "20000",
        "--size",
        "512",
        "--ledger",
        "/dev/full",
        "--no-verify",
    ]);
    assert_ne!(code, Some(0), "{said}");
    assert!(
        said.contains("ledger") && said.contains("No space left"),
        "{said}"
    );
}
