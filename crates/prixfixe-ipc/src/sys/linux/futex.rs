//! Sleeping on a word of shared memory.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use rustix::io::Errno;
use rustix::thread::futex::{self, Flags};
use rustix::time::Timespec;

/// Why a sleep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitResult {
    /// Somebody woke us, the word had another value, or a signal came: look again.
    WokenOrChanged,
    /// The time is over.
    TimedOut,
}

/// Sleeps while `word` is `expected`, until [`wake`] or for `timeout`. May return early, and at once
/// when the word cannot be slept on, so the caller always looks at its condition again.
///
/// The word may lie in memory that several processes map, at different addresses, and that this one
/// may only read. The kernel compares and queues in one step, so no wake after a change is missed.
pub(crate) fn wait_on(word: &AtomicU32, expected: u32, timeout: Option<Duration>) -> WaitResult {
    // A timeout beyond what the kernel can count is as good as none.
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    // Without the private flag: the peer that wakes us is another process.
    match futex::wait(word, Flags::empty(), expected, timeout.as_ref()) {
        Err(Errno::TIMEDOUT) => WaitResult::TimedOut,
        _ => WaitResult::WokenOrChanged,
    }
}

/// Wakes one of those who sleep on `word`, in whichever process. The word must have been changed
/// before, or a sleeper about to sleep is missed.
pub(crate) fn wake(word: &AtomicU32) {
    // It can only fail when the word cannot be slept on, and then nobody sleeps there.
    let _ = futex::wake(word, Flags::empty(), ONE);
}

/// Each word has one sleeper at most.
const ONE: u32 = 1;
