//! Memory that only a model checker's threads share: each word is one of loom's atomics.

use crate::sync::{AtomicU64, Ordering};

use loom::cell::UnsafeCell;
use loom::sync::Arc;

use super::WORD;

/// What it is outside a model, word for word.
#[derive(Clone)]
pub(crate) struct SharedWord {
    word: Region,
}

impl SharedWord {
    pub(crate) fn get(&self) -> &AtomicU64 {
        self.word.word(0)
    }
}

/// As above.
#[derive(Clone)]
pub(crate) struct Region {
    words: Arc<Vec<Word>>,
    first: usize,
    len: usize,
}

struct Word {
    value: AtomicU64,
    /// Touched by every reading and writing of several words, so that the checker notices two that
    /// nothing puts in order. By the values alone it would not: it never lets a load see a store that
    /// comes later.
    copied: UnsafeCell<()>,
}

impl Region {
    /// `len` octets of zeros.
    pub(crate) fn zeroed(len: usize) -> Self {
        let zero = |_| Word {
            value: AtomicU64::new(0),
            copied: UnsafeCell::new(()),
        };
        Self {
            words: Arc::new((0..len / WORD).map(zero).collect()),
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

    /// Does nothing: a prefetch is not seen in what is read.
    pub(crate) fn prefetch(&self, offset: usize, len: usize) {
        assert!(offset + len <= self.len);
    }

    /// As above.
    pub(crate) fn prefetch_to_write(&self, offset: usize, len: usize) {
        assert!(offset + len <= self.len);
    }

    pub(crate) fn shared_word(&self, offset: usize) -> SharedWord {
        SharedWord {
            word: self.part(offset, WORD),
        }
    }

    pub(crate) fn word(&self, offset: usize) -> &AtomicU64 {
        &self.place(offset).value
    }

    pub(crate) fn write_record<const N: usize>(
        &self,
        offset: usize,
        frame: u64,
        header: &[u64; N],
        payload: &[u8],
    ) {
        self.write_words(offset, &[frame]);
        self.write_words(offset + WORD, header);
        self.copy_in(offset + (1 + N) * WORD, payload);
    }

    pub(crate) fn write_words<const N: usize>(&self, offset: usize, words: &[u64; N]) {
        for (index, word) in words.iter().enumerate() {
            let place = self.place(offset + index * WORD);
            place.copied.with_mut(|_| ());
            place.value.store(*word, Ordering::Relaxed);
        }
    }

    pub(crate) fn read_words<const N: usize>(&self, offset: usize) -> [u64; N] {
        std::array::from_fn(|index| {
            let place = self.place(offset + index * WORD);
            place.copied.with(|_| ());
            place.value.load(Ordering::Relaxed)
        })
    }

    pub(crate) fn copy_in(&self, offset: usize, bytes: &[u8]) {
        for (index, chunk) in bytes.chunks(WORD).enumerate() {
            let mut word = [0; WORD];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_words(offset + index * WORD, &[u64::from_ne_bytes(word)]);
        }
    }

    pub(crate) fn copy_out(&self, offset: usize, bytes: &mut [u8]) {
        for (index, chunk) in bytes.chunks_mut(WORD).enumerate() {
            let [word] = self.read_words(offset + index * WORD);
            chunk.copy_from_slice(&word.to_ne_bytes()[..chunk.len()]);
        }
    }

    /// Nobody may be reading there, as when it is written.
    pub(crate) fn give_back(&self, offset: usize, len: usize) {
        for place in (offset..offset + len).step_by(WORD) {
            self.write_words(place, &[0]);
        }
    }

    fn place(&self, offset: usize) -> &Word {
        assert!(offset.is_multiple_of(WORD) && offset + WORD <= self.len);
        &self.words[self.first + offset / WORD]
    }
}
