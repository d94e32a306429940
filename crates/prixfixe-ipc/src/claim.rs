//! Who may still change his mind: the server takes a call, or its client takes it back, never both
//! without the client knowing.
//!
//! The server publishes the number of the call it takes and then looks whether it was taken back; the
//! client marks it as taken back and then looks whether it was taken. A fence between the two on
//! either side makes sure that at least one of them sees the other. Hence a client that finds the
//! call not taken may say for certain that it was not and will not be executed.

use crate::memory::{OwnWord, PeerWord};
use crate::sync::{Ordering, fence};

/// Whether a call that ended without an answer may have been executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Executed {
    /// Certainly not, and it never will be: it can be sent again.
    No,
    /// It may have been, or may be yet: only what may happen twice can be sent again.
    Maybe,
}

/// The bit of a cancel word that takes a call back.
pub(crate) const CANCELLED: u64 = 1;

/// The server's half.
pub(crate) struct Taker {
    taken: OwnWord,
}

impl Taker {
    pub(crate) fn new(taken: OwnWord) -> Self {
        Self { taken }
    }

    /// Takes call `id`, unless `read_cancel_word` then shows that it was taken back. Returns whether
    /// it is to be executed.
    pub(crate) fn take(&self, id: u64, read_cancel_word: impl FnOnce() -> u64) -> bool {
        // Release: a client that sees this call taken also sees the replies published before.
        self.taken.set(id, Ordering::Release);
        // SeqCst: our claim before our look at the cancel word, against the client's fence.
        fence(Ordering::SeqCst);
        read_cancel_word() & CANCELLED == 0
    }

    /// Counts call `id` among those that were taken, though it was not and will not be: its client has
    /// been told. To be called before the place of its record can be used again.
    pub(crate) fn pass(&self, id: u64) {
        // Release: a client that sees this also sees what it was told.
        self.taken.set(id, Ordering::Release);
    }
}

/// The client's half.
pub(crate) struct Canceller {
    taken: PeerWord,
}

impl Canceller {
    pub(crate) fn new(taken: PeerWord) -> Self {
        Self { taken }
    }

    /// Takes call `id` back if it was not taken yet. `cancel_word` is the word in its record and its
    /// first value; it is asked for only while the record must still stand, since one that was taken
    /// may have been overwritten.
    pub(crate) fn cancel(&self, id: u64, cancel_word: impl FnOnce() -> (OwnWord, u64)) -> Executed {
        if self.was_taken(id) {
            return Executed::Maybe;
        }
        let (word, value) = cancel_word();
        // Relaxed: the fence orders it.
        word.set(value | CANCELLED, Ordering::Relaxed);
        // SeqCst: our mark before our look at what was taken, against the server's fence.
        fence(Ordering::SeqCst);
        if self.was_taken(id) {
            Executed::Maybe
        } else {
            Executed::No
        }
    }

    fn was_taken(&self, id: u64) -> bool {
        // Acquire: with the release of `take`, replies published before are seen by who asks next.
        self.taken.read(Ordering::Acquire) >= id
    }
}
