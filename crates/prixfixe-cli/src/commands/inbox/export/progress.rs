//! How far an export has come.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on the terminal for many messages, and nothing elsewhere.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Progress towards `total`, if that is known. `to_file` says that standard output does not
    /// get the messages.
    pub(super) fn of(total: Option<u64>, to_file: bool) -> Self {
        // A bar between the lines of messages would be worse than none.
        let hidden = !io::stderr().is_terminal() || (!to_file && io::stdout().is_terminal());
        Self(match total {
            _ if hidden => ProgressBar::hidden(),
            Some(total) if total < MANY_MESSAGES => ProgressBar::hidden(),
            Some(total) => styled(
                ProgressBar::new(total),
                "{bar:40} {human_pos} of {human_len} messages, {eta} left",
            ),
            None => styled(ProgressBar::new_spinner(), "{spinner} {human_pos} messages"),
        })
    }

    /// One more is written.
    pub(super) fn step(&self) {
        self.0.inc(1);
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Progress {
    /// Also before an error is told.
    fn drop(&mut self) {
        self.finish();
    }
}

/// Fewer are written before a bar could be read.
const MANY_MESSAGES: u64 = 100;

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        // The plain bar is good enough.
        Err(_) => bar,
    }
}
