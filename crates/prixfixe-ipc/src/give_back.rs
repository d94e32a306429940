//! When to look for memory of rings that nobody uses any more.

use std::time::{Duration, Instant};

use crate::ring::{GIVEN_AT_ONCE, Left};

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
/// Rings, or [parts](GIVEN_AT_ONCE) of long ones, that are given back in one go: each takes a system call,
/// which takes the time of a few hundred calls where much is given back, and calls are waiting.
const AT_ONCE: u32 = 16;
/// Octets that are given back in one go, at most.
const OCTETS_AT_ONCE: u32 = AT_ONCE * GIVEN_AT_ONCE;
/// As many as 16 rings of the default size have.
const _: () = assert!(OCTETS_AT_ONCE == 4 << 20);

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
    /// one that has not grown, and else what it has left. Returns in how long to look again, if at all.
    pub(crate) fn look(
        &mut self,
        end: usize,
        mut give_back: impl FnMut(usize) -> Option<Left>,
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
            let left = give_back(self.next);
            looked += u32::from(left.is_some());
            self.again |= left == Some(Left::InUse);
            // One that has more to give has the next turn, too.
            self.next += usize::from(left != Some(Left::Unused));
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
            looks.look(2, |ring| (ring == 1).then_some(Left::InUse)),
            Some(AFTER)
        );
        make_due(&mut looks);
        assert_eq!(looks.look(2, |_| Some(Left::Nothing)), None);
        assert_eq!(looks.look(2, |_| unreachable!()), None);
    }

    #[test]
    fn a_ring_that_grows_during_a_look_has_another() {
        let mut looks = GiveBack::default();
        looks.note();
        make_due(&mut looks);
        let nothing = |_| Some(Left::Nothing);
        assert_eq!(looks.look(40, nothing), Some(Duration::ZERO));
        looks.note();
        while looks.look(40, nothing) == Some(Duration::ZERO) {}
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
            Some(Left::Nothing)
        }) == Some(Duration::ZERO)
        {
            rounds += 1;
        }
        assert!(seen.into_iter().eq(0..40));
        assert_eq!(rounds, 2);
    }

    #[test]
    fn a_long_ring_takes_several_turns_and_the_next_comes_after_it() {
        const PARTS: u32 = 2 * AT_ONCE + 3;
        let mut looks = GiveBack::default();
        looks.note();
        make_due(&mut looks);
        let mut seen = Vec::new();
        let mut given = Vec::new();
        loop {
            let before = seen.len();
            let next = looks.look(2, |ring| {
                seen.push(ring);
                let parts = seen.iter().filter(|other| **other == ring).count();
                let more = ring == 0 && parts < PARTS as usize;
                Some(if more { Left::Unused } else { Left::Nothing })
            });
            given.push(seen.len() - before);
            if next.is_none() {
                break;
            }
        }
        assert_eq!(given, [AT_ONCE as usize, AT_ONCE as usize, 3 + 1]);
        assert_eq!(seen.last(), Some(&1));
    }
}
