//! Clocks of runs: nanoseconds of the monotonic clock, which all processes of the machine share.

use std::io;
use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};
use serde::{Deserialize, Serialize};

/// A point in time, or an amount of it, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Nanos(pub(super) u64);

/// Now, on the clock that every process reads alike.
pub(super) fn now() -> Nanos {
    Nanos::of(clock_gettime(ClockId::Monotonic))
}

/// The processor time that all threads of this process have used.
pub(super) fn cpu_time() -> Nanos {
    Nanos::of(clock_gettime(ClockId::ProcessCPUTime))
}

/// Sleeps until `instant`, without drift.
pub(super) fn sleep_until(instant: Nanos) -> io::Result<()> {
    let request = Timespec {
        tv_sec: i64::try_from(instant.0 / NANOS_PER_SECOND).map_err(io::Error::other)?,
        tv_nsec: i64::try_from(instant.0 % NANOS_PER_SECOND).map_err(io::Error::other)?,
    };
    loop {
        match rustix::thread::clock_nanosleep_absolute(ClockId::Monotonic, &request) {
            Err(rustix::io::Errno::INTR) => {}
            ended => return Ok(ended?),
        }
    }
}

impl Nanos {
    pub(super) fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }

    pub(super) fn after(self, wait: Duration) -> Self {
        let wait = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(wait))
    }

    #[expect(clippy::cast_precision_loss, reason = "below 2^53 for 104 days")]
    pub(super) fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }

    pub(super) fn micros(self) -> f64 {
        self.seconds() * 1e6
    }

    fn of(time: Timespec) -> Self {
        // Neither clock is ever negative.
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
        Self(seconds * NANOS_PER_SECOND + nanos)
    }
}

const NANOS_PER_SECOND: u64 = 1_000_000_000;
