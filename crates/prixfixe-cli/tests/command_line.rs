//! Help, completions, manual pages and exit codes.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::process::{Command, Output};

const SUBCOMMANDS: [&str; 9] = [
    "serve",
    "check-config",
    "inbox",
    "passwd",
    "healthcheck",
    "ipc",
    "stress",
    "completions",
    "man",
];
const INBOX: [&str; 5] = ["list", "show", "export", "delete", "search"];
const STRESS: [&str; 20] = [
    "run",
    "quick",
    "burst",
    "sustained",
    "heavy",
    "mixed",
    "ramp",
    "spike",
    "scale",
    "connections",
    "tls",
    "baseline",
    "soak",
    "all",
    "start",
    "stop",
    "status",
    "logs",
    "clean",
    "verify",
];
const IPC: [&str; 4] = ["echo", "call", "top", "bench"];

#[test]
fn no_argument_prints_help() {
    let output = prixfixe(&[]);
    assert_eq!(output.status.code(), Some(0));
    let help = text(&output.stdout);
    for subcommand in SUBCOMMANDS {
        assert!(help.contains(subcommand), "{help}");
    }
    assert!(!help.contains('\u{1b}'), "no colours in a pipe");
}

#[test]
fn every_subcommand_has_help_with_an_example() {
    for subcommand in SUBCOMMANDS {
        let output = prixfixe(&[subcommand, "--help"]);
        assert_eq!(output.status.code(), Some(0));
        let help = text(&output.stdout);
        assert!(help.contains(&format!("prixfixe {subcommand}")), "{help}");
        assert!(help.contains("Example"), "{help}");
        assert!(help.contains("--config <FILE>"), "{help}");
    }
    for subcommand in INBOX {
        let help = text(&prixfixe(&["inbox", subcommand, "--help"]).stdout);
        assert!(
            help.contains(&format!(": prixfixe inbox {subcommand}")),
            "{help}"
        );
        assert!(help.contains("--store <DIR>"), "{help}");
    }
    for subcommand in STRESS {
        let help = text(&prixfixe(&["stress", subcommand, "--help"]).stdout);
        let example = format!(": prixfixe stress {subcommand}");
        assert!(help.contains(&example), "{help}");
    }
    for subcommand in IPC {
        let help = text(&prixfixe(&["ipc", subcommand, "--help"]).stdout);
        let example = format!(": prixfixe ipc {subcommand}");
        assert!(help.contains(&example), "{help}");
    }
}

#[test]
fn wrong_usage_ends_with_2_and_a_way_out() {
    for arguments in [
        &["chek-config"][..],
        &["check-config", "--prin"],
        &["completions", "tcsh"],
        &["--config", "prixfixe.toml"],
        &["check-config", "--port", "25", "--listen", "127.0.0.1:25"],
    ] {
        let output = prixfixe(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains("--help"), "{arguments:?}");
    }
}

#[test]
fn completions_know_the_subcommands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = prixfixe(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains("check-config"), "{shell}");
    }
}

#[test]
fn manual_pages_go_to_standard_output_or_a_folder() {
    let page = prixfixe(&["man"]);
    assert_eq!(page.status.code(), Some(0));
    assert!(text(&page.stdout).contains(".TH prixfixe 1"));

    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    let output = prixfixe(&["man", "--dir", pages.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for subcommand in SUBCOMMANDS {
        assert!(
            pages.join(format!("prixfixe-{subcommand}.1")).is_file(),
            "{subcommand}"
        );
    }

    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let output = prixfixe(&["man", "--dir", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("choose another --dir"));
}

fn prixfixe(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_prixfixe"))
        .env_clear()
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
