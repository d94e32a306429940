//! When to look for memory of rings that nobody uses any more.

use std::time::{Duration, Instant};

/// Looks that give memory back: one [`AFTER`] a ring has grown, and so on until there is nothing left to
/// give. Who has nothing to give has no timer.
#[derive(Debug, Default)]
pub(crate) struct GiveBack {
    due: Option<Instant>,
    /// Where a look that is not over goes on.
    next: usize,
    /// That look has met memory that is still in use.
    again: bool,
}

/// What was used is kept for this long, and at most for twice as long.
const AFTER: Duration = Duration::from_secs(1);
/// Rings that are given back in one go: each takes a system call, which takes the time of a few hundred
/// calls where much is given back, and calls are waiting.
const AT_ONCE: u32 = 16;

impl GiveBack {
    /// A ring has grown.
    #[inline]
    pub(crate) fn note(&mut self) {
        if self.due.is_none() {
            self.due = Some(Instant::now() + AFTER);
        } else if self.next > 0 {
            // A look is under way, and may have passed it.
            self.again = true;
        }
    }

    /// Looks, if it is time to, at the rings numbered below `end` by `give_back`. That returns `None` for
    /// one that has not grown, and else whether there may be more to give back another time. Returns in
    /// how long to look again, if at all.
    pub(crate) fn look(
        &mut self,
        end: usize,
        mut give_back: impl FnMut(usize) -> Option<bool>,
    ) -> Option<Duration> {
        let left = self.due?.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            return Some(left);
        }
        let mut looked = 0;
        while self.next < end {
            if looked == AT_ONCE {
                return Some(Duration::ZERO);
            }
            if let Some(again) = give_back(self.next) {
                looked += 1;
                self.again |= again;
            }
            self.next += 1;
        }
        self.next = 0;
        let again = std::mem::take(&mut self.again);
        self.due = again.then(|| Instant::now() + AFTER);
        again.then_some(AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make_due(looks: &mut GiveBack) {
        looks.due = looks.due.and_then(|due| due.checked_sub(AFTER));
    }

    #[test]
    fn there_is_a_timer_only_while_something_may_be_given_back() {
        let mut looks = GiveBack::default();
        assert_eq!(looks.look(1, |_| unreachable!()), None);
        looks.note();
        assert!(looks.look(1, |_| unreachable!()) > Some(Duration::ZERO));
        make_due(&mut looks);
        assert_eq!(
            looks.look(2, |ring| (ring == 1).then_some(true)),
            Some(AFTER)
        );
        make_due(&mut looks);
        assert_eq!(looks.look(2, |_| Some(false)), None);
        assert_eq!(looks.look(2, |_| unreachable!()), None);
    }

    #[test]
    fn a_ring_that_grows_during_a_look_has_another() {
        let mut looks = GiveBack::default();
        looks.note();
        make_due(&mut looks);
        assert_eq!(looks.look(40, |_| Some(false)), Some(Duration::ZERO));
        looks.note();
        while looks.look(40, |_| Some(false)) == Some(Duration::ZERO) {}
        assert!(looks.due.is_some());
    }

    #[test]
    fn many_rings_are_given_back_a_few_at_a_time_and_each_once() {
        let mut looks = GiveBack::default();
        looks.note();
        make_due(&mut looks);
        let mut seen = Vec::new();
        let mut rounds = 0;
        while looks.look(40, |ring| {
            seen.push(ring);
            Some(false)
        }) == Some(Duration::ZERO)
        {
            rounds += 1;
        }
        assert!(seen.into_iter().eq(0..40));
        assert_eq!(rounds, 2);
    }
}
