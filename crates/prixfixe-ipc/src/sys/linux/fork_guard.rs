//! Telling a process from its forked child.

use std::ffi::c_void;
use std::io;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::mm::{Advice, MapFlags, ProtFlags};

/// Tells whether this process is the one that made the guard, or a forked child of it, for the cost
/// of a load: the kernel zeroes the guard's page in every child.
///
/// A process id would need a system call for each look, and a child in a new namespace may have the
/// same number.
pub(crate) struct ForkGuard {
    page: NonNull<c_void>,
    len: usize,
}

// SAFETY: the page is only reached through an atomic until the guard is dropped.
unsafe impl Send for ForkGuard {}
// SAFETY: as above.
unsafe impl Sync for ForkGuard {}

impl ForkGuard {
    pub(crate) fn new() -> io::Result<Self> {
        let len = rustix::param::page_size();
        // SAFETY: a new private mapping at an address of the kernel's choice touches nothing.
        let page = unsafe {
            rustix::mm::mmap_anonymous(
                ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        }?;
        let page = NonNull::new(page).ok_or(io::ErrorKind::OutOfMemory)?;
        let guard = Self { page, len };
        // SAFETY: the range is the page just mapped; the advice concerns forks only.
        unsafe { rustix::mm::madvise(page.as_ptr(), len, Advice::LinuxWipeOnFork) }?;
        // Relaxed: whoever gets a reference to the guard got it after this store.
        guard.word().store(OWNER, Ordering::Relaxed);
        Ok(guard)
    }

    /// Whether this process made the guard.
    #[inline]
    pub(crate) fn is_owner(&self) -> bool {
        // Relaxed: the word changes only by a fork, and a child sees its own page from the start.
        self.word().load(Ordering::Relaxed) == OWNER
    }

    fn word(&self) -> &AtomicU32 {
        // SAFETY: the page is mapped, aligned and zeroed or written by us, as long as the guard lives.
        unsafe { self.page.cast::<AtomicU32>().as_ref() }
    }
}

impl Drop for ForkGuard {
    fn drop(&mut self) {
        // SAFETY: nobody holds a reference into the page any more. A child unmaps its own copy.
        let _ = unsafe { rustix::mm::munmap(self.page.as_ptr(), self.len) };
    }
}

/// Anything but the zero that a child finds.
const OWNER: u32 = 1;

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_forked_child_is_told_from_its_parent() {
        let guard = ForkGuard::new().unwrap();
        assert!(guard.is_owner());
        let mut child = Command::new("true");
        let in_child = move || {
            if guard.is_owner() {
                Err(io::ErrorKind::AlreadyExists.into())
            } else {
                Ok(())
            }
        };
        // SAFETY: the closure loads a word and allocates nothing.
        unsafe { child.pre_exec(in_child) };
        assert!(child.status().unwrap().success());
    }

    #[test]
    fn the_parent_stays_the_owner_after_a_fork() {
        let guard = ForkGuard::new().unwrap();
        let mut child = Command::new("true");
        // SAFETY: the closure does nothing; it is there so that the process is made by `fork`.
        unsafe { child.pre_exec(|| Ok(())) };
        assert!(child.status().unwrap().success());
        assert!(guard.is_owner());
    }
}
