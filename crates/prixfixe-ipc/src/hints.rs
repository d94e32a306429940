//! One bit per channel that says "look here first".
//!
//! Every process of a trust domain can write them, so they are worth no more than a hint: a bit that
//! is set for nothing costs one look, and one that was cleared by somebody else costs the time until
//! the server looks at all channels, which it does before it sleeps and every so often.

use crate::memory::{Region, WORD};
use crate::sync::{Ordering, fence};

/// Bits in a word.
const BITS: usize = 64;

/// A client's bit.
pub(crate) struct Hint {
    word: Region,
    mask: u64,
}

impl Hint {
    /// Bit `index` of `bits`.
    pub(crate) fn at(bits: &Region, index: usize) -> Self {
        Self {
            word: bits.part(index / BITS * WORD, WORD),
            mask: 1 << (index % BITS),
        }
    }

    /// Sets the bit. The caller has published its work and fenced since.
    pub(crate) fn set(&self) {
        let word = self.word.word(0);
        // Relaxed: the caller's fence stands between its work and this look, the reader's between its
        // clearing and its look at the work; so either the reader sees the work or we see a zero.
        if word.load(Ordering::Relaxed) & self.mask == 0 {
            // Relaxed: the fences see to it, too, that who takes the bit sees the work.
            word.fetch_or(self.mask, Ordering::Relaxed);
        }
    }
}

/// The server's view of all bits of a domain.
pub(crate) struct Hints {
    words: Region,
}

impl Hints {
    pub(crate) fn new(words: Region) -> Self {
        Self { words }
    }

    /// Octets that `channels` bits take up.
    pub(crate) const fn octets(channels: usize) -> usize {
        channels.div_ceil(BITS) * WORD
    }

    /// Words that hold the first `channels` bits, as far as there are any.
    fn count(&self, channels: usize) -> usize {
        channels.div_ceil(BITS).min(self.words.len() / WORD)
    }

    /// Whether any bit of the first `channels` is set: loads, and no promise.
    pub(crate) fn any(&self, channels: usize) -> bool {
        // Relaxed: only a hint.
        (0..self.count(channels))
            .any(|index| self.words.word(index * WORD).load(Ordering::Relaxed) != 0)
    }

    /// Takes all bits of the first `channels` and names each that was set.
    pub(crate) fn take(&self, channels: usize, mut found: impl FnMut(usize)) {
        for index in 0..self.count(channels) {
            let word = self.words.word(index * WORD);
            // Relaxed: only to spare the exchange; what is missed here is found at the next look.
            if word.load(Ordering::Relaxed) == 0 {
                continue;
            }
            // Relaxed: the fence orders it.
            let mut bits = word.swap(0, Ordering::Relaxed);
            // SeqCst: our clearing before our look at the work, against the client's fence.
            fence(Ordering::SeqCst);
            while bits != 0 {
                found(index * BITS + bits.trailing_zeros() as usize);
                bits &= bits - 1;
            }
        }
    }
}
