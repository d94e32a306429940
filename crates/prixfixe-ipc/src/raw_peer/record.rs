//! Requests and records of streams as a peer without manners writes them.

use super::RawMemory;
use crate::layout::REQUEST_HEADER_WORDS;
use crate::memory::WORD;
use crate::record::{RequestHeader, StreamHeader};
use crate::ring::{Frame, Kind, record_size};

/// A frame and the words behind it, which need not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRecord {
    /// Octets behind the frame, as the frame says.
    pub length: u32,
    /// What it is: 0 a skip, 1 a request, 2 a reply, 3 an item, 4 a credit, 5 a stop.
    pub kind: u8,
    /// Flags, priority of a request, words by which the header is longer.
    pub tags: [u8; 3],
    /// What stands behind the frame: for a request seven words, then the payload. The words are: the
    /// call's number, slot and cancel bit, time-out, two of the caller's id, type and reply limit,
    /// head of the reply ring. For a record of a stream four words: the call's number, head of the reply
    /// ring, slot, limit; then the payload.
    pub words: Vec<u64>,
}

impl RawRecord {
    /// An honest request, number `call` of its channel, in slot 0, whose reply may have `reply_limit`
    /// octets; to be spoilt by the caller.
    pub fn request(call: u64, payload: &[u8], reply_limit: u32) -> Self {
        let header = RequestHeader {
            call,
            timeout_ns: 0,
            caller_id: 0,
            message_type: 0,
            reply_limit,
            reply_head: 0,
            priority: 0,
            slot: 0,
        };
        Self::new(Kind::REQUEST, [0; 3], header.to_words().to_vec(), payload)
    }

    /// An honest request that opens a stream, for whose items the server has `credit`.
    pub fn stream(call: u64, payload: &[u8], credit: u64) -> Self {
        let mut record = Self::request(call, payload, 0);
        record.tags = [1, 0, 1];
        record.words.insert(REQUEST_HEADER_WORDS, credit);
        record.length += 8;
        record
    }

    /// An honest request of `total` octets, which follow as the parts of one item; with 0 it is `payload`.
    /// For the parts of its reply the server has `credit`.
    pub fn long(call: u64, payload: &[u8], total: u32, reply_limit: u32, credit: u32) -> Self {
        let mut record = Self::request(call, payload, reply_limit);
        record.tags = [2, 0, 1];
        let word = u64::from(total) | u64::from(credit) << 32;
        record.words.insert(REQUEST_HEADER_WORDS, word);
        record.length += 8;
        record
    }

    /// An honest request of `octets` octets in memory that was lent, whose reply may have `reply_limit`.
    pub fn lent(call: u64, octets: u32, reply_limit: u32) -> Self {
        let mut record = Self::request(call, &[], reply_limit);
        record.tags = [6, 0, 1];
        record.words.push(octets.into());
        record.length += 8;
        record
    }

    /// An item of the stream that `call` has opened in slot 0, or a part of one, with these flags.
    pub fn item(call: u64, payload: &[u8], flags: u8) -> Self {
        Self::of_stream(Kind::ITEM, [flags, 0, 0], call, 0, payload)
    }

    /// A credit.
    pub fn credit(call: u64, limit: u64) -> Self {
        Self::of_stream(Kind::CREDIT, [0; 3], call, limit, &[])
    }

    /// A stop, with 1 in place of a limit where nothing more is sent either.
    pub fn stop(call: u64, limit: u64) -> Self {
        Self::of_stream(Kind::STOP, [0; 3], call, limit, &[])
    }

    fn of_stream(kind: Kind, tags: [u8; 3], call: u64, limit: u64, payload: &[u8]) -> Self {
        let header = StreamHeader {
            call,
            head: 0,
            slot: 0,
            limit,
        };
        Self::new(kind, tags, header.to_words().to_vec(), payload)
    }

    /// A record of these words and then `payload`.
    fn new(kind: Kind, tags: [u8; 3], mut words: Vec<u64>, payload: &[u8]) -> Self {
        let content = words.len() * WORD + payload.len();
        words.extend(payload.chunks(WORD).map(|chunk| {
            let mut word = [0; WORD];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_ne_bytes(word)
        }));
        Self {
            length: u32::try_from(content).unwrap_or(u32::MAX),
            kind: kind.0,
            tags,
            words,
        }
    }

    /// Writes it at `position` of `ring` and returns the position after it, by its own account.
    pub(super) fn write(&self, ring: &RawMemory, position: u64) -> u64 {
        let frame = Frame::new(self.length, Kind(self.kind), self.tags);
        let capacity = ring.len() as u64;
        let words = std::iter::once(frame.to_word()).chain(self.words.iter().copied());
        for (index, word) in (0_u64..).zip(words) {
            let place = position.wrapping_add(index * WORD as u64) % capacity / WORD as u64;
            // Below the capacity, which is a usize.
            let place = usize::try_from(place).unwrap_or(0) * WORD;
            ring.write(place, word);
        }
        position.wrapping_add(record_size(self.length as usize))
    }
}
