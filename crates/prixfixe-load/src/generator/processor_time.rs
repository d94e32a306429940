//! What the thread that asks has had of the processors.

use std::fs;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::recording::{Effort, share};

/// The figures of the calling thread at a moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProcessorTime {
    at: Instant,
    computed: Duration,
    starved: Duration,
}

impl ProcessorTime {
    pub(super) fn now() -> Self {
        let computed = clock_gettime(ClockId::ThreadCPUTime);
        let seconds = u64::try_from(computed.tv_sec).unwrap_or_default();
        let nanoseconds = u32::try_from(computed.tv_nsec).unwrap_or_default();
        Self {
            at: Instant::now(),
            computed: Duration::new(seconds, nanoseconds),
            starved: time_in_run_queue().unwrap_or_default(),
        }
    }

    /// What the thread took since then.
    pub(super) fn effort(&self) -> Effort {
        let now = Self::now();
        let present = now.at - self.at;
        let computed = now.computed.saturating_sub(self.computed);
        let starved = now.starved.saturating_sub(self.starved);
        Effort {
            threads: 1,
            present,
            computed,
            starved,
            busiest: share(computed, present),
            most_pressed: share(computed + starved, present),
        }
    }
}

/// How long it could have run and was not let; nothing where the kernel does not count it.
fn time_in_run_queue() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}
