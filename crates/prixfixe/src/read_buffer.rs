//! Buffers for reading, lent to a connection only while it has something to read.

use std::cell::RefCell;

/// Octets of a read buffer: a few ordinary messages fit, and so does the first-level cache.
pub const READ_BUFFER: usize = 32 << 10;

/// Free buffers kept per thread: as many as connections of one thread are commonly in the middle
/// of a body. 16 of them hold 512 KiB.
const FREE_MAX: usize = 16;

thread_local! {
    /// A cache and nothing else: a buffer has no owner and no settings.
    static FREE: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// Takes a buffer of [`READ_BUFFER`] octets; what is in it is left over from before.
pub(crate) fn take() -> Box<[u8]> {
    FREE.with_borrow_mut(Vec::pop)
        .unwrap_or_else(|| vec![0; READ_BUFFER].into_boxed_slice())
}

/// Gives a buffer back.
pub(crate) fn give_back(buffer: Box<[u8]>) {
    FREE.with_borrow_mut(|free| {
        if free.len() < FREE_MAX {
            free.push(buffer);
        }
    });
}
