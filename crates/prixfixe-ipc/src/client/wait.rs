//! Waiting for a reply: looking first, then sleeping, and never longer than the deadline.

use std::time::{Duration, Instant};

use super::ClientStatistics;
use super::channel::Channel;
use super::link::{Bell, Link};
use crate::outcome::Cause;
use crate::spin;
use crate::sync::Ordering;
use crate::sys::{self, WaitResult};
use crate::wake::Sleeper;

/// The longest sleep while a call is open: after it the waiting side looks whether the other is still
/// there, and rings once more, in case a wake-up was stolen.
pub(crate) const LONGEST_SLEEP: Duration = Duration::from_millis(50);

/// When a call has to be over. The clock is first read when somebody asks: a call that ends at once
/// never pays for it, and one that does not starts counting a few microseconds late.
pub(super) struct Deadline {
    timeout: Duration,
    at: Option<Instant>,
}

/// How waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    /// There may be something to read.
    Ready,
    /// Nothing will come, or nobody may wait for it any longer.
    Over(Cause),
}

impl Deadline {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, at: None }
    }

    pub(super) fn at(&mut self) -> Instant {
        let timeout = self.timeout;
        *self
            .at
            .get_or_insert_with(|| after(Instant::now(), timeout))
    }

    pub(super) fn at_instant(at: Instant) -> Self {
        Self {
            timeout: Duration::ZERO,
            at: Some(at),
        }
    }

    pub(super) fn passed(&mut self) -> bool {
        self.left().is_zero()
    }

    fn left(&mut self) -> Duration {
        let now = Instant::now();
        let timeout = self.timeout;
        let at = self.at.get_or_insert_with(|| after(now, timeout));
        at.saturating_duration_since(now)
    }
}

/// The time `timeout` after `now`; one beyond what the clock can name is as good as a year.
pub(crate) fn after(now: Instant, timeout: Duration) -> Instant {
    now.checked_add(timeout).unwrap_or(now + YEAR)
}

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Waits until there may be a reply. `rang` says whether the server slept when it was asked: one that
/// has to wake up first is not worth looking out for.
pub(super) fn await_reply(
    link: &Link,
    channel: &Channel,
    bell: &mut Bell,
    sleeper: &mut Sleeper,
    rang: bool,
    deadline: &mut Deadline,
    statistics: &mut ClientStatistics,
) -> Waited {
    if channel.looks_ready() {
        return Waited::Ready;
    }
    let look = || {
        let ready = channel.looks_ready();
        if !ready {
            channel.prefetch_expected();
        }
        ready
    };
    if !rang && spin::await_reply(link.crowd(), look) {
        return Waited::Ready;
    }
    // A server that had no room for replies may have gone to sleep on our requests, and what we have
    // read since gives it room: nobody sleeps on a server that sleeps.
    statistics.rings += u64::from(link.ring(bell));
    // Bounded by the deadline.
    loop {
        sleeper.announce();
        if channel.looks_ready() {
            sleeper.withdraw();
            return Waited::Ready;
        }
        let (tail, seen) = channel.reply_tail();
        let left = deadline.left();
        if left.is_zero() {
            sleeper.withdraw();
            return Waited::Over(Cause::Deadline);
        }
        statistics.sleeps += 1;
        // The low half of the tail. Between our look and the sleep it would have to move by exactly
        // 4 GiB to be missed, and no ring and no number of calls in flight is that large.
        let slept = sys::wait_on(
            tail.low_half(),
            low_half(seen),
            Some(left.min(LONGEST_SLEEP)),
        );
        sleeper.withdraw();
        let timed_out = slept == WaitResult::TimedOut;
        if tail.read(Ordering::Relaxed) != seen {
            statistics.woke_late += u64::from(timed_out);
            return Waited::Ready;
        }
        if timed_out {
            if link.is_gone() {
                return Waited::Over(Cause::HungUp);
            }
            statistics.rang_again += u64::from(link.ring_again(bell));
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the half that a futex can hold"
)]
const fn low_half(word: u64) -> u32 {
    word as u32
}
