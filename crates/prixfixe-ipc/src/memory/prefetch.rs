//! Asking for cache lines ahead of their use.
//!
//! What a peer has just written stands in the cache of its processor, and each line that is needed from there
//! takes as long as some two hundred instructions. Lines that are asked for together come together.
//!
//! A prefetch neither reads nor writes as far as the program can see, and has no effect but on time.

#![cfg_attr(
    not(all(target_arch = "x86_64", not(miri))),
    expect(
        unused_variables,
        dead_code,
        reason = "elsewhere the processor is left to itself"
    )
)]

use std::sync::atomic::AtomicU64;

/// Octets in a cache line.
const LINE: usize = 64;

/// Asks for the lines of the `len` octets from `start` on, to be read.
#[inline]
pub(super) fn to_read(start: *const AtomicU64, len: usize) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    for offset in (0..len).step_by(LINE) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: SSE belongs to every x86-64. Nothing is accessed, and an address that is not mapped is
        // passed over.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_byte_add(offset).cast()) }
    }
}

/// Asks for the lines of the `len` octets from `start` on, to be written: the other processors give them up.
#[inline]
pub(super) fn to_write(start: *const AtomicU64, len: usize) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    for offset in (0..len).step_by(LINE) {
        let line = start.wrapping_byte_add(offset);
        // SAFETY: as above. Since 2006 every x86-64 decodes the instruction; one that lacks it does nothing.
        unsafe {
            std::arch::asm!("prefetchw [{}]", in(reg) line, options(nostack, preserves_flags, readonly));
        }
    }
}
