//! How far a level is: a bar on a terminal, else a line every few seconds.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

/// The progress of one part of a level.
pub(super) struct Progress {
    name: String,
    unit: &'static str,
    total: u64,
    bar: ProgressBar,
    /// When the last line was written; `None` where none is.
    told: Option<Instant>,
}

impl Progress {
    /// Of so many of `unit`.
    pub(super) fn new(name: &str, total: u64, unit: &'static str) -> Self {
        let bar = if io::stderr().is_terminal() {
            ProgressBar::new(total)
        } else {
            ProgressBar::hidden()
        };
        let style = ProgressStyle::with_template(
            "{prefix} {bar:20} {percent:>3} %  {human_pos} of {human_len} {msg}, {eta} left",
        );
        let bar = match style {
            Ok(style) => bar.with_style(style),
            // The plain bar is good enough.
            Err(_) => bar,
        };
        bar.set_prefix(name.to_owned());
        bar.set_message(unit);
        Self {
            name: name.to_owned(),
            unit,
            total,
            bar,
            told: Some(Instant::now()),
        }
    }

    /// Of something that is shown otherwise.
    pub(super) fn none() -> Self {
        Self {
            name: String::new(),
            unit: "",
            total: 0,
            bar: ProgressBar::hidden(),
            told: None,
        }
    }

    /// Shows that so many are done.
    pub(super) fn show(&mut self, done: u64) {
        self.bar.set_position(done.min(self.total));
        let told = self.told.filter(|_| self.bar.is_hidden());
        if told.is_some_and(|told| told.elapsed() >= BETWEEN_LINES) {
            self.told = Some(Instant::now());
            // With standard error gone there is nobody left to tell.
            let _ = writeln!(
                io::stderr(),
                "{}: {} of {} {}",
                self.name,
                HumanCount(done),
                HumanCount(self.total),
                self.unit
            );
        }
    }
}

impl Drop for Progress {
    /// Also before an error is told.
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Between two lines, where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(5);
