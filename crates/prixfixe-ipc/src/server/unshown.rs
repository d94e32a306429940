//! How long answers are held back for those behind them.

use std::time::{Duration, Instant};

/// Answers that were written in a turn and not shown: those of one turn are shown together, so that a
/// client with many calls in flight is woken once for all of them and not once for each.
#[derive(Default)]
pub(super) struct Unshown {
    answers: u32,
    since: Option<Instant>,
}

/// How long an answer may wait for those behind it.
const LONGEST_HOLD: Duration = Duration::from_micros(50);

impl Unshown {
    /// Counts one more. The clock is read only where there is more than one to hold.
    pub(super) fn is_held_long(&mut self) -> bool {
        self.answers += 1;
        if self.answers == 1 {
            return false;
        }
        let now = Instant::now();
        now.duration_since(*self.since.get_or_insert(now)) >= LONGEST_HOLD
    }
}
