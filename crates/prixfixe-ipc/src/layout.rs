//! Where everything stands in shared memory, and how large it may be: `docs/ipc.md` in code.

use crate::memory::{PeerWord, Region};
use crate::ring::{RingMemory, record_size};
use crate::stream::MAX_STREAM_WINDOW;

/// The version of everything on this page and of the control messages. A process that speaks another
/// one is refused, with both numbers.
pub const LAYOUT_VERSION: u32 = 3;

/// The first page of a channel's segment, before the rings.
pub(crate) const CHANNEL_HEADER: usize = 4096;

/// Octets between the words of two writers, so that neither takes the other's cache line away; two
/// lines, for processors fetch them in pairs.
const LINE: usize = 128;

const REQUEST_PRODUCER: usize = LINE;
const REQUEST_CONSUMER: usize = 2 * LINE;
const REPLY_PRODUCER: usize = 3 * LINE;
const REPLY_CONSUMER: usize = 4 * LINE;
const CLIENT_SLEEPING: usize = 5 * LINE;
/// Beside the head of the request ring, for the same writer.
const TAKEN: usize = REQUEST_CONSUMER + 8;

/// Words before the payload of a request, its frame not counted.
pub(crate) const REQUEST_HEADER_WORDS: usize = 7;
/// Words before the payload of a reply, its frame not counted.
pub(crate) const REPLY_HEADER_WORDS: usize = 3;
/// Words by which the header of a request is longer that opens a stream or is continued.
pub(crate) const OPENING_WORDS: usize = 1;
/// Words before the payload of an item, a credit or a stop, its frame not counted.
pub(crate) const STREAM_HEADER_WORDS: usize = 4;
/// Octets of a part in rings of half a megabyte and more: so many that nothing is felt of what a record costs,
/// and few enough that the other side is never far behind.
const USUAL_PART: usize = 32 << 10;
/// Octets of a ring that each open stream keeps free for its credit and its stop: twice their size
/// each, for a record at the end of the ring may leave nearly its own size unused.
pub(crate) const STREAM_RESERVE: u64 = 4 * record_size(STREAM_HEADER_WORDS * 8);
/// The most words by which a later version may lengthen a header; a reader passes over them.
pub(crate) const MAX_EXTENSION_WORDS: usize = 8;

/// Octets of a ring for each stream that may be open: three times what one keeps free.
const RING_PER_STREAM: u32 = 512;
/// The most streams of a channel, however large its rings: they are looked for one by one.
const MAX_STREAMS: u32 = 64;

/// The sizes of a channel, as both sides agreed on them when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelSizes {
    ring: u32,
    max_payload: u32,
    max_in_flight: u16,
}

/// Sizes that a channel cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizesError {
    /// See [`ChannelSizes::MIN_RING`] and [`ChannelSizes::MAX_RING`].
    #[error("a ring of {0} bytes is not a power of two from 4 KiB to 64 MiB")]
    Ring(u32),
    /// A quarter of the ring, so that one message never has to wait for an empty ring.
    #[error("a payload of {max_payload} bytes is more than a quarter of a ring of {ring}")]
    Payload {
        /// As asked for, in bytes.
        max_payload: u32,
        /// As asked for, in bytes.
        ring: u32,
    },
    /// See [`ChannelSizes::MAX_IN_FLIGHT`].
    #[error("{0} calls in flight are not between 1 and 1024")]
    InFlight(u16),
}

impl ChannelSizes {
    /// The smallest ring, in bytes: a page.
    pub const MIN_RING: u32 = 4096;
    /// The largest ring, in bytes. Larger ones would only be slower: they fit no cache.
    pub const MAX_RING: u32 = 64 << 20;
    /// The most calls that a channel may have in flight.
    pub const MAX_IN_FLIGHT: u16 = 1024;

    /// Sizes by choice. Memory is used only as far as messages reach.
    ///
    /// # Errors
    /// When a ring or a message of that size cannot be.
    pub fn new(ring: u32, max_payload: u32, max_in_flight: u16) -> Result<Self, SizesError> {
        if !ring.is_power_of_two() || !(Self::MIN_RING..=Self::MAX_RING).contains(&ring) {
            return Err(SizesError::Ring(ring));
        }
        if max_payload > ring / 4 {
            return Err(SizesError::Payload { max_payload, ring });
        }
        if max_in_flight == 0 || max_in_flight > Self::MAX_IN_FLIGHT {
            return Err(SizesError::InFlight(max_in_flight));
        }
        Ok(Self {
            ring,
            max_payload,
            max_in_flight,
        })
    }

    /// Bytes of each of the two rings.
    pub const fn ring(self) -> u32 {
        self.ring
    }

    /// The most bytes that a request or a reply may carry.
    pub const fn max_payload(self) -> u32 {
        self.max_payload
    }

    /// The most calls that may be open at once.
    pub const fn max_in_flight(self) -> u16 {
        self.max_in_flight
    }

    /// Streams and long messages that may be open at once. What they [keep free](STREAM_RESERVE) stays
    /// below a third of the ring, and what the server keeps of each is bounded by it.
    pub(crate) fn max_streams(self) -> usize {
        let by_ring = self.ring / RING_PER_STREAM;
        usize::from(self.max_in_flight).min(by_ring.min(MAX_STREAMS) as usize)
    }

    /// The longest part of an item that may stand in one record.
    pub(crate) fn max_part(self) -> usize {
        (self.max_payload as usize)
            .min(self.ring as usize / 8)
            .max(1)
    }

    /// Octets of items that may lie on one side of a stream, where `asked` is wished: at least as many as
    /// may be in the ring.
    pub(crate) fn stream_window(self, asked: usize) -> usize {
        let least = 2 * (self.max_part() + crate::memory::WORD);
        asked
            .min(MAX_STREAM_WINDOW)
            .max(self.ring as usize / 2)
            .max(least)
    }

    /// How long a part we make of an item: short enough that the other side reads one while the next is
    /// written.
    pub(crate) fn usual_part(self) -> usize {
        self.max_part()
            .min((self.ring / 16) as usize)
            .min(USUAL_PART)
    }

    /// Octets of the segment.
    pub(crate) const fn segment(self) -> usize {
        CHANNEL_HEADER + 2 * self.ring as usize
    }

    /// The most octets that the content of a request may have.
    pub(crate) const fn max_request_content(self) -> u32 {
        self.max_payload + octets(REQUEST_HEADER_WORDS + MAX_EXTENSION_WORDS)
    }

    /// The most octets that the content of a reply, or of an item beside it, may have.
    pub(crate) const fn max_reply_content(self) -> u32 {
        self.max_payload + octets(STREAM_HEADER_WORDS + MAX_EXTENSION_WORDS)
    }

    /// Octets of the ring that an item of `payload` octets takes up.
    pub(crate) const fn item_size(payload: usize) -> u64 {
        record_size(STREAM_HEADER_WORDS * 8 + payload)
    }

    /// Octets of the ring that a reply of `payload` octets takes up.
    pub(crate) const fn reply_size(payload: u32) -> u64 {
        Self::reply_size_of(payload as usize)
    }

    /// As [`ChannelSizes::reply_size`].
    pub(crate) const fn reply_size_of(payload: usize) -> u64 {
        record_size(REPLY_HEADER_WORDS * 8 + payload)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a handful of words")]
const fn octets(words: usize) -> u32 {
    (words * 8) as u32
}

impl Default for ChannelSizes {
    /// Rings of 256 KiB, messages of 64 KiB, 32 in flight.
    fn default() -> Self {
        Self {
            ring: 256 << 10,
            max_payload: 64 << 10,
            max_in_flight: 32,
        }
    }
}

/// The segment of a channel, taken apart.
pub(crate) struct ChannelMemory {
    pub(crate) requests: RingMemory,
    pub(crate) replies: RingMemory,
    /// Written by the server: the number of the last call it took.
    pub(crate) taken: Region,
    /// Written by the client: its announcement of sleep, where it is a blocking one.
    pub(crate) client_sleeping: Region,
}

impl ChannelMemory {
    /// `segment` has exactly the length that `sizes` ask for.
    pub(crate) fn new(segment: &Region, sizes: ChannelSizes) -> Self {
        let ring = sizes.ring as usize;
        Self {
            requests: RingMemory {
                producer_line: segment.part(REQUEST_PRODUCER, 16),
                head: segment.part(REQUEST_CONSUMER, 8),
                records: segment.part(CHANNEL_HEADER, ring),
            },
            replies: RingMemory {
                producer_line: segment.part(REPLY_PRODUCER, 16),
                head: segment.part(REPLY_CONSUMER, 8),
                records: segment.part(CHANNEL_HEADER + ring, ring),
            },
            taken: segment.part(TAKEN, 8),
            client_sleeping: client_sleeping(segment),
        }
    }
}

/// The place of a blocking client's announcement of sleep in the segment of its channel.
pub(crate) fn client_sleeping(segment: &Region) -> Region {
    segment.part(CLIENT_SLEEPING, 8)
}

/// What every client maps and only the server writes.
pub(crate) struct ServerPage;

impl ServerPage {
    /// The first page; the statistics follow, as [`crate::statistics::places`] has them.
    pub(crate) const HEADER: usize = 4096;
    /// The server's announcement of sleep.
    pub(crate) const SLEEPING: usize = LINE;
    /// Beside it, for it changes as seldom: bit 0, whether hints are wanted; bits 8 to 15, how a
    /// client had better wait ([`crate::spin::Crowd`]).
    pub(crate) const ADVICE: usize = LINE + 8;
    /// Bit 1 of the advice: the server drains, and takes no call.
    pub(crate) const DRAINING: u64 = 1 << 1;
}

/// What an asynchronous client process and the server share beside its channels.
pub(crate) struct LinkPage;

impl LinkPage {
    pub(crate) const SIZE: usize = 4096;
    /// The announcement of sleep of the whole process.
    pub(crate) const SLEEPING: usize = LINE;

    pub(crate) fn sleeping(page: &Region) -> PeerWord {
        PeerWord::at(page, Self::SLEEPING)
    }
}
