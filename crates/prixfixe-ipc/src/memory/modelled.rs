//! Memory that only a model checker's threads share: each word is one of loom's atomics.

use crate::sync::{AtomicU64, Ordering};

use loom::sync::Arc;

use super::WORD;

/// What [`super::Region`] is outside a model, word for word.
#[derive(Clone)]
pub(crate) struct Region {
    words: Arc<Vec<AtomicU64>>,
    first: usize,
    len: usize,
}

impl Region {
    /// `len` octets of zeros.
    pub(crate) fn zeroed(len: usize) -> Self {
        let words = (0..len / WORD).map(|_| AtomicU64::new(0)).collect();
        Self {
            words: Arc::new(words),
            first: 0,
            len,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn part(&self, offset: usize, len: usize) -> Self {
        assert!(offset.is_multiple_of(WORD) && offset + len <= self.len);
        Self {
            words: Arc::clone(&self.words),
            first: self.first + offset / WORD,
            len,
        }
    }

    pub(crate) fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(WORD) && offset + WORD <= self.len);
        &self.words[self.first + offset / WORD]
    }

    pub(crate) fn write_words(&self, offset: usize, words: &[u64]) {
        for (index, word) in words.iter().enumerate() {
            self.word(offset + index * WORD)
                .store(*word, Ordering::Relaxed);
        }
    }

    pub(crate) fn read_words<const N: usize>(&self, offset: usize) -> [u64; N] {
        std::array::from_fn(|index| self.word(offset + index * WORD).load(Ordering::Relaxed))
    }

    pub(crate) fn copy_in(&self, offset: usize, bytes: &[u8]) {
        for (index, chunk) in bytes.chunks(WORD).enumerate() {
            let mut word = [0; WORD];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(offset + index * WORD)
                .store(u64::from_ne_bytes(word), Ordering::Relaxed);
        }
    }

    pub(crate) fn copy_out(&self, offset: usize, bytes: &mut [u8]) {
        for (index, chunk) in bytes.chunks_mut(WORD).enumerate() {
            let word = self.word(offset + index * WORD).load(Ordering::Relaxed);
            chunk.copy_from_slice(&word.to_ne_bytes()[..chunk.len()]);
        }
    }
}
