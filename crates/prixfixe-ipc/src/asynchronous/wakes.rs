//! What is due once no lock is held: wakers to be called, and a server to be told of room.

use std::task::Waker;

use super::live::Nudge;
use crate::client::streams::Wakers;

/// A bounded batch of wakers. Waking may run foreign code, and dropping a waker may drop a task with
/// a client in it, so neither happens under a lock of ours.
#[derive(Default)]
pub(super) struct Wakes {
    /// Most batches have no other, and need no table.
    first: Option<Waker>,
    others: Option<[Option<Waker>; MOST - 1]>,
    count: usize,
    nudge: Option<Nudge>,
}

/// Wakers of one batch: few enough for the stack, many enough to share the cost of a lock.
const MOST: usize = 32;

impl Wakes {
    /// Whether the batch has to be called before anything else is put into it. One thing that came may
    /// wake two: the reader and the writer of a stream.
    pub(super) fn is_full(&self) -> bool {
        self.count + 1 >= MOST
    }

    /// Wakers in the batch.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Puts `waker` into the batch, which is not full.
    #[inline]
    pub(super) fn push(&mut self, waker: Option<Waker>) {
        let Some(waker) = waker else {
            return;
        };
        if self.count == 0 {
            self.first = Some(waker);
            self.count = 1;
            return;
        }
        #[expect(
            clippy::unnecessary_lazy_evaluations,
            reason = "a table would be made, and dropped, for each waker that is put here"
        )]
        let others = self
            .others
            .get_or_insert_with(|| [const { None }; MOST - 1]);
        if let Some(place) = others.get_mut(self.count - 1) {
            *place = Some(waker);
            self.count += 1;
        }
    }

    /// Puts who waits for a stream into the batch, which is not full.
    pub(super) fn push_both(&mut self, waiting: Wakers) {
        self.push(waiting.reader);
        self.push(waiting.writer);
    }

    /// Has somebody nudged, too.
    pub(super) fn nudge(&mut self, nudge: Option<Nudge>) {
        self.nudge = nudge.or(self.nudge.take());
    }

    /// Calls them all. Returns how many there were.
    #[inline]
    pub(super) fn wake(&mut self) -> usize {
        if self.count == 0 && self.nudge.is_none() {
            return 0;
        }
        self.wake_all()
    }

    fn wake_all(&mut self) -> usize {
        if let Some(nudge) = self.nudge.take() {
            nudge.go();
        }
        let count = std::mem::take(&mut self.count);
        if let Some(waker) = self.first.take() {
            waker.wake();
        }
        if let Some(others) = &mut self.others {
            for waker in others[..count.saturating_sub(1)]
                .iter_mut()
                .filter_map(Option::take)
            {
                waker.wake();
            }
        }
        count
    }
}
