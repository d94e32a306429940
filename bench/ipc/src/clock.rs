//! The clocks of a run. Points in time are nanoseconds of the monotonic clock, which all processes
//! of the machine share.

use std::io;
use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Now, on the clock that every process of a run reads alike.
pub(crate) fn now() -> Nanos {
    Nanos::of(clock_gettime(ClockId::Monotonic))
}

/// The processor time that all threads of this process have used.
pub(crate) fn cpu_time() -> Nanos {
    Nanos::of(clock_gettime(ClockId::ProcessCPUTime))
}

/// Sleeps until `instant`, without drift.
pub(crate) fn sleep_until(instant: Nanos) -> io::Result<()> {
    let request = Timespec {
        tv_sec: i64::try_from(instant.0 / NANOS_PER_SECOND).map_err(io::Error::other)?,
        tv_nsec: i64::try_from(instant.0 % NANOS_PER_SECOND).map_err(io::Error::other)?,
    };
    loop {
        match rustix::thread::clock_nanosleep_absolute(ClockId::Monotonic, &request) {
            Err(rustix::io::Errno::INTR) => {}
            other => return Ok(other?),
        }
    }
}

/// A point in time, or an amount of it.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub(crate) struct Nanos(pub(crate) u64);

impl Nanos {
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }

    pub(crate) fn after(self, wait: Duration) -> Self {
        let wait = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(wait))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a run lasts less than the 104 days a double counts in nanoseconds"
    )]
    pub(crate) fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }

    fn of(time: Timespec) -> Self {
        // Neither clock is ever negative.
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
        Self(seconds * NANOS_PER_SECOND + nanos)
    }
}

const NANOS_PER_SECOND: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_ends_at_or_after_its_instant() {
        let instant = now().after(Duration::from_millis(2));
        sleep_until(instant).unwrap();
        assert!(now() >= instant);
        sleep_until(Nanos(0)).unwrap();
    }
}
