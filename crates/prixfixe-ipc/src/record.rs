//! Requests and replies as they stand in the rings.

mod stream;

pub(crate) use stream::{GIVEN_UP, ItemFlags, StreamHeader, item_cost};

use crate::layout::{MAX_EXTENSION_WORDS, OPENING_WORDS, REPLY_HEADER_WORDS, REQUEST_HEADER_WORDS};
use crate::outcome::Refusal;
use crate::ring::{Consumer, Corrupt, Kind, Record};

/// Offset of a request's cancel word within its content: its second word. Bit 0 takes
/// the call back and may be set later; bits 16 to 31 are the slot, which the reply repeats.
pub(crate) const CANCEL_WORD: usize = CANCEL_INDEX * 8;
const CANCEL_INDEX: usize = 1;

/// What a request says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestHeader {
    /// The number of the call within its channel, from 1, without gaps.
    pub(crate) call: u64,
    /// How long the caller waits, in nanoseconds from sending; 0 says that it does not tell.
    pub(crate) timeout_ns: u64,
    /// The caller's own id, stable over retries and restarts; 0 when it gave none.
    pub(crate) caller_id: u128,
    /// What kind of request this is: the application's matter.
    pub(crate) message_type: u32,
    /// The longest reply that the caller has room for, in octets.
    pub(crate) reply_limit: u32,
    /// Up to where the client has read the reply ring.
    pub(crate) reply_head: u64,
    /// Larger is more urgent; the server does not look at it yet.
    pub(crate) priority: u8,
    /// The client's own mark, which comes back with the reply.
    pub(crate) slot: u16,
}

/// How the payloads of a call travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// In one record each way.
    Unary,
    /// Items go both ways between request and reply, for which the server has `credit` octets to
    /// begin with.
    Stream { credit: u64 },
    /// The request has `total` octets, which follow as the parts of one item; with 0 it stands in the
    /// record. The reply may come as an item, too, for which the server has `credit` octets to begin
    /// with. A request that is `lent` has `total` octets and lies in memory that came by the socket.
    Long { total: u32, credit: u32, lent: bool },
}

/// Flags of a request's frame. Others must not be ignored, so they are refused.
const OPENS_STREAM: u8 = 1;
const IS_LONG: u8 = 2;
const IS_LENT: u8 = IS_LONG | 4;

impl Opening {
    const fn flags(self) -> u8 {
        match self {
            Self::Unary => 0,
            Self::Stream { .. } => OPENS_STREAM,
            Self::Long { lent: false, .. } => IS_LONG,
            Self::Long { lent: true, .. } => IS_LENT,
        }
    }

    const fn word(self) -> u64 {
        match self {
            Self::Unary => 0,
            Self::Stream { credit } => credit,
            Self::Long { total, credit, .. } => total as u64 | (credit as u64) << 32,
        }
    }

    const fn extension(self) -> usize {
        match self {
            Self::Unary => 0,
            Self::Stream { .. } | Self::Long { .. } => OPENING_WORDS,
        }
    }

    #[inline]
    fn read(ring: &Consumer, record: &Record, flags: u8, extension: u8) -> Result<Self, Corrupt> {
        if flags == 0 {
            return Ok(Self::Unary);
        }
        Self::read_extension(ring, record, flags, extension)
    }

    #[cold]
    fn read_extension(
        ring: &Consumer,
        record: &Record,
        flags: u8,
        extension: u8,
    ) -> Result<Self, Corrupt> {
        if usize::from(extension) < OPENING_WORDS {
            return Err(Corrupt::Header);
        }
        let word = ring.content_word(record, REQUEST_HEADER_WORDS);
        match flags {
            OPENS_STREAM => Ok(Self::Stream { credit: word }),
            IS_LONG | IS_LENT => Ok(Self::Long {
                total: low(word),
                credit: high(word),
                lent: flags == IS_LENT,
            }),
            _ => Err(Corrupt::Header),
        }
    }
}

impl RequestHeader {
    pub(crate) fn tags(&self, opening: Opening) -> [u8; 3] {
        // A handful.
        let extension = u8::try_from(opening.extension()).unwrap_or(u8::MAX);
        [opening.flags(), self.priority, extension]
    }

    pub(crate) const fn to_words(self) -> [u64; REQUEST_HEADER_WORDS] {
        [
            self.call,
            slot_word(self.slot),
            self.timeout_ns,
            low_word(self.caller_id),
            low_word(self.caller_id >> 64),
            self.message_type as u64 | (self.reply_limit as u64) << 32,
            self.reply_head,
        ]
    }

    /// The header of a call whose payloads do not travel in one record each.
    pub(crate) fn to_opening_words(
        self,
        opening: Opening,
    ) -> [u64; REQUEST_HEADER_WORDS + OPENING_WORDS] {
        let mut words = [0; REQUEST_HEADER_WORDS + OPENING_WORDS];
        words[..REQUEST_HEADER_WORDS].copy_from_slice(&self.to_words());
        words[REQUEST_HEADER_WORDS] = opening.word();
        words
    }

    /// Reads each word of the header once.
    #[inline]
    pub(crate) fn read(
        ring: &Consumer,
        record: &Record,
    ) -> Result<(Self, Opening, Payload), Corrupt> {
        let [flags, priority, extension] = record.frame.tags();
        if record.frame.kind() != Kind::REQUEST {
            return Err(Corrupt::Header);
        }
        let payload = Payload::after(record, REQUEST_HEADER_WORDS, extension)?;
        let [call, cancel, timeout_ns, id_low, id_high, sizes, reply_head] =
            ring.content_words(record).ok_or(Corrupt::Length)?;
        let header = Self {
            call,
            timeout_ns,
            caller_id: u128::from(id_low) | u128::from(id_high) << 64,
            message_type: low(sizes),
            reply_limit: high(sizes),
            reply_head,
            priority,
            slot: slot_of(cancel),
        };
        let opening = Opening::read(ring, record, flags, extension)?;
        Ok((header, opening, payload))
    }

    /// The word by which the client takes the call back.
    #[inline]
    pub(crate) fn cancel_word(ring: &Consumer, record: &Record) -> u64 {
        ring.content_word(record, CANCEL_INDEX)
    }
}

/// The first value of the cancel word.
pub(crate) const fn slot_word(slot: u16) -> u64 {
    (slot as u64) << 16
}

const fn slot_of(word: u64) -> u16 {
    let [_, _, low, high, ..] = word.to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// What a reply says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReplyHeader {
    /// The number of the call that it ends.
    pub(crate) call: u64,
    pub(crate) ending: Ending,
    /// Up to where the server has read the request ring.
    pub(crate) request_head: u64,
    pub(crate) message_type: u32,
    /// As in the request.
    pub(crate) slot: u16,
}

/// How the server ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Completed,
    Refused(Refusal),
    /// The call had been taken back in time: the handler never saw it.
    TakenBack,
    /// The server is draining: the handler never saw it either.
    NotTaken,
}

impl ReplyHeader {
    pub(crate) const fn tags(&self) -> [u8; 3] {
        [0, self.ending.number(), 0]
    }

    pub(crate) const fn to_words(self) -> [u64; REPLY_HEADER_WORDS] {
        [
            self.call,
            self.request_head,
            self.message_type as u64 | (self.slot as u64) << 32,
        ]
    }

    /// Reads each word of the header once.
    #[inline]
    pub(crate) fn read(ring: &Consumer, record: &Record) -> Result<(Self, Payload), Corrupt> {
        let [flags, ending, extension] = record.frame.tags();
        if record.frame.kind() != Kind::REPLY || flags != 0 {
            return Err(Corrupt::Header);
        }
        let payload = Payload::after(record, REPLY_HEADER_WORDS, extension)?;
        let [call, request_head, last] = ring.content_words(record).ok_or(Corrupt::Length)?;
        let header = Self {
            call,
            ending: Ending::from_number(ending).ok_or(Corrupt::Header)?,
            request_head,
            message_type: low(last),
            slot: slot_of(last >> 16),
        };
        Ok((header, payload))
    }
}

impl Ending {
    const fn number(self) -> u8 {
        match self {
            Self::Completed => 0,
            Self::TakenBack => 1,
            Self::NotTaken => 2,
            Self::Refused(refusal) => 16 + refusal.number(),
        }
    }

    const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Completed),
            1 => Some(Self::TakenBack),
            2 => Some(Self::NotTaken),
            16.. => match Refusal::from_number(number - 16) {
                Some(refusal) => Some(Self::Refused(refusal)),
                None => None,
            },
            _ => None,
        }
    }
}

/// Where the payload stands within the content of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payload {
    /// Octets of content before it.
    pub(crate) offset: usize,
    pub(crate) length: usize,
}

impl Payload {
    /// Behind the header and its extension, both of which must be there.
    #[inline]
    fn after(record: &Record, header_words: usize, extension: u8) -> Result<Self, Corrupt> {
        let extension = usize::from(extension);
        if extension > MAX_EXTENSION_WORDS {
            return Err(Corrupt::Header);
        }
        let offset = (header_words + extension) * 8;
        let length = (record.frame.length() as usize)
            .checked_sub(offset)
            .ok_or(Corrupt::Length)?;
        Ok(Self { offset, length })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
const fn low(word: u64) -> u32 {
    word as u32
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
const fn low_word(wide: u128) -> u64 {
    wide as u64
}

const fn high(word: u64) -> u32 {
    (word >> 32) as u32
}
