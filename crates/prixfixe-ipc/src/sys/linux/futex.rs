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

/// Wakes one of those who sleep on `word`, in whichever process; true when there was one. The word
/// must have been changed before, or a sleeper about to sleep is missed.
pub(crate) fn wake(word: &AtomicU32) -> bool {
    // It can only fail when the word cannot be slept on, and then nobody sleeps there.
    futex::wake(word, Flags::empty(), ONE).is_ok_and(|woken| woken > 0)
}

/// Each word has one sleeper at most.
const ONE: u32 = 1;

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;
    use std::thread;

    use super::*;
    use crate::sys::linux::mapping::{Mapping, Sharing};

    #[test]
    fn a_word_that_has_changed_is_not_slept_on() {
        let word = AtomicU32::new(1);
        assert_eq!(wait_on(&word, 0, None), WaitResult::WokenOrChanged);
    }

    #[test]
    fn a_sleep_ends_when_its_time_is_over() {
        let word = AtomicU32::new(1);
        let timeout = Some(Duration::from_millis(1));
        while wait_on(&word, 1, timeout) != WaitResult::TimedOut {}
        assert_eq!(
            wait_on(&word, 2, Some(Duration::MAX)),
            WaitResult::WokenOrChanged
        );
    }

    #[test]
    fn sleeping_and_waking_need_only_read_the_word_and_may_map_it_elsewhere() {
        let size = rustix::param::page_size();
        let (own, memfd) = Mapping::create("futex", size, Sharing::PeerReads).unwrap();
        let peer = Mapping::accept(memfd, size, Sharing::PeerReads).unwrap();
        for (sleeper, waker) in [(&peer, &own), (&own, &peer)] {
            // SAFETY: the mappings are page aligned and outlive the threads below.
            let [sleeper, waker] = [sleeper, waker]
                .map(|mapping| unsafe { mapping.base().cast::<AtomicU32>().as_ref() });
            assert_eq!(sleeper.load(Ordering::Relaxed), 0);
            thread::scope(|scope| {
                let asleep = scope.spawn(|| wait_on(sleeper, 0, None));
                // The word stays what it is, so that only a wake ends the sleep.
                while !asleep.is_finished() {
                    wake(waker);
                    thread::yield_now();
                }
            });
        }
    }
}
