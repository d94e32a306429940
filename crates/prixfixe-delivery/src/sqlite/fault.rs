//! Aimed crashes, for the tests that prove what a store survives. Inert unless asked for.

use std::sync::atomic::{AtomicU32, Ordering};

/// Ends or halts this process when it passes a point for the `skip + 1`-th time.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Where.
    pub point: FaultPoint,
    /// How many passes go by unharmed.
    pub skip: u32,
    /// What happens then.
    pub action: FaultAction,
}

/// The instants at which a crash has something to break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultPoint {
    /// The database file exists and is still empty.
    EmptyFile,
    /// One migration step has run and is not committed.
    Migration,
    /// A batch is written and not committed.
    BeforeCommit,
    /// A batch is durable and nobody has been told.
    BeforeAnswers,
    /// Log pages are on their way into the database file. SQLite offers no pause there, so the
    /// crash comes from a second thread, a moment after the checkpoint has begun.
    Checkpoint,
}

/// How the process stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultAction {
    /// It aborts.
    Abort,
    /// It halts there, so that a test can look at the files and then kill it.
    Pause,
}

/// The fault a store was opened with, and how often its point was passed.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    armed: Option<Fault>,
    passes: AtomicU32,
}

impl Faults {
    pub(crate) fn new(armed: Option<Fault>) -> Self {
        Self {
            armed,
            passes: AtomicU32::new(0),
        }
    }

    /// Called at every fault point; costs one comparison when nothing is armed.
    pub(crate) fn pass(&self, point: FaultPoint) {
        let Some(fault) = self.armed.filter(|fault| fault.point == point) else {
            return;
        };
        // Relaxed: a plain count.
        if self.passes.fetch_add(1, Ordering::Relaxed) < fault.skip {
            return;
        }
        match (point, fault.action) {
            (FaultPoint::Checkpoint, _) => {
                std::thread::spawn(|| {
                    std::thread::sleep(CHECKPOINT_HEAD_START);
                    std::process::abort();
                });
            }
            (_, FaultAction::Abort) => std::process::abort(),
            (_, FaultAction::Pause) => loop {
                std::thread::park();
            },
        }
    }
}

/// Long enough for a checkpoint to have begun writing, too short for it to end.
const CHECKPOINT_HEAD_START: std::time::Duration = std::time::Duration::from_micros(500);
