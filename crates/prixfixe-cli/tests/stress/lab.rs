//! A folder in which the lab is run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder of its own for each test.
pub(crate) struct Lab {
    folder: TempDir,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// `prixfixe stress` with these words, run in the folder.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_prixfixe"));
        command
            .env_clear()
            .current_dir(self.path())
            .arg("stress")
            .args(words)
            .stdin(Stdio::null());
        command
    }

    /// Its end: the exit code, and what it said on both streams.
    pub(crate) fn run(&self, words: &[&str]) -> (Option<i32>, String) {
        told(&self.command(words).output().unwrap())
    }

    /// The results that were written.
    pub(crate) fn results(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path().join("prixfixe-results")) else {
            return Vec::new();
        };
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// The only result.
    pub(crate) fn result(&self) -> Value {
        let results = self.results();
        assert_eq!(results.len(), 1, "{results:?}");
        serde_json::from_slice(&fs::read(&results[0]).unwrap()).unwrap()
    }
}

pub(crate) fn told(output: &Output) -> (Option<i32>, String) {
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}
