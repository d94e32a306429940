//! A driver's looks into the rings of its members: in turn, with stints for those that are busy.

use std::sync::Arc;

use super::connection::Connection;
use super::live::Live;
use super::state::Shared;
use super::wakes::Wakes;
use crate::outcome::Cause;
use crate::sync::Ordering;

/// Where the driver of a link is in its looks.
#[derive(Default)]
pub(super) struct Sweeper {
    /// The first to be looked at by the next look, so that all have their turn.
    next_member: usize,
    stint: Stint,
}

/// Whose turn it is among the busy members.
///
/// Who keeps many calls in flight uses much memory in a short time: its rings, the buffers of its tasks
/// and the tasks themselves. One such member after the other, for many batches each, stays within a
/// processor's own cache; in turns of one batch each they would drive each other out of it.
#[derive(Default)]
struct Stint {
    member: usize,
    batches_left: u32,
    /// It had a batch in this pass.
    served: bool,
    /// The first busy member that was passed over in this pass, of those behind it and of the others.
    behind: Option<usize>,
    before: Option<usize>,
}

/// Replies of one member in a batch that make it a busy one: so many pay for a batch of their own.
const BUSY: usize = 8;
/// Batches in one stint: at most some 120 replies, hence a fraction of a millisecond.
const STINT: u32 = 4;

/// A connection that turned out to be corrupt, to be dropped without a lock, and whose calls have ended.
type Lost = (Option<Connection>, Arc<Shared>);

impl Sweeper {
    /// Looks into the rings that have changed, until a batch of callers is woken: they had better run
    /// before their replies leave the cache, and the server has something to do meanwhile. True when
    /// there was one, and there may be more then.
    pub(super) fn sweep(&mut self, live: &Live) -> bool {
        let mut found = false;
        let mut wakes = Wakes::default();
        // Bounded: each turn but the last two has lost a connection.
        loop {
            let started_at = self.next_member;
            let (more, lost) = self.sweep_some(live, &mut wakes, &mut found);
            wakes.wake();
            if let Some((lost, watched)) = lost {
                drop(lost);
                watched.tell_ended();
                continue;
            }
            if more {
                return true;
            }
            self.next_member = 0;
            self.stint.end_pass();
            // Those before the place where the last sweep ended have their turn now.
            if found || started_at == 0 {
                return found;
            }
        }
    }

    /// Looks into rings until `wakes` has a batch or a connection is lost: then there is more to look at.
    fn sweep_some(
        &mut self,
        live: &Live,
        wakes: &mut Wakes,
        found: &mut bool,
    ) -> (bool, Option<Lost>) {
        let mut members = live.members();
        let end = members.watched.capacity();
        while let Some(index) = live.next_watched(self.next_member, end) {
            self.next_member = index + 1;
            let Some(watched) = members.watched.get_mut(index) else {
                live.unwatch(index);
                continue;
            };
            // Relaxed: whoever reads the ring reads it again.
            let tail = watched.tail.read(Ordering::Relaxed);
            if tail == watched.seen {
                continue;
            }
            *found = true;
            if watched.busy && !self.stint.admits(index) {
                continue;
            }
            let before = wakes.len();
            let mut state = watched.shared.lock();
            match state.sweep(wakes) {
                Ok(all) => {
                    watched.busy = !all || wakes.len() - before >= BUSY;
                    if all {
                        watched.seen = tail;
                    }
                }
                Err(corrupt) => {
                    let lost = state.lose(Cause::Corrupt(corrupt));
                    let shared = Arc::clone(&watched.shared);
                    return (true, Some((lost, shared)));
                }
            }
            if watched.busy || wakes.is_full() {
                return (true, None);
            }
        }
        (false, None)
    }
}

impl Stint {
    /// Whether the busy member `index` may have a batch now.
    fn admits(&mut self, index: usize) -> bool {
        if index == self.member && self.batches_left > 0 {
            self.batches_left -= 1;
            self.served = true;
            return true;
        }
        let passed_over = if index > self.member {
            &mut self.behind
        } else {
            &mut self.before
        };
        passed_over.get_or_insert(index);
        false
    }

    /// All members had their look: the next one's turn comes when this one has had its batches, or had
    /// nothing to give.
    fn end_pass(&mut self) {
        let (behind, before) = (self.behind.take(), self.before.take());
        let served = std::mem::take(&mut self.served);
        if served && self.batches_left > 0 {
            return;
        }
        if let Some(next) = behind.or(before) {
            self.member = next;
            self.batches_left = STINT;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The members that have a batch in `passes` passes, of those that `ready` says have something.
    fn served(stint: &mut Stint, passes: usize, ready: &[usize]) -> Vec<usize> {
        let mut served = Vec::new();
        for _ in 0..passes {
            let admitted = ready.iter().copied().filter(|member| stint.admits(*member));
            served.extend(admitted.collect::<Vec<_>>());
            stint.end_pass();
        }
        served
    }

    #[test]
    fn busy_members_have_their_stints_one_after_the_other() {
        let mut stint = Stint::default();
        let batches = STINT as usize;
        let all = served(&mut stint, 1 + 4 * batches, &[2, 5, 9]);
        let expected: Vec<_> = [2, 5, 9, 2]
            .into_iter()
            .flat_map(|m| vec![m; batches])
            .collect();
        assert_eq!(all, expected);
    }

    #[test]
    fn one_that_has_nothing_to_give_ends_its_stint() {
        let mut stint = Stint::default();
        assert_eq!(served(&mut stint, 3, &[2, 5]), [2, 2]);
        assert_eq!(served(&mut stint, 3, &[5]), [5, 5]);
        assert_eq!(served(&mut stint, 2, &[2, 5]), [5, 5]);
    }

    #[test]
    fn one_alone_goes_on() {
        let mut stint = Stint::default();
        let passes = 5 * STINT as usize;
        // One pass is lost where a stint begins.
        assert!(served(&mut stint, passes, &[7]).len() >= passes - 6);
    }
}
