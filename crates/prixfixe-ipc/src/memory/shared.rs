//! Memory that several processes map.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::{WORD, copy, prefetch, whole_words};
use crate::sys::Mapping;

/// A range of a mapping. Clones share the mapping, which lives as long as any of them.
#[derive(Clone)]
pub(crate) struct Region {
    start: NonNull<AtomicU64>,
    len: usize,
    /// Keeps the memory mapped.
    mapping: Arc<Mapping>,
}

/// One word of a mapping, whose place was checked when it was made. Clones share the mapping.
#[derive(Clone)]
pub(crate) struct SharedWord {
    place: NonNull<AtomicU64>,
    /// Keeps the memory mapped.
    _mapping: Arc<Mapping>,
}

// SAFETY: the memory is only reached through atomics, which are sound from any number of threads at
// once; the pointer itself is never changed.
unsafe impl Send for SharedWord {}
// SAFETY: as above.
unsafe impl Sync for SharedWord {}

impl SharedWord {
    #[inline]
    pub(crate) fn get(&self) -> &AtomicU64 {
        // SAFETY: the place was found aligned and within the mapping, which is alive as long as `self`
        // and cannot shrink; as in `Region::word`.
        unsafe { self.place.as_ref() }
    }

    /// The less significant half of the word, as the address of a futex. Nobody loads or stores through it.
    pub(crate) fn low_half(&self) -> &AtomicU32 {
        let half = if cfg!(target_endian = "big") { 4 } else { 0 };
        // SAFETY: as in `get`; a half of an aligned word is aligned for its own size.
        unsafe { self.place.cast::<AtomicU32>().byte_add(half).as_ref() }
    }
}

// SAFETY: the memory is only reached through atomics and the copies of `copy`, which are sound from
// any number of threads at once; the pointer itself is never changed.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// All of `mapping`.
    pub(crate) fn new(mapping: Mapping) -> Self {
        Self {
            start: mapping.base().cast(),
            len: mapping.len(),
            mapping: Arc::new(mapping),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The `len` octets from `offset` on.
    ///
    /// # Panics
    /// When they do not lie within the region or do not start at a word: the places are ours, from
    /// the layout, and never come from a peer.
    pub(crate) fn part(&self, offset: usize, len: usize) -> Self {
        assert!(
            offset.is_multiple_of(WORD) && offset <= self.len && len <= self.len - offset,
            "a part outside its region"
        );
        Self {
            // SAFETY: `offset` lies within the mapping, as was just checked.
            start: unsafe { self.start.byte_add(offset) },
            len,
            mapping: Arc::clone(&self.mapping),
        }
    }

    /// The word at `offset`, to be kept.
    ///
    /// # Panics
    /// As [`Region::part`].
    pub(crate) fn shared_word(&self, offset: usize) -> SharedWord {
        let word = self.part(offset, WORD);
        SharedWord {
            place: word.start,
            _mapping: word.mapping,
        }
    }

    /// The word at `offset`.
    #[inline]
    pub(crate) fn word(&self, offset: usize) -> &AtomicU64 {
        self.check(offset, WORD);
        // SAFETY: the word lies within the mapping and is aligned, both just checked; the mapping is
        // alive as long as `self`, cannot shrink, and memory shared with other processes may be
        // referred to as an atomic, since atomics expect to change at any time.
        unsafe { self.start.byte_add(offset).as_ref() }
    }

    /// Writes a record at `offset`: the word `frame`, then `header`, then `payload`. The octets up to the
    /// next word are zeroed, so that nothing of what stood there before reaches the peer.
    #[inline]
    pub(crate) fn write_record<const N: usize>(
        &self,
        offset: usize,
        frame: u64,
        header: &[u64; N],
        payload: &[u8],
    ) {
        let before_payload = (1 + N) * WORD;
        self.check(offset, before_payload + whole_words(payload.len()));
        let write = |index: usize, word: u64| {
            // SAFETY: all the words lie within the mapping, as was just checked; as in `word`.
            let place = unsafe { self.start.byte_add(offset + index * WORD).as_ref() };
            // Relaxed: the position published after them orders them.
            place.store(word, Ordering::Relaxed);
        };
        write(0, frame);
        for (index, word) in header.iter().enumerate() {
            write(1 + index, *word);
        }
        // SAFETY: so do the words of the payload.
        unsafe { copy::into_shared(self.start.byte_add(offset + before_payload), payload) }
    }

    /// Writes `words` from `offset` on, ordered by whatever publishes them.
    #[inline]
    pub(crate) fn write_words<const N: usize>(&self, offset: usize, words: &[u64; N]) {
        self.check(offset, N * WORD);
        for (index, word) in words.iter().enumerate() {
            // SAFETY: all the words lie within the mapping, as was just checked; as in `word`.
            let place = unsafe { self.start.byte_add(offset + index * WORD).as_ref() };
            // Relaxed: the position published after them orders them.
            place.store(*word, Ordering::Relaxed);
        }
    }

    /// The `N` words from `offset` on, each read once.
    #[inline]
    pub(crate) fn read_words<const N: usize>(&self, offset: usize) -> [u64; N] {
        self.check(offset, N * WORD);
        std::array::from_fn(|index| {
            // SAFETY: all the words lie within the mapping, as was just checked; as in `word`.
            let place = unsafe { self.start.byte_add(offset + index * WORD).as_ref() };
            // Relaxed: the position that was read before, with acquire, orders them.
            place.load(Ordering::Relaxed)
        })
    }

    /// Copies the octets from `offset`, a multiple of [`WORD`], to `bytes`.
    #[inline]
    pub(crate) fn copy_out(&self, offset: usize, bytes: &mut [u8]) {
        self.check(offset, whole_words(bytes.len()));
        // SAFETY: the words read lie within the mapping, as was just checked.
        unsafe { copy::out_of_shared(self.start.byte_add(offset), bytes) }
    }

    /// Asks for the `len` octets from `offset` on, which are about to be read.
    #[inline]
    pub(crate) fn prefetch(&self, offset: usize, len: usize) {
        debug_assert!(offset + len <= self.len);
        prefetch::to_read(self.start.as_ptr().wrapping_byte_add(offset), len);
    }

    /// Asks for the `len` octets from `offset` on, which are about to be written.
    #[inline]
    pub(crate) fn prefetch_to_write(&self, offset: usize, len: usize) {
        debug_assert!(offset + len <= self.len);
        prefetch::to_write(self.start.as_ptr().wrapping_byte_add(offset), len);
    }

    /// Gives the memory of the whole pages among the `len` octets from `offset` on back to the system. They
    /// read as zeros then, until they are written again.
    pub(crate) fn give_back(&self, offset: usize, len: usize) {
        assert!(
            offset <= self.len && len <= self.len - offset,
            "a range outside its region"
        );
        let before = self.start.addr().get() - self.mapping.base().addr().get();
        self.mapping.give_back(before + offset, len);
    }

    #[inline]
    fn check(&self, offset: usize, len: usize) {
        assert!(
            offset.is_multiple_of(WORD) && offset <= self.len && len <= self.len - offset,
            "an access outside its region"
        );
    }
}
