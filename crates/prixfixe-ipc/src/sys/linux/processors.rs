//! How to wait without sleeping, and whether there is a processor to wait on.

use std::thread;

/// Lets another runnable thread have this processor.
pub(crate) fn yield_now() {
    thread::yield_now();
}

/// The processors that this process may use, at least one: its affinity and its cgroup's quota count.
pub(crate) fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
