//! A file to which processes append what happens, one line at a time, and which survives them.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The writing end.
#[derive(Clone)]
pub(crate) struct Journal {
    path: PathBuf,
}

/// The writing end, opened.
pub(crate) struct Pen(File);

impl Journal {
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.into() }
    }

    pub(crate) fn open(&self) -> Pen {
        let mut options = OpenOptions::new();
        Pen(options.append(true).create(true).open(&self.path).unwrap())
    }

    /// In bytes.
    pub(crate) fn length(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    pub(crate) fn text(&self) -> String {
        std::fs::read_to_string(&self.path).unwrap_or_default()
    }

    /// How often each call was executed.
    pub(crate) fn executions(&self) -> HashMap<u128, u32> {
        let mut executions = HashMap::new();
        for line in self.text().lines() {
            if let Some(id) = line.strip_prefix("executed ") {
                *executions.entry(id.parse().unwrap()).or_default() += 1;
            }
        }
        executions
    }

    /// How often this call was executed.
    pub(crate) fn executions_of(&self, id: u128) -> u32 {
        self.executions().get(&id).copied().unwrap_or(0)
    }
}

impl Pen {
    /// Appends a line: in one call of the system, so that it is there whole or not at all.
    pub(crate) fn write(&mut self, line: &str) {
        self.0.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}

/// The time, by a clock that all processes share.
pub(crate) fn now_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap()
}
