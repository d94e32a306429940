//! A store whose server dies under load, again and again, and all that was ever sent to it.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::client::Fate;
use crate::inspection::{assert_sound, inspect, sqlite};
use crate::load::{Fates, Load};
use crate::server::{Launch, Server, until};

pub(crate) struct Ordeal {
    place: TempDir,
    next: Arc<AtomicU32>,
    fates: Fates,
}

/// How the server of a round dies.
#[derive(Clone, Copy)]
pub(crate) enum Death<'a> {
    /// By SIGKILL, so long after the 250 that makes the round count.
    Killed(Duration),
    /// By itself, at a fault point, as suddenly.
    AtFault(&'a str),
}

/// What happened in a round.
pub(crate) struct Round {
    pub(crate) acknowledged: usize,
    /// Clients that were in the middle of a body.
    pub(crate) in_flight: usize,
    /// Messages of which parts were in the store after the death.
    pub(crate) half_received: u64,
}

impl Round {
    /// Whether there was something to lose.
    pub(crate) fn counts(&self) -> bool {
        self.acknowledged >= ACKNOWLEDGED_MIN && self.in_flight > 0
    }
}

impl Ordeal {
    pub(crate) fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        Self {
            place,
            next: Arc::default(),
            fates: Fates::new(),
        }
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.place.path().join("data")
    }

    /// A server that dies under load, and another one after it that is held to what it promised.
    pub(crate) fn round(&mut self, death: Death<'_>) -> Round {
        let folder = self.folder();
        let launch = Launch::at(&folder);
        let launch = match death {
            Death::Killed(_) => launch,
            Death::AtFault(fault) => launch.fault(fault),
        };
        let mut server = launch.start();
        let load = Load::start(server.address(), &self.next, u32::MAX);
        match death {
            Death::Killed(delay) => {
                assert!(load.wait_for(ACKNOWLEDGED_MIN), "the clients had to end");
                // No wait for anything: this is the random instant.
                thread::sleep(delay);
                server.kill();
            }
            Death::AtFault(_) => assert_aborted(&mut server),
        }
        let fates = load.finish();
        let count = |wanted: fn(&Fate) -> bool| fates.values().filter(|fate| wanted(fate)).count();
        let refused = count(|fate| matches!(fate, Fate::Refused(_)));
        assert_eq!(refused, 0, "{fates:?}");
        let acknowledged = count(|fate| matches!(fate, Fate::Acknowledged(_)));
        let in_flight = count(|fate| *fate == Fate::Unfinished);
        self.fates.extend(fates);
        Round {
            acknowledged,
            in_flight,
            half_received: self.recover(),
        }
    }

    /// Delivers some messages to a server that lives on.
    pub(crate) fn deliver(&mut self, count: u32) {
        let folder = self.folder();
        let server = Launch::at(&folder).start();
        let end = self.next.load(std::sync::atomic::Ordering::Relaxed) + count;
        let fates = Load::start(server.address(), &self.next, end).finish();
        self.next.store(end, std::sync::atomic::Ordering::Relaxed);
        assert!(
            fates
                .values()
                .all(|fate| matches!(fate, Fate::Acknowledged(_))),
            "{fates:?}"
        );
        self.fates.extend(fates);
        server.stop();
    }

    /// Starts a server on what is left and compares everything. Returns how many messages were
    /// half received, as the server said it.
    pub(crate) fn recover(&self) -> u64 {
        let folder = self.folder();
        let remains = remains(&folder);
        let server = Launch::at(&folder).start();
        assert_eq!(
            server.removed_at_start(),
            remains,
            "recovery says what it removes"
        );
        // What shows is right from the first moment on, and what is left over goes soon.
        inspect(&folder, &self.fates).unwrap();
        until("all remains are removed", || {
            sqlite(&folder, COUNT_REMAINS) == "0"
        });
        server.stop();
        inspect(&folder, &self.fates).unwrap();
        assert_sound(&folder);
        remains
    }
}

/// Waits for a server that a fault ends.
pub(crate) fn assert_aborted(server: &mut Server) {
    let (status, log) = server.wait();
    assert_eq!(status.signal(), Some(SIGABRT), "{status}:\n{log}");
}

/// How many messages are half received, by a look at a copy: the store itself is to be recovered
/// by nobody but the server.
fn remains(folder: &Path) -> u64 {
    let copy = tempfile::tempdir().unwrap();
    for entry in folder.read_dir().unwrap() {
        let file = entry.unwrap().path();
        std::fs::copy(&file, copy.path().join(file.file_name().unwrap())).unwrap();
    }
    sqlite(copy.path(), COUNT_REMAINS).parse().unwrap()
}

const COUNT_REMAINS: &str = "SELECT count(*) FROM loose";
/// 250s before a death counts.
const ACKNOWLEDGED_MIN: usize = 50;
const SIGABRT: i32 = 6;
