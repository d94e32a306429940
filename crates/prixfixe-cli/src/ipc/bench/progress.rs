//! How far the benchmark has come, and what it writes on the way.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::compare::Observer;
use super::measure::Line;
use super::peers::PeerError;
use super::verdict::Verdict;
use crate::ipc::in_words;

/// A bar on a terminal, and lines of JSON in a file.
pub(super) struct Progress {
    bar: ProgressBar,
    json: Option<BufWriter<File>>,
    /// The first failure to write; a run goes on all the same.
    failure: Option<io::Error>,
    failures_told: Vec<String>,
}

impl Progress {
    /// For so many runs.
    pub(super) fn new(runs: u64, json: Option<BufWriter<File>>) -> Self {
        let bar = if io::stderr().is_terminal() {
            ProgressBar::new(runs)
        } else {
            ProgressBar::hidden()
        };
        let style = ProgressStyle::with_template("{bar:30} {pos} of {len} runs, {elapsed}  {msg}");
        let bar = match style {
            Ok(style) => bar.with_style(style),
            // The plain bar is good enough.
            Err(_) => bar,
        };
        Self {
            bar,
            json,
            failure: None,
            failures_told: Vec::new(),
        }
    }

    /// Does a row that is one run.
    pub(super) fn alone<R>(&mut self, row: &str, run: impl FnOnce() -> R) -> R {
        self.begins(row, "prixfixe");
        run()
    }

    /// Writes what a row came to.
    pub(super) fn write_verdicts(&mut self, verdicts: &[Verdict]) -> io::Result<()> {
        for verdict in verdicts {
            self.write(verdict);
        }
        match self.failure.take() {
            None => Ok(()),
            Some(failure) => Err(failure),
        }
    }

    /// Takes the bar away, and sees that all is written.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.bar.finish_and_clear();
        match &mut self.json {
            Some(json) => json.flush(),
            None => Ok(()),
        }
    }

    fn write(&mut self, value: &impl Serialize) {
        if let Some(json) = &mut self.json {
            let written = serde_json::to_writer(&mut *json, value)
                .map_err(io::Error::from)
                .and_then(|()| writeln!(json));
            if let Err(error) = written {
                self.failure.get_or_insert(error);
            }
        }
    }
}

impl Observer for Progress {
    fn begins(&mut self, row: &str, system: &str) {
        self.bar.inc(u64::from(!self.bar.message().is_empty()));
        self.bar.set_message(format!("{row}: {system}"));
    }

    fn ended(&mut self, line: &Line) {
        self.write(line);
    }

    fn failed(&mut self, error: &PeerError) {
        let text = in_words(error).to_string();
        // Once is enough for what fails in every pair.
        if !self.failures_told.contains(&text) {
            self.bar.suspend(|| {
                // With standard error gone there is nobody left to tell.
                let _ = writeln!(io::stderr(), "{text}");
            });
            self.failures_told.push(text);
        }
    }
}

impl Drop for Progress {
    /// Also before an error is told.
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
