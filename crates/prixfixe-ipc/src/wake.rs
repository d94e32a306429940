//! Who sleeps and who wakes.
//!
//! A sleeper announces itself, looks once more for work, and only then sleeps; a producer publishes
//! its work and only then looks whether the other side sleeps. Between the writing and the looking
//! of each stands a sequentially consistent fence: without either of them both could look too early,
//! and the sleeper would sleep on work (Dekker's problem; Preshing 2012, the C++ standard's
//! [atomics.fences]).
//!
//! The announcement is a number that only the sleeper writes: odd while it sleeps. The waker
//! remembers which number it has woken, so that nobody is woken twice for one sleep and nobody who is
//! awake is woken at all. It is woken through a futex on the producer's published tail, or through a
//! descriptor; this module does not care.

use crate::memory::{OwnWord, PeerWord};
use crate::sync::{Ordering, fence};

/// The side that sleeps.
pub(crate) struct Sleeper {
    word: OwnWord,
    epoch: u64,
}

impl Sleeper {
    /// A sleeper that is awake.
    pub(crate) fn new(word: OwnWord) -> Self {
        Self { word, epoch: 0 }
    }

    /// Says that it is about to sleep. After this the caller must look for work once more, and may
    /// sleep only if there is none.
    pub(crate) fn announce(&mut self) {
        self.epoch |= 1;
        // Relaxed: the fence orders it.
        self.word.set(self.epoch, Ordering::Relaxed);
        // SeqCst: the announcement before our look for work, against the waker's fence.
        fence(Ordering::SeqCst);
    }

    /// Says that it is awake, which the other side may learn late.
    pub(crate) fn withdraw(&mut self) {
        if self.epoch & 1 == 0 {
            return;
        }
        self.epoch += 1;
        // Relaxed: who reads the old value wakes somebody who is awake, which does no harm.
        self.word.set(self.epoch, Ordering::Relaxed);
    }
}

/// The side that has work for a sleeper.
pub(crate) struct Waker {
    word: PeerWord,
    woken: u64,
}

impl Waker {
    pub(crate) fn new(word: PeerWord) -> Self {
        Self { word, woken: 0 }
    }

    /// Whether the other side sleeps and was not woken from this sleep yet: the caller must wake it
    /// now. To be asked after work was published.
    pub(crate) fn must_wake(&mut self) -> bool {
        // SeqCst: our work before our look at the sleeper, against the sleeper's fence.
        fence(Ordering::SeqCst);
        self.must_wake_fenced()
    }

    /// The same for a caller that has fenced since it published.
    pub(crate) fn must_wake_fenced(&mut self) -> bool {
        // Relaxed: the fence orders it, and it leads to no other memory.
        let epoch = self.word.read(Ordering::Relaxed);
        if epoch & 1 == 0 || epoch == self.woken {
            return false;
        }
        self.woken = epoch;
        true
    }

    /// Wakes by a means that remembers no wake that came before the sleep, as a futex does not:
    /// `wake` says whether somebody slept there. True when somebody did.
    ///
    /// A wake may come late: for work that the other side has found by itself, and after which it has
    /// announced its next sleep. If it meets nobody, that sleep was not ended by it, and the next
    /// work must wake from the same sleep.
    pub(crate) fn wake_queued(&mut self, wake: impl FnOnce() -> bool) -> bool {
        if !self.must_wake() {
            return false;
        }
        let woken = wake();
        if !woken {
            self.forget();
        }
        woken
    }

    /// Forgets what was woken, for a caller that has waited so long that it doubts the wake.
    pub(crate) fn forget(&mut self) {
        self.woken = 0;
    }
}

/// The waking side of threads that share what they have woken: whoever comes first wakes, for all.
#[cfg(not(loom))]
pub(crate) struct SharedWaker {
    word: PeerWord,
    woken: std::sync::atomic::AtomicU64,
}

#[cfg(not(loom))]
impl SharedWaker {
    pub(crate) fn new(word: PeerWord) -> Self {
        Self {
            word,
            woken: std::sync::atomic::AtomicU64::new(0),
        }
    }

    /// As [`Waker::must_wake`]. One of the callers that see the same sleep is told to end it; the work
    /// of the others is found then, for the sleeper looks at all work before it sleeps again.
    pub(crate) fn must_wake(&self) -> bool {
        // SeqCst: our work before our look at the sleeper, against the sleeper's fence.
        fence(Ordering::SeqCst);
        // Relaxed: the fence orders it, and it leads to no other memory.
        let epoch = self.word.read(Ordering::Relaxed);
        // Relaxed, here and below: which of us wakes is all that the word decides.
        epoch & 1 == 1
            && self.woken.load(Ordering::Relaxed) != epoch
            && self.woken.swap(epoch, Ordering::Relaxed) != epoch
    }

    /// As [`Waker::forget`].
    pub(crate) fn forget(&self) {
        // Relaxed: as above.
        self.woken.store(0, Ordering::Relaxed);
    }
}
