//! What is due once no lock is held: wakers to be called, and a server to be told of room.

use std::task::Waker;

use super::live::Nudge;
use crate::client::streams::Wakers;

/// A bounded batch of wakers. Waking may run foreign code, and dropping a waker may drop a task with
/// a client in it, so neither happens under a lock of ours.
#[derive(Default)]
pub(super) struct Wakes {
    wakers: Option<[Option<Waker>; MOST]>,
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

    /// Puts `waker` into the batch, which is not full.
    pub(super) fn push(&mut self, waker: Option<Waker>) {
        let Some(waker) = waker else {
            return;
        };
        let wakers = self.wakers.get_or_insert([const { None }; MOST]);
        if let Some(place) = wakers.get_mut(self.count) {
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
    pub(super) fn wake(&mut self) -> usize {
        if let Some(nudge) = self.nudge.take() {
            nudge.go();
        }
        let count = std::mem::take(&mut self.count);
        if let Some(wakers) = &mut self.wakers {
            for place in &mut wakers[..count] {
                if let Some(waker) = place.take() {
                    waker.wake();
                }
            }
        }
        count
    }
}
