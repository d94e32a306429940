//! The one module that touches memory which another process may write at the same moment.
//!
//! Its rules are the crate's safety argument:
//! 1. Shared memory is only ever read and written as whole, aligned, relaxed-or-stronger atomic
//!    words, or by the copies in [`copy`]. No `&[u8]`, `&mut [u8]` or reference to a plain value ever
//!    points into it, so that no optimiser may assume that it holds still.
//! 2. Every access is checked against the length of the mapping, which cannot shrink: its seals were
//!    checked, or set, by us.
//! 3. A word has one writer. The writer has an [`OwnWord`] and never reads it back; everyone else has
//!    a [`PeerWord`] and treats what it reads as untrusted input, read once.
//!
//! Memory that nobody else can write is no such memory, and stands apart in [`sealed`]: a message that is
//! being made, and one that the kernel lets nobody change any more.

#[cfg(not(loom))]
mod copy;
#[cfg(loom)]
mod modelled;
#[cfg(not(loom))]
mod prefetch;
#[cfg(not(loom))]
mod sealed;
#[cfg(not(loom))]
mod shared;

#[cfg(loom)]
pub(crate) use modelled::{Region, SharedWord};
#[cfg(not(loom))]
pub(crate) use sealed::{DraftBytes, SealedBytes};
#[cfg(not(loom))]
pub(crate) use shared::{Region, SharedWord};

use crate::sync::Ordering;

/// Octets in a word, the unit of every atomic access and the alignment of every record.
pub(crate) const WORD: usize = 8;

/// The octets of as many words as `octets` need, which are fewer than there are addresses.
#[inline]
pub(crate) const fn whole_words(octets: usize) -> usize {
    (octets + (WORD - 1)) & !(WORD - 1)
}

/// A word in shared memory that only we write.
#[derive(Clone)]
pub(crate) struct OwnWord {
    word: SharedWord,
}

impl OwnWord {
    /// The word at `offset`, a multiple of [`WORD`] within `region`.
    pub(crate) fn at(region: &Region, offset: usize) -> Self {
        Self {
            word: region.shared_word(offset),
        }
    }

    #[inline]
    #[cfg_attr(loom, track_caller)]
    pub(crate) fn set(&self, value: u64, ordering: Ordering) {
        self.word.get().store(value, ordering);
    }

    /// The half of the word that changes first, on which the peer sleeps.
    #[cfg(all(not(loom), target_os = "linux"))]
    pub(crate) fn low_half(&self) -> &std::sync::atomic::AtomicU32 {
        self.word.low_half()
    }
}

/// Consecutive words in shared memory that only we write.
#[cfg(not(loom))]
pub(crate) struct OwnWords {
    words: Region,
}

#[cfg(not(loom))]
impl OwnWords {
    /// `count` words from `offset`, a multiple of [`WORD`] within `region`, on.
    pub(crate) fn at(region: &Region, offset: usize, count: usize) -> Self {
        Self {
            words: region.part(offset, count * WORD),
        }
    }

    pub(crate) fn set(&self, index: usize, value: u64, ordering: Ordering) {
        self.words.word(index * WORD).store(value, ordering);
    }

    /// Writes the words from `index` on. Relaxed: figures, each for itself.
    pub(crate) fn set_all<const N: usize>(&self, index: usize, values: &[u64; N]) {
        self.words.write_words(index * WORD, values);
    }
}

/// A word in shared memory that the peer writes: whatever is read from it may be a lie.
#[derive(Clone)]
pub(crate) struct PeerWord {
    word: SharedWord,
}

impl PeerWord {
    /// The word at `offset`, a multiple of [`WORD`] within `region`.
    pub(crate) fn at(region: &Region, offset: usize) -> Self {
        Self {
            word: region.shared_word(offset),
        }
    }

    #[inline]
    #[cfg_attr(loom, track_caller)]
    pub(crate) fn read(&self, ordering: Ordering) -> u64 {
        self.word.get().load(ordering)
    }

    /// The half of the word that changes first, which a sleeper waits on.
    #[cfg(all(not(loom), target_os = "linux"))]
    pub(crate) fn low_half(&self) -> &std::sync::atomic::AtomicU32 {
        self.word.low_half()
    }
}
