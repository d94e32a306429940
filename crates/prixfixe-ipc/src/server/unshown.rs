//! How long answers are held back for those behind them.

use std::time::{Duration, Instant};

/// Answers that were written in a turn and not shown: those of one turn are shown together, so that a
/// client with many calls in flight is woken once for all of them and not once for each.
#[derive(Default)]
pub(super) struct Unshown {
    answers: u32,
    /// With which of them the clock is read next.
    look_with: u32,
    since: Option<Instant>,
}

/// How long an answer may wait for those behind it; [`QUICK_ANSWERS`] more than that, if these turn out not
/// to be quick.
const LONGEST_HOLD: Duration = Duration::from_micros(50);
/// Answers that come without a look at the clock, where those before them came quickly.
const QUICK_ANSWERS: u32 = 4;
/// Quickly: if those that follow take as long, they are there well within [`LONGEST_HOLD`].
const QUICKLY: Duration = Duration::from_micros(5);

impl Unshown {
    /// Counts one more. The clock is read only where there is more than one to hold, and for one in
    /// [`QUICK_ANSWERS`] of those that come quickly: reading it costs a tenth of a short call.
    #[inline]
    pub(super) fn is_held_long(&mut self) -> bool {
        self.answers += 1;
        if self.answers == 1 || self.answers < self.look_with {
            return false;
        }
        self.look()
    }

    fn look(&mut self) -> bool {
        let now = Instant::now();
        let held = self.since.map(|since| now.duration_since(since));
        let quick = held.is_some_and(|held| held < QUICKLY * self.answers / QUICK_ANSWERS);
        self.look_with = self.answers + if quick { QUICK_ANSWERS } else { 1 };
        self.since.get_or_insert(now);
        held.is_some_and(|held| held >= LONGEST_HOLD)
    }
}
