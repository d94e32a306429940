//! Memory that two processes see: the one file of this workspace that holds `unsafe`.
#![allow(unsafe_code)]

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU32;

use rustix::fs::MemfdFlags;
use rustix::mm::{MapFlags, ProtFlags};

/// A mapping of a memfd. Words are atomic; bytes are only ever copied in and out, so no reference to
/// what another process may write exists.
pub(crate) struct SharedMemory {
    start: NonNull<u8>,
    bytes: usize,
}

impl SharedMemory {
    /// New memory, all zero, and the descriptor by which another process maps it.
    pub(crate) fn create(bytes: usize) -> io::Result<(Self, OwnedFd)> {
        let descriptor = rustix::fs::memfd_create("ipc-peers", MemfdFlags::CLOEXEC)?;
        rustix::fs::ftruncate(&descriptor, bytes as u64)?;
        Ok((Self::map(&descriptor, bytes)?, descriptor))
    }

    /// Maps what another process made; too short a file is refused, for touching what lies beyond
    /// its end would kill the process.
    pub(crate) fn map(descriptor: &impl AsFd, bytes: usize) -> io::Result<Self> {
        let length = rustix::fs::fstat(descriptor)?.st_size;
        if bytes == 0 || u64::try_from(length).is_ok_and(|length| length < bytes as u64) {
            return Err(io::Error::other("the shared memory is too short"));
        }
        // SAFETY: a new mapping at an address of the kernel's choice aliases nothing that Rust knows.
        let start = unsafe {
            rustix::mm::mmap(
                ptr::null_mut(),
                bytes,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                descriptor,
                0,
            )?
        };
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("mapped at 0"))?;
        Ok(Self { start, bytes })
    }

    /// The word at `offset`, for which both processes use atomic operations only.
    pub(crate) fn word(&self, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(size_of::<AtomicU32>()));
        self.check(offset, size_of::<AtomicU32>());
        // SAFETY: in range (checked), aligned (checked; a mapping starts at a page), alive as long
        // as `self`, and never copied to or from: callers keep words and messages apart.
        unsafe { AtomicU32::from_ptr(self.start.as_ptr().add(offset).cast()) }
    }

    /// Copies `message` in. The caller has been told, by an acquiring load, that the other side is
    /// done with this range, and tells it with a releasing store afterwards.
    pub(crate) fn put(&self, offset: usize, message: &[u8]) {
        self.check(offset, message.len());
        // SAFETY: in range (checked) and disjoint from private memory. The positions exclude the
        // other side meanwhile; if they did not, bytes would tear, which the digest finds.
        unsafe {
            ptr::copy_nonoverlapping(
                message.as_ptr(),
                self.start.as_ptr().add(offset),
                message.len(),
            );
        }
    }

    /// Copies a message out, under the same condition as [`Self::put`].
    pub(crate) fn take(&self, offset: usize, into: &mut [u8]) {
        self.check(offset, into.len());
        // SAFETY: as in `put`, with the directions exchanged.
        unsafe {
            ptr::copy_nonoverlapping(
                self.start.as_ptr().add(offset),
                into.as_mut_ptr(),
                into.len(),
            );
        }
    }

    fn check(&self, offset: usize, length: usize) {
        let end = offset.checked_add(length);
        assert!(
            end.is_some_and(|end| end <= self.bytes),
            "outside the shared memory"
        );
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        // SAFETY: this mapping, once; words borrowed from it cannot outlive it. A failure would
        // leave it mapped, which the end of the process repairs.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}

impl fmt::Debug for SharedMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedMemory({} bytes)", self.bytes)
    }
}

// SAFETY: the mapping belongs to the process and not to a thread, so another thread may own it.
unsafe impl Send for SharedMemory {}
// SAFETY: through a shared reference there are atomic words, and copies whose ranges the positions
// give to one side at a time, for threads as for processes.
unsafe impl Sync for SharedMemory {}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn two_mappings_of_one_descriptor_are_the_same_memory() {
        let (one, descriptor) = SharedMemory::create(4096).unwrap();
        let other = SharedMemory::map(&descriptor, 4096).unwrap();
        one.put(100, b"hello");
        one.word(0).store(7, Ordering::Release);
        let mut seen = [0; 5];
        other.take(100, &mut seen);
        assert_eq!(&seen, b"hello");
        assert_eq!(other.word(0).load(Ordering::Acquire), 7);
    }

    #[test]
    fn memory_shorter_than_said_is_refused() {
        let (_, descriptor) = SharedMemory::create(4096).unwrap();
        assert!(SharedMemory::map(&descriptor, 8192).is_err());
    }

    #[test]
    #[should_panic(expected = "outside the shared memory")]
    fn a_copy_beyond_the_end_is_refused() {
        let (memory, _descriptor) = SharedMemory::create(4096).unwrap();
        memory.put(4095, b"ab");
    }
}
