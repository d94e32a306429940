//! Copies between private memory and memory that a peer may write meanwhile.
//!
//! A plain copy would be a data race, hence undefined. These are sequences of relaxed atomic words,
//! or, where it pays, assembly that the compiler takes for an unknown function: it may do what any
//! sequence of such words may do, and nothing can be assumed of the bytes it reads. Bytes copied
//! while the peer writes them come out torn, never unsafe.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use super::WORD;

/// Octets that the assembly moves in one turn: a cache line.
const BLOCK: usize = 64;

/// Copies `bytes` to `to` and zeroes the rest of the last word.
///
/// # Safety
/// `to` is aligned to a word, and as many words as `bytes` need may be written there.
#[inline]
pub(super) unsafe fn into_shared(to: NonNull<AtomicU64>, bytes: &[u8]) {
    let (blocks, behind_blocks) = bytes.as_chunks::<BLOCK>();
    // SAFETY: the whole blocks lie within `bytes` and, by the caller's promise, within `to`.
    unsafe { copy_blocks(to.as_ptr().cast(), bytes.as_ptr(), blocks.len()) };
    let (words, rest) = behind_blocks.as_chunks::<WORD>();
    let store = |index: usize, word: [u8; WORD]| {
        // SAFETY: this word is one of those that the bytes need, and it is aligned.
        let place = unsafe { to.byte_add(blocks.len() * BLOCK + index * WORD).as_ref() };
        // Relaxed: a copy orders nothing; the position published after it does.
        place.store(u64::from_ne_bytes(word), Ordering::Relaxed);
    };
    for (index, word) in words.iter().enumerate() {
        store(index, *word);
    }
    if !rest.is_empty() {
        let mut word = [0; WORD];
        word[..rest.len()].copy_from_slice(rest);
        store(words.len(), word);
    }
}

/// Copies what stands from `from` on to `bytes`.
///
/// # Safety
/// `from` is aligned to a word, and as many words as `bytes` need may be read there.
#[inline]
pub(super) unsafe fn out_of_shared(from: NonNull<AtomicU64>, bytes: &mut [u8]) {
    let (blocks, behind_blocks) = bytes.as_chunks_mut::<BLOCK>();
    let start = from.as_ptr().cast_const().cast();
    // SAFETY: the whole blocks lie within `bytes` and, by the caller's promise, within `from`.
    unsafe { copy_blocks(blocks.as_mut_ptr().cast(), start, blocks.len()) };
    let (words, rest) = behind_blocks.as_chunks_mut::<WORD>();
    let load = |index: usize| {
        // SAFETY: this word is one of those that the bytes need, and it is aligned.
        let place = unsafe { from.byte_add(blocks.len() * BLOCK + index * WORD).as_ref() };
        // Relaxed: the position read before, with acquire, orders the copy after the writing.
        place.load(Ordering::Relaxed).to_ne_bytes()
    };
    let behind_words = words.len();
    for (index, word) in words.iter_mut().enumerate() {
        *word = load(index);
    }
    if !rest.is_empty() {
        rest.copy_from_slice(&load(behind_words)[..rest.len()]);
    }
}

/// Copies `blocks` blocks.
///
/// # Safety
/// `from` may be read and `to` written for that many blocks. One of the two may be written by other
/// processes meanwhile; the other is ours alone.
#[cfg(all(target_arch = "x86_64", not(miri), not(prixfixe_sanitizer)))]
#[inline]
unsafe fn copy_blocks(to: *mut u8, from: *const u8, blocks: usize) {
    if blocks == 0 {
        return;
    }
    // SAFETY: by the caller's promise the loop stays within both ranges: it runs `blocks` times, at
    // least once. SSE2 belongs to every x86-64; the flags and the four registers are declared.
    unsafe {
        std::arch::asm!(
            "2:",
            "movdqu {a}, [{from}]",
            "movdqu {b}, [{from} + 16]",
            "movdqu {c}, [{from} + 32]",
            "movdqu {d}, [{from} + 48]",
            "movdqu [{to}], {a}",
            "movdqu [{to} + 16], {b}",
            "movdqu [{to} + 32], {c}",
            "movdqu [{to} + 48], {d}",
            "add {from}, 64",
            "add {to}, 64",
            "dec {blocks}",
            "jnz 2b",
            from = inout(reg) from => _,
            to = inout(reg) to => _,
            blocks = inout(reg) blocks => _,
            a = out(xmm_reg) _,
            b = out(xmm_reg) _,
            c = out(xmm_reg) _,
            d = out(xmm_reg) _,
            options(nostack),
        );
    }
}

/// Copies `blocks` blocks, word by word: both sides as atomics, so that it does not matter here
/// which of them is shared.
///
/// # Safety
/// As above.
#[cfg(not(all(target_arch = "x86_64", not(miri), not(prixfixe_sanitizer))))]
unsafe fn copy_blocks(to: *mut u8, from: *const u8, blocks: usize) {
    for offset in (0..blocks * BLOCK).step_by(WORD) {
        // SAFETY: the word lies within both ranges. Only the shared one is sure to be aligned, and a
        // private word that is not aligned cannot be an atomic: see `load` and `store`.
        unsafe { store(to.add(offset), load(from.add(offset))) };
    }
}

/// # Safety
/// The word may be read; if it is shared, it is aligned.
#[cfg(not(all(target_arch = "x86_64", not(miri), not(prixfixe_sanitizer))))]
unsafe fn load(word: *const u8) -> u64 {
    if word.addr().is_multiple_of(WORD) {
        // SAFETY: aligned, and readable by the caller's promise.
        unsafe { &*word.cast::<AtomicU64>() }.load(Ordering::Relaxed)
    } else {
        // SAFETY: not aligned, so private by the caller's promise.
        unsafe { word.cast::<u64>().read_unaligned() }
    }
}

/// # Safety
/// The word may be written; if it is shared, it is aligned.
#[cfg(not(all(target_arch = "x86_64", not(miri), not(prixfixe_sanitizer))))]
unsafe fn store(word: *mut u8, value: u64) {
    if word.addr().is_multiple_of(WORD) {
        // SAFETY: aligned, and writable by the caller's promise.
        unsafe { &*word.cast::<AtomicU64>() }.store(value, Ordering::Relaxed);
    } else {
        // SAFETY: not aligned, so private by the caller's promise.
        unsafe { word.cast::<u64>().write_unaligned(value) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_and_alignment_arrives_and_nothing_beyond_it_is_touched() {
        let source: Vec<u8> = (0..400_u32).map(|byte| (byte % 251) as u8 + 1).collect();
        for length in (0..=140).chain([255, 256, 300]) {
            for skew in 0..9 {
                let words: Vec<AtomicU64> = (0..50).map(|_| AtomicU64::new(u64::MAX)).collect();
                let base = NonNull::from(&words[0]);
                let bytes = &source[skew..skew + length];
                // SAFETY: the 50 words hold 400 octets, more than any length here.
                unsafe { into_shared(base, bytes) };
                let mut back = vec![0; length + skew];
                // SAFETY: as above.
                unsafe { out_of_shared(base, &mut back[skew..]) };
                assert_eq!(&back[skew..], bytes, "length {length}, skew {skew}");
                let after = length.div_ceil(WORD);
                assert_eq!(words[after].load(Ordering::Relaxed), u64::MAX);
                if !length.is_multiple_of(WORD) {
                    let last = words[after - 1].load(Ordering::Relaxed).to_ne_bytes();
                    assert!(last[length % WORD..].iter().all(|byte| *byte == 0));
                }
            }
        }
    }
}
