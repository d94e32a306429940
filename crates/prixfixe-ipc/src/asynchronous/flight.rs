//! A call on its way, from sending to its end.

use std::task::{Context, Poll};
use std::time::Instant;

use bytes::BytesMut;

use super::places::Ended;
use super::state::Shared;
use super::wakes::Wakes;
use crate::claim::Executed;
use crate::outcome::{Cause, Outcome};

/// Owns the place of a call that was sent. Dropping it takes the call back.
pub(super) struct Flight<'s> {
    shared: &'s Shared,
    place: u16,
    /// Nobody has looked for the reply yet, and it is too early to.
    fresh: bool,
    /// The place is not ours any more.
    over: bool,
    deadline: Option<Instant>,
}

impl<'s> Flight<'s> {
    /// The call at `place`, which was sent just now with the waker of the task that polls this.
    pub(super) fn new(shared: &'s Shared, place: u16) -> Self {
        Self {
            shared,
            place,
            fresh: true,
            over: false,
            deadline: None,
        }
    }

    /// Looks for the end. A reply goes into `buffer`; without one it stays in the place, to be lent.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        buffer: Option<&mut [u8]>,
    ) -> Poll<Ended> {
        if std::mem::take(&mut self.fresh) {
            return Poll::Pending;
        }
        if self.shared.is_forked() {
            self.over = true;
            return Poll::Ready(Ended {
                outcome: Outcome::failed(Cause::Forked, Executed::Maybe),
                message_type: 0,
            });
        }
        let mut wakes = Wakes::default();
        let mut state = self.shared.lock();
        let keep = buffer.is_none();
        let (ended, lost, stale) = match state.look(self.place, buffer, &mut wakes) {
            Ok(Some(ended)) => {
                let lend = keep && matches!(ended.outcome, Outcome::Completed(_));
                let stale = if lend {
                    None
                } else {
                    self.over = true;
                    self.deadline = state.places().deadline(self.place);
                    state.release(self.place, &mut wakes)
                };
                (Some(ended), None, stale)
            }
            Ok(None) => {
                let stale = state.places().set_waker(self.place, context.waker());
                (None, None, stale)
            }
            Err(corrupt) => {
                let lost = state.lose(Cause::Corrupt(corrupt));
                let ended = state.look(self.place, None, &mut wakes).ok().flatten();
                self.over = true;
                let stale = state.release(self.place, &mut wakes);
                (ended, lost, stale)
            }
        };
        drop(state);
        wakes.wake();
        drop(stale);
        if lost.is_some() {
            drop(lost);
            self.shared.tell_ended();
        }
        ended.map_or(Poll::Pending, Poll::Ready)
    }

    pub(super) fn shared(&self) -> &'s Shared {
        self.shared
    }

    /// When the call had to be over, once it has failed.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Takes the reply with its buffer, for a call that was completed without one of the caller's.
    pub(super) fn lend(mut self, length: usize) -> (u16, BytesMut) {
        self.over = true;
        let buffer = self.shared.lock().places().lend(self.place, length);
        (self.place, buffer)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if self.over || self.shared.is_forked() {
            return;
        }
        let mut wakes = Wakes::default();
        let stale = self.shared.lock().release(self.place, &mut wakes);
        wakes.wake();
        drop(stale);
    }
}
