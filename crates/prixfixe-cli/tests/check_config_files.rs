//! Each file in `bad-config` must be refused with the text beside it, each in `good-config`
//! accepted with it. `UPDATE_EXPECTED=1` writes the texts anew; read them before committing.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

#[test]
fn bad_files_are_refused_with_all_their_faults() {
    for file in files("bad-config") {
        let output = check_config(&file, &[]);
        assert_eq!(output.status.code(), Some(2), "{}", file.display());
        assert!(output.stdout.is_empty(), "{}", file.display());
        compare(&file, &text(&output.stderr));
    }
}

#[test]
fn good_files_are_accepted_with_their_warnings() {
    for file in files("good-config") {
        let output = check_config(&file, &[]);
        let text = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{}: {text}", file.display());
        compare(&file, &text);
    }
}

#[test]
fn printed_settings_are_a_file_with_the_same_settings() {
    let folder = tempfile::tempdir().unwrap();
    for file in files("good-config") {
        let printed = text(&check_config(&file, &["--print"]).stdout);
        let again = folder.path().join("printed.toml");
        fs::write(&again, &printed).unwrap();
        let printed_again = check_config(&again, &["--print"]);
        assert_eq!(printed_again.status.code(), Some(0), "{printed}");
        let printed_again = text(&printed_again.stdout);
        assert_eq!(
            values(&printed),
            values(&printed_again),
            "{}",
            file.display()
        );
    }
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(folder);
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

fn check_config(file: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_prixfixe"))
        .env_clear()
        .current_dir(file.parent().unwrap())
        .arg("check-config")
        .arg(file.file_name().unwrap())
        .args(arguments)
        .output()
        .unwrap()
}

fn compare(file: &Path, found: &str) {
    let folder = file.parent().unwrap().canonicalize().unwrap();
    // Paths are printed in full, so that they mean the same wherever they are read.
    let found = found.replace(folder.to_str().unwrap(), "FOLDER");
    let expected = file.with_extension("expected");
    if env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&expected, &found).unwrap();
    }
    let expected = fs::read_to_string(&expected).unwrap_or_default();
    assert_eq!(found, expected, "{}", file.display());
}

/// The lines without their comments on origins.
fn values(printed: &str) -> Vec<&str> {
    printed
        .lines()
        .map(|line| line.split("  #").next().unwrap())
        .collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
