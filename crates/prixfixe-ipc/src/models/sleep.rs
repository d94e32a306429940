//! The kernel's two ways to sleep, as far as their callers may rely on them.

use loom::sync::{Condvar, Mutex};

use crate::memory::PeerWord;
use crate::sync::Ordering;

/// A futex: sleeping and comparing is one step, as is waking, and a wake that meets nobody is lost.
pub(super) struct Futex {
    /// How many sleep.
    queue: Mutex<u32>,
    woken: Condvar,
}

impl Futex {
    pub(super) fn new() -> Self {
        Self {
            queue: Mutex::new(0),
            woken: Condvar::new(),
        }
    }

    /// Sleeps if `word` still has the value `seen`.
    pub(super) fn wait(&self, word: &PeerWord, seen: u64) {
        let mut queue = self.queue.lock().unwrap();
        if word.read(Ordering::Relaxed) == seen {
            *queue += 1;
            drop(self.woken.wait(queue).unwrap());
        }
    }

    /// True when somebody slept, who is woken.
    pub(super) fn wake(&self) -> bool {
        let mut queue = self.queue.lock().unwrap();
        let sleeps = *queue > 0;
        if sleeps {
            *queue -= 1;
            self.woken.notify_one();
        }
        sleeps
    }
}

/// An eventfd in a poller that reports edges: a ring is remembered until the next wait.
pub(super) struct Doorbell {
    rings: Mutex<u32>,
    rung: Condvar,
}

impl Doorbell {
    pub(super) fn new() -> Self {
        Self {
            rings: Mutex::new(0),
            rung: Condvar::new(),
        }
    }

    /// Sleeps until there was a ring since the last wait.
    pub(super) fn wait(&self) {
        let mut rings = self.rings.lock().unwrap();
        while *rings == 0 {
            rings = self.rung.wait(rings).unwrap();
        }
        *rings = 0;
    }

    pub(super) fn ring(&self) {
        *self.rings.lock().unwrap() += 1;
        self.rung.notify_one();
    }
}
