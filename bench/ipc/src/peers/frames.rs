//! Messages over a stream of bytes: four bytes of length, then the message. What has come is
//! collected, so that one read may bring many messages and one write take many along.

use std::io;

/// What was read and not yet taken.
#[derive(Debug)]
pub(super) struct Incoming {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

/// What is to be written with the next write.
#[derive(Debug, Default)]
pub(super) struct Outgoing(Vec<u8>);

impl Incoming {
    /// Room for `messages` of `payload` bytes each, or for what a read should bring at least.
    pub(super) fn new(payload: usize, messages: u32) -> Self {
        let window = (payload + LENGTH_BYTES) * messages as usize;
        Self {
            bytes: vec![0; window.max(READ_BYTES)],
            start: 0,
            end: 0,
        }
    }

    /// The next whole message, if it is there. None also for one too long ever to be: then
    /// [`Self::room`] says so.
    pub(super) fn take(&mut self) -> Option<&[u8]> {
        let (length, rest) = self.bytes[self.start..self.end].split_first_chunk()?;
        let length = u32::from_le_bytes(*length) as usize;
        let message = self.start + LENGTH_BYTES;
        rest.get(..length)?;
        self.start = message + length;
        Some(&self.bytes[message..message + length])
    }

    /// Where to read to. An error if a message does not fit.
    pub(super) fn room(&mut self) -> io::Result<&mut [u8]> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let room = &mut self.bytes[self.end..];
        if room.is_empty() {
            return Err(io::Error::other("a message is longer than agreed"));
        }
        Ok(room)
    }

    /// `count` bytes were read. False at the end of the stream.
    pub(super) fn filled(&mut self, count: usize) -> bool {
        self.end += count;
        count > 0
    }
}

impl Outgoing {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a payload is at most MOST_PAYLOAD_BYTES"
    )]
    pub(super) fn push(&mut self, message: &[u8]) {
        let length = message.len() as u32;
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(message);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// The most bytes a client of a stream may have in flight in several calls. A server that answers
/// as it reads, and a client that writes all before it reads, would otherwise wait for each other
/// once both sockets are full; Linux gives each at least 208 KiB, of which bookkeeping takes half.
pub(super) const WINDOW_BYTES: usize = 64 * 1024;

const LENGTH_BYTES: usize = 4;
/// One read brings up to the whole window.
const READ_BYTES: usize = WINDOW_BYTES;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_however_the_stream_is_cut() {
        let messages: Vec<Vec<u8>> = (0..50_u8).map(|n| vec![n; usize::from(n) * 7]).collect();
        let mut stream = Outgoing::default();
        for message in &messages {
            stream.push(message);
        }
        for piece in [1, 2, 3, 5, 64, 1000, 100_000] {
            let mut incoming = Incoming {
                bytes: vec![0; 400],
                start: 0,
                end: 0,
            };
            let mut rest = stream.bytes();
            let mut seen = Vec::new();
            while !rest.is_empty() {
                let room = incoming.room().unwrap();
                let count = piece.min(room.len()).min(rest.len());
                room[..count].copy_from_slice(&rest[..count]);
                rest = &rest[count..];
                assert!(incoming.filled(count));
                while let Some(message) = incoming.take() {
                    seen.push(message.to_vec());
                }
            }
            assert_eq!(seen, messages, "pieces of {piece}");
        }
    }

    #[test]
    fn a_message_that_can_never_fit_is_an_error() {
        let mut incoming = Incoming::new(100, 1);
        let room = incoming.room().unwrap();
        room.fill(0xff);
        let count = room.len();
        incoming.filled(count);
        assert!(incoming.take().is_none());
        assert!(incoming.room().is_err());
    }
}
