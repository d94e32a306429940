//! The calls of a channel that are not over: every change of a call's state is in this file.
//!
//! ```text
//!  free ── send ──► open ── reply ──────────────────► free
//!                    └── give_up (deadline, drop) ──► abandoned ── reply or acknowledgement ──► free
//! ```
//! A slot is used again only after the server has ended its call: a reply that is still to come must
//! find its own slot, never that of a later call.

use crate::ring::Corrupt;

/// The calls of one channel, in a table made when it was opened.
pub(crate) struct Slots {
    table: Box<[Slot]>,
    free: Vec<u16>,
    open: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Free,
    Open(Sent),
    Abandoned(Sent),
}

/// What is remembered of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Its number.
    pub(crate) call: u64,
    /// Where its record stands in the request ring.
    pub(crate) position: u64,
}

/// To whom a reply goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Addressee {
    Caller,
    /// The caller has given up; the reply is passed over.
    Nobody,
}

impl Slots {
    pub(crate) fn new(count: u16) -> Self {
        Self {
            table: vec![Slot::Free; usize::from(count)].into(),
            free: (0..count).rev().collect(),
            open: 0,
        }
    }

    /// The slot that the next call will have, if there is one.
    pub(crate) fn next(&self) -> Option<u16> {
        self.free.last().copied()
    }

    /// Puts a call that was sent into the slot that [`Slots::next`] gave.
    pub(crate) fn send(&mut self, sent: Sent) {
        if let Some(slot) = self.free.pop() {
            self.table[usize::from(slot)] = Slot::Open(sent);
            self.open += 1;
        }
    }

    /// Ends the call in `slot`, for which a reply came.
    pub(crate) fn reply(&mut self, slot: u16, call: u64) -> Result<Addressee, Corrupt> {
        let place = self.table.get_mut(usize::from(slot)).ok_or(Corrupt::Call)?;
        let addressee = match *place {
            Slot::Open(sent) if sent.call == call => {
                self.open -= 1;
                Addressee::Caller
            }
            Slot::Abandoned(sent) if sent.call == call => Addressee::Nobody,
            _ => return Err(Corrupt::Call),
        };
        *place = Slot::Free;
        self.free.push(slot);
        Ok(addressee)
    }

    /// The caller of the call in `slot` gives up. Returns what is needed to take the call back.
    pub(crate) fn give_up(&mut self, slot: u16) -> Option<Sent> {
        let place = self.table.get_mut(usize::from(slot))?;
        let Slot::Open(sent) = *place else {
            return None;
        };
        *place = Slot::Abandoned(sent);
        self.open -= 1;
        Some(sent)
    }

    /// Calls that somebody waits for.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// Calls that the server has not ended, whether somebody waits for them or not.
    pub(crate) fn unended(&self) -> usize {
        self.table.len() - self.free.len()
    }

    /// The slots of the calls that somebody waits for.
    pub(crate) fn open_slots(&self) -> impl Iterator<Item = u16> + '_ {
        (0..)
            .zip(&self.table)
            .filter_map(|(slot, state)| match state {
                Slot::Open(_) => Some(slot),
                Slot::Free | Slot::Abandoned(_) => None,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: Sent = Sent {
        call: 5,
        position: 64,
    };

    #[test]
    fn a_slot_is_used_again_only_after_its_call_has_ended() {
        let mut slots = Slots::new(1);
        let slot = slots.next().unwrap();
        slots.send(SENT);
        assert_eq!(slots.next(), None);
        assert_eq!(slots.give_up(slot), Some(SENT));
        assert_eq!((slots.next(), slots.open(), slots.unended()), (None, 0, 1));
        assert_eq!(slots.reply(slot, 5), Ok(Addressee::Nobody));
        assert_eq!(slots.next(), Some(slot));
    }

    #[test]
    fn a_reply_to_another_call_is_corrupt() {
        let mut slots = Slots::new(2);
        let slot = slots.next().unwrap();
        slots.send(SENT);
        assert_eq!(slots.reply(slot, 4), Err(Corrupt::Call));
        assert_eq!(slots.reply(slot + 1, 5), Err(Corrupt::Call));
        assert_eq!(slots.reply(99, 5), Err(Corrupt::Call));
        assert_eq!(slots.reply(slot, 5), Ok(Addressee::Caller));
        assert_eq!(slots.reply(slot, 5), Err(Corrupt::Call), "twice");
    }
}
