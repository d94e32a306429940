//! What travels between the request and the reply of a call: items, credit, and the wish to get no more.

use super::{Payload, slot_of};
use crate::layout::STREAM_HEADER_WORDS;
use crate::memory::WORD;
use crate::ring::{Consumer, Corrupt, Kind, Record};

/// What every record of a stream says, whichever way it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamHeader {
    /// The number of the call that it belongs to. 0 in a credit that tells the position only.
    pub(crate) call: u64,
    /// Up to where its sender has read the ring that comes the other way.
    pub(crate) head: u64,
    /// As in the request.
    pub(crate) slot: u16,
    /// Of a credit: how many octets may have been sent since the beginning. 0 otherwise.
    pub(crate) limit: u64,
}

/// What an item's record is of its item and of its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ItemFlags {
    /// The item ends here; otherwise the next record continues it.
    pub(crate) ends_item: bool,
    /// Nothing comes after. Without `ends_item` the record holds nothing of an item.
    pub(crate) ends_stream: bool,
}

const ENDS_ITEM: u8 = 1;
const ENDS_STREAM: u8 = 2;

/// In the place of a limit, a client's stop says that it sends no more either.
pub(crate) const GIVEN_UP: u64 = 1;

/// What a record with `payload` octets of an item takes of its stream's credit: with the octets those by
/// which it is kept, so that empty items are not free.
pub(crate) const fn item_cost(payload: usize) -> u64 {
    (WORD + payload) as u64
}

impl ItemFlags {
    pub(crate) const fn tags(self) -> [u8; 3] {
        [
            ENDS_ITEM * self.ends_item as u8 + ENDS_STREAM * self.ends_stream as u8,
            0,
            0,
        ]
    }

    const fn from_tag(tag: u8) -> Option<Self> {
        if tag > (ENDS_ITEM | ENDS_STREAM) {
            return None;
        }
        Some(Self {
            ends_item: tag & ENDS_ITEM != 0,
            ends_stream: tag & ENDS_STREAM != 0,
        })
    }
}

impl StreamHeader {
    pub(crate) const fn to_words(self) -> [u64; STREAM_HEADER_WORDS] {
        [self.call, self.head, (self.slot as u64) << 32, self.limit]
    }

    /// Reads each word of the header of an item, a credit or a stop once.
    pub(crate) fn read(
        ring: &Consumer,
        record: &Record,
    ) -> Result<(Self, ItemFlags, Payload), Corrupt> {
        let [flags, _, extension] = record.frame.tags();
        let payload = Payload::after(record, STREAM_HEADER_WORDS, extension)?;
        let flags = ItemFlags::from_tag(flags).ok_or(Corrupt::Header)?;
        let [call, head, slot, limit] = ring.content_words(record).ok_or(Corrupt::Length)?;
        let is_item = record.frame.kind() == Kind::ITEM;
        if !is_item && (payload.length > 0 || flags != ItemFlags::default()) {
            return Err(Corrupt::Header);
        }
        let header = Self {
            call,
            head,
            slot: slot_of(slot >> 16),
            limit,
        };
        Ok((header, flags, payload))
    }
}
