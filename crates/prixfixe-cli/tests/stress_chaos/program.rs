//! A subcommand of `prixfixe stress` in a folder of its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A scenario under way. Dropped, it is ended.
pub(crate) struct Scenario {
    folder: TempDir,
    process: Child,
    /// What it tells while it goes on.
    told: BufReader<std::process::ChildStderr>,
}

impl Scenario {
    /// Starts `prixfixe stress` with these words.
    pub(crate) fn start(words: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_prixfixe"))
            .arg("stress")
            .args(words)
            // However full the disk is on which the tests run.
            .args(["--set", "store.min_free_disk=off"])
            .args(["--output", "result.json"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let told = BufReader::new(process.stderr.take().unwrap());
        Self {
            folder,
            process,
            told,
        }
    }

    /// Waits until it tells something with these words.
    pub(crate) fn await_told(&mut self, words: &str) {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            let length = self.told.read_line(&mut line).unwrap();
            assert!(length > 0, "it ended without {words:?}");
        }
    }

    /// The store of its server.
    pub(crate) fn store(&self) -> PathBuf {
        let lab = fs::read_dir(self.folder.path().join("prixfixe-lab")).unwrap();
        let run = lab.map(|entry| entry.unwrap().path()).next().unwrap();
        run.join("1/store")
    }

    /// Waits for its end: how it ended, and its result.
    pub(crate) fn end(mut self) -> (ExitStatus, Value) {
        let mut rest = String::new();
        while self.told.read_line(&mut rest).unwrap() > 0 {}
        let status = self.process.wait().unwrap();
        let result = fs::read(self.folder.path().join("result.json"));
        let result = result.unwrap_or_else(|error| panic!("{status}, {error}: {rest}"));
        (status, serde_json::from_slice(&result).unwrap())
    }
}

impl Drop for Scenario {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The rows of a table of a result.
pub(crate) fn rows<'a>(result: &'a Value, title: &str) -> &'a Vec<Value> {
    let tables = result["tables"].as_array().unwrap();
    let table = tables
        .iter()
        .find(|table| table["title"].as_str().unwrap().starts_with(title))
        .unwrap();
    table["rows"].as_array().unwrap()
}
