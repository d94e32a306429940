//! One line on a terminal that says what is going on.

use std::io::{self, IsTerminal as _, Write as _};

/// Written over again and again; nothing at all where standard error is no terminal.
pub(crate) struct Progress {
    shown: bool,
    done: usize,
    all: usize,
}

impl Progress {
    /// For this many steps.
    pub(crate) fn of(all: usize) -> Self {
        Self {
            shown: io::stderr().is_terminal(),
            done: 0,
            all,
        }
    }

    /// The next step begins.
    pub(crate) fn step(&mut self, what: &str) {
        self.done += 1;
        self.show(&format!("{}/{}: {what}", self.done, self.all));
    }

    fn show(&self, text: &str) {
        if self.shown {
            // A terminal that is gone is no reason to stop.
            let _ = write!(io::stderr(), "\r\x1b[K{text}");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.show("");
    }
}
