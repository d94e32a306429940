//! Where calls wait for their ends: every change of a place's state is in this file.
//!
//! ```text
//!  free ── open ──► open ── end (reply, deadline, hang-up) ──► ended ── take ──► free
//!                    └───── give up (the future is dropped) ──► free     └ lend ──► lent ──► free
//! ```
//! A place belongs to a call from sending to the moment when its caller has the outcome, so it
//! outlives the slot that the call has in its channel, and the channel itself.

use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::deadlines::Deadlines;
use crate::layout::ChannelSizes;
use crate::outcome::Outcome;

/// The places of one client, made with it.
pub(super) struct Places {
    all: Box<[Place]>,
    free: Vec<u16>,
    open: usize,
    deadlines: Deadlines,
}

/// Room for one call.
struct Place {
    state: PlaceState,
    waker: Option<Waker>,
    due: Due,
    /// For a short reply that comes before its caller asks; away while it is lent.
    short: BytesMut,
    /// The same for a long one.
    long: BytesMut,
}

/// Bytes of a short reply: with a cache line more, so that neighbours do not compete for the same
/// lines. The buffers for short replies lie side by side: a hundred clients with many calls in flight
/// stay within the caches, as they would not if each had the room of the longest reply.
const SHORT: usize = 1024 + 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PlaceState {
    Free,
    /// The call was sent in this slot of the channel.
    Open(u16),
    /// The caller has not asked yet.
    Ended(Ended),
    /// The caller reads the reply where it lies.
    Lent,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// The length of a reply that lies in the buffer of its place, if there is one.
    pub(super) outcome: Outcome<usize>,
    pub(super) message_type: u32,
}

/// When a call has to be over. The clock is read for it only when somebody reads it anyway: a call
/// that ends at once never pays for that, and one that does not starts counting late: see [`Deadlines`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    pub(super) timeout: Duration,
    pub(super) at: Option<Instant>,
}

/// What a caller finds who asks for the end of his call.
pub(super) enum Found {
    Ended(Ended),
    Open,
}

impl Due {
    /// The deadline, counted from `now` if it was not before.
    pub(super) fn at(&mut self, now: Instant) -> Instant {
        let timeout = self.timeout;
        // A deadline beyond what the clock can name is as good as a year.
        *self
            .at
            .get_or_insert_with(|| now.checked_add(timeout).unwrap_or(now + YEAR))
    }
}

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

impl Places {
    /// As many places as calls may be open, each with a buffer for a short and one for the longest
    /// reply. They are parts of two zeroed allocations, of which the system gives pages as they are
    /// first written.
    pub(super) fn new(sizes: ChannelSizes) -> Self {
        let count = sizes.max_in_flight();
        let length = sizes.max_payload() as usize;
        let short = SHORT.min(length);
        let mut all_short = BytesMut::zeroed(usize::from(count) * short);
        let mut all_long = BytesMut::zeroed(usize::from(count) * length);
        let place = |_| Place {
            state: PlaceState::Free,
            waker: None,
            due: Due {
                timeout: Duration::ZERO,
                at: None,
            },
            short: all_short.split_to(short),
            long: all_long.split_to(length),
        };
        Self {
            all: (0..count).map(place).collect(),
            free: (0..count).rev().collect(),
            open: 0,
            deadlines: Deadlines::default(),
        }
    }

    pub(super) fn any_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Calls whose end is still to come.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// Gives a call that was sent in `slot` a place. The caller has seen that one is free.
    pub(super) fn take_free(&mut self, slot: u16, due: Due, waker: &Waker) -> Option<u16> {
        let index = self.free.pop()?;
        self.deadlines.add(&due);
        let place = &mut self.all[usize::from(index)];
        place.state = PlaceState::Open(slot);
        place.due = due;
        place.waker = Some(waker.clone());
        self.open += 1;
        Some(index)
    }

    /// The places whose calls are open, with the slots of these.
    pub(super) fn open_places(&self) -> impl Iterator<Item = (u16, u16)> + '_ {
        (0..)
            .zip(&self.all)
            .filter_map(|(index, place)| match place.state {
                PlaceState::Open(slot) => Some((index, slot)),
                _ => None,
            })
            // The places of those that are open mostly come first: the last freed is the next taken.
            .take(self.open)
    }

    /// The slot of an open call.
    pub(super) fn slot(&self, index: u16) -> Option<u16> {
        match self.all[usize::from(index)].state {
            PlaceState::Open(slot) => Some(slot),
            _ => None,
        }
    }

    pub(super) fn deadlines(&mut self) -> &mut Deadlines {
        &mut self.deadlines
    }

    pub(super) fn due(&mut self, index: u16) -> &mut Due {
        &mut self.all[usize::from(index)].due
    }

    /// When the call at `index` has to be over, if its time is counted already.
    pub(super) fn deadline(&self, index: u16) -> Option<Instant> {
        self.all[usize::from(index)].due.at
    }

    pub(super) fn indexes(&self) -> std::ops::Range<u16> {
        // As many as the sizes of the channel say, hence no more than fit.
        0..u16::try_from(self.all.len()).unwrap_or(u16::MAX)
    }

    /// Where a reply of `length` bytes to the call at `index` goes.
    pub(super) fn buffer(&mut self, index: u16, length: usize) -> &mut BytesMut {
        self.all[usize::from(index)].buffer(length)
    }

    /// Whom to wake for the call at `index`.
    pub(super) fn take_waker(&mut self, index: u16) -> Option<Waker> {
        self.all[usize::from(index)].waker.take()
    }

    /// Has `waker` called from now on. Returns what was there, to be dropped without a lock.
    pub(super) fn set_waker(&mut self, index: u16, waker: &Waker) -> Option<Waker> {
        let known = &mut self.all[usize::from(index)].waker;
        if known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            return None;
        }
        known.replace(waker.clone())
    }

    /// Ends the open call at `index`. Its caller is still to be told.
    pub(super) fn end(&mut self, index: u16, ended: Ended) {
        let place = &mut self.all[usize::from(index)];
        if matches!(place.state, PlaceState::Open(_)) {
            place.state = PlaceState::Ended(ended);
            self.open -= 1;
        }
    }

    /// How far the call at `index` is.
    pub(super) fn look(&self, index: u16) -> Found {
        match self.all[usize::from(index)].state {
            PlaceState::Ended(ended) => Found::Ended(ended),
            PlaceState::Open(_) | PlaceState::Lent | PlaceState::Free => Found::Open,
        }
    }

    /// Hands the buffer of an ended call out, whose reply has `length` bytes.
    pub(super) fn lend(&mut self, index: u16, length: usize) -> BytesMut {
        let place = &mut self.all[usize::from(index)];
        place.state = PlaceState::Lent;
        std::mem::take(place.buffer(length))
    }

    /// Takes the buffer back that was lent for a reply of `length` bytes, and the place is free.
    pub(super) fn give_back(&mut self, index: u16, length: usize, buffer: BytesMut) {
        *self.all[usize::from(index)].buffer(length) = buffer;
        let _: Option<Waker> = self.release(index);
    }

    /// Makes the place free. Returns what is to be dropped without a lock.
    pub(super) fn release(&mut self, index: u16) -> Option<Waker> {
        let place = &mut self.all[usize::from(index)];
        match place.state {
            PlaceState::Free => return None,
            PlaceState::Open(_) => self.open -= 1,
            PlaceState::Ended(_) | PlaceState::Lent => {}
        }
        place.state = PlaceState::Free;
        self.free.push(index);
        place.waker.take()
    }
}

impl Place {
    fn buffer(&mut self, length: usize) -> &mut BytesMut {
        if length <= SHORT {
            &mut self.short
        } else {
            &mut self.long
        }
    }
}

/// Puts a reply where its caller wants it.
pub(super) fn copy(from: &[u8], to: &mut [u8]) -> Outcome<usize> {
    match to.get_mut(..from.len()) {
        Some(room) => {
            room.copy_from_slice(from);
            Outcome::Completed(from.len())
        }
        // The server was told how much room there is.
        None => Outcome::Refused(crate::outcome::Refusal::TooLarge),
    }
}
