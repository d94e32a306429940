//! When callers saw that their server was gone, and when its successor first answered them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::ipc::clock::Nanos;
use crate::ipc::stress::latencies::Latencies;

/// Something of a server's death and of its successor, seen by a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Sighting {
    /// It ended because the server was gone.
    Gone { began: Nanos, ended: Nanos },
    /// It is the first that the successor answered.
    Back { began: Nanos, ended: Nanos },
    /// It made a connection anew, and ended in some other way.
    Again,
}

/// What one caller saw, a line each.
#[derive(Debug)]
pub(super) struct Sightings(File);

/// A server that was killed, and since when its successor listens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outage {
    pub(super) killed: Nanos,
    pub(super) listening: Nanos,
}

/// How soon callers noticed, and how soon they were served again.
#[derive(Clone, Debug, Default)]
pub(super) struct Recovery {
    pub(super) notice: Latencies,
    pub(super) answer: Latencies,
    /// Connections made anew.
    pub(super) reconnects: u64,
}

impl Sightings {
    pub(super) fn create(folder: &Path, caller: u32) -> io::Result<Self> {
        let path = path(folder, caller);
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)?;
        Ok(Self(file))
    }

    pub(super) fn write(&mut self, sighting: Sighting) -> io::Result<()> {
        let mut line = serde_json::to_vec(&sighting)?;
        line.push(b'\n');
        self.0.write_all(&line)
    }
}

impl Recovery {
    /// Takes in what one caller saw of these outages, which are in the order of time.
    pub(super) fn take(
        &mut self,
        folder: &Path,
        caller: u32,
        outages: &[Outage],
    ) -> io::Result<()> {
        let text = match fs::read_to_string(path(folder, caller)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            read => read?,
        };
        for line in text.lines() {
            self.see(serde_json::from_str(line)?, outages);
        }
        Ok(())
    }

    /// A time counts from the outage, or from the call where that began later.
    fn see(&mut self, sighting: Sighting, outages: &[Outage]) {
        let last = |at: Nanos, of: fn(&Outage) -> Nanos| {
            let before = outages.iter().map(of).filter(|moment| *moment <= at);
            before.max()
        };
        match sighting {
            Sighting::Gone { began, ended } => {
                if let Some(killed) = last(ended, |outage| outage.killed) {
                    self.notice.record(ended.since(killed.max(began)));
                }
            }
            Sighting::Back { began, ended } => {
                if let Some(listening) = last(ended, |outage| outage.listening) {
                    self.answer.record(ended.since(listening.max(began)));
                }
                self.reconnects += 1;
            }
            Sighting::Again => self.reconnects += 1,
        }
    }
}

fn path(folder: &Path, caller: u32) -> PathBuf {
    folder.join(format!("sightings-{caller}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_count_from_the_outage_or_from_a_later_call() {
        let folder = tempfile::tempdir().unwrap();
        let mut sightings = Sightings::create(folder.path(), 1).unwrap();
        let (began, ended) = (Nanos(50), Nanos(140));
        sightings.write(Sighting::Gone { began, ended }).unwrap();
        let (began, ended) = (Nanos(210), Nanos(260));
        sightings.write(Sighting::Back { began, ended }).unwrap();
        sightings.write(Sighting::Again).unwrap();
        let outages = [(100, 200), (1000, 1100)].map(|(killed, listening)| Outage {
            killed: Nanos(killed),
            listening: Nanos(listening),
        });
        let mut recovery = Recovery::default();
        recovery.take(folder.path(), 1, &outages).unwrap();
        recovery.take(folder.path(), 2, &outages).unwrap();
        assert_eq!((recovery.notice.count(), recovery.answer.count()), (1, 1));
        assert_eq!(recovery.reconnects, 2);
        assert_eq!(recovery.notice.at(1.0), Nanos(40));
        assert_eq!(recovery.answer.at(1.0), Nanos(50));
    }
}
