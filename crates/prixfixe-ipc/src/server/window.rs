//! Who was active of late: how crowded it is.

use crate::spin::Crowd;
use crate::sys;

/// A stretch of so many calls, and the clients that made some of them.
pub(super) struct Window {
    number: u64,
    calls: u32,
    links: usize,
    crowd: Crowd,
    processors: usize,
}

/// Calls after which the clients that made them are counted.
const CALLS: u32 = 256;

impl Window {
    pub(super) fn new() -> Self {
        let processors = sys::processors();
        Self {
            number: 1,
            calls: 0,
            links: 0,
            crowd: Crowd::of(1, processors),
            processors,
        }
    }

    /// As it was in the last window.
    pub(super) fn crowd(&self) -> Crowd {
        self.crowd
    }

    /// Counts a client that had calls served. It remembers the last window in which it had.
    pub(super) fn note(&mut self, active_in: &mut u64) {
        if *active_in != self.number {
            *active_in = self.number;
            self.links += 1;
        }
    }

    /// Counts calls. True when another window begins, and the crowd may be another.
    pub(super) fn count(&mut self, served: u32) -> bool {
        self.calls += served;
        if self.calls < CALLS {
            return false;
        }
        self.crowd = Crowd::of(self.links, self.processors);
        self.number += 1;
        self.calls = 0;
        self.links = 0;
        true
    }
}
