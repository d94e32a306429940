//! A ring of octets with one producer and one consumer, in memory that neither trusts the other with.
//!
//! Records are length-framed, start at multiples of a word and never cross the end of the ring.
//! Positions count octets since the beginning and never fall; the place of a position is its
//! remainder by the capacity. Each side keeps its own position in private memory and only publishes
//! it; the other's is read once, checked, and then used.
//!
//! Two words say where records are to be found: `tail`, the position after the last published
//! record, and `start`, below which nothing is unread. A producer that finds the ring empty moves
//! `start` to the next multiple of the capacity and begins again at the first line, so that a ring
//! that is never full stays as small and as hot as what is in flight. At the end of the ring, when
//! it is not empty, a skip record fills what is left.
//!
//! The layout is in `docs/ipc.md`.

mod consumer;
mod frame;
mod producer;

pub use consumer::Corrupt;
pub(crate) use consumer::{Consumer, Record};
pub(crate) use frame::{Frame, Kind};
#[cfg(not(loom))]
pub(crate) use producer::GIVEN_AT_ONCE;
pub(crate) use producer::{Left, Producer};

use crate::memory::{Region, WORD, whole_words};

/// The places of one ring.
#[derive(Clone)]
pub(crate) struct RingMemory {
    /// The line that the producer writes: `tail`, then `start`.
    pub(crate) producer_line: Region,
    /// The word that the consumer writes: `head`, the position up to which it has read.
    pub(crate) head: Region,
    /// The records. A power of two of octets, below 4 GiB.
    pub(crate) records: Region,
}

/// Offsets within the producer's line.
const TAIL: usize = 0;
const START: usize = WORD;

/// The octets that a record with `content` octets after its frame takes up.
pub(crate) const fn record_size(content: usize) -> u64 {
    whole_words(WORD + content) as u64
}

/// The place of `position` in a ring of `capacity`, a power of two.
#[expect(
    clippy::cast_possible_truncation,
    reason = "below the capacity, which is a usize"
)]
const fn offset(position: u64, capacity: u64) -> usize {
    (position & (capacity - 1)) as usize
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests;
