//! A peer that keeps the rules of the rings, for lies and storms that begin above them.

use prixfixe_ipc::raw_peer::{RawChannel, RawPeer, RawRecord};

use super::stage::await_that;

/// Kinds of records in the reply ring.
pub(crate) const REPLY: u64 = 2;
const CREDIT: u64 = 4;

/// Writes records that keep the rules of the ring, and reads the server's.
pub(crate) struct Writer<'p> {
    peer: &'p RawPeer,
    channel: &'p RawChannel,
    pub(crate) tail: u64,
    pub(crate) calls: u64,
    /// Up to where the reply ring was read.
    pub(crate) head: u64,
}

impl<'p> Writer<'p> {
    pub(crate) fn new(peer: &'p RawPeer, channel: &'p RawChannel) -> Self {
        Self {
            peer,
            channel,
            tail: 0,
            calls: 0,
            head: 0,
        }
    }

    /// Publishes `record` once there is room for it, in the next lap if it does not fit in this one. False
    /// when the server has hung up.
    pub(crate) fn write(&mut self, record: &RawRecord) -> bool {
        let capacity = self.channel.requests.len() as u64;
        let size = (u64::from(record.length) + 8).next_multiple_of(8);
        let left = capacity - self.tail % capacity;
        let skip = if left < size { left } else { 0 };
        let room = || capacity - (self.tail - self.channel.request_head.read(0));
        // Everything is read then, and the next lap can begin.
        let enough = if skip > 0 { capacity } else { size };
        await_that(|| room() >= enough || self.peer.socket.is_gone());
        self.tail += skip;
        if skip > 0 {
            self.channel.request_line.write(8, self.tail);
        }
        self.tail = self.channel.put(self.tail, record);
        self.channel.publish(self.tail);
        self.peer.doorbell.ring();
        !self.peer.socket.is_gone()
    }

    /// Writes `record`, to be published with the next. In the first lap only.
    pub(crate) fn put(&mut self, record: &RawRecord) {
        self.tail = self.channel.put(self.tail, record);
    }

    /// Opens a stream of this type, and returns its call.
    pub(crate) fn open(&mut self, message_type: u32, credit: u64) -> u64 {
        self.calls += 1;
        let mut record = RawRecord::stream(self.calls, b"", credit);
        record.words[5] |= u64::from(message_type);
        self.write(&record);
        self.calls
    }

    /// The next record of the server's: its kind and its first four words.
    pub(crate) fn next(&mut self) -> (u64, [u64; 4]) {
        await_that(|| self.channel.reply_line.read(0) > self.head);
        let capacity = self.channel.replies.len() as u64;
        loop {
            let start = self.channel.reply_line.read(8);
            self.head = self.head.max(start);
            let word = |at: u64| self.channel.replies.read((at % capacity) as usize);
            let frame = word(self.head);
            let at = self.head + 8;
            self.head += ((frame & 0xffff_ffff) + 8).next_multiple_of(8);
            let kind = frame >> 32 & 0xff;
            if kind != 0 {
                let words = std::array::from_fn(|index| word(at + index as u64 * 8));
                self.channel.reply_head.write(0, self.head);
                self.peer.doorbell.ring();
                return (kind, words);
            }
        }
    }

    /// Waits for the first credit of `call`, and returns it.
    pub(crate) fn credit(&mut self, call: u64) -> u64 {
        loop {
            if let (CREDIT, [of, _, _, limit]) = self.next()
                && of == call
            {
                return limit;
            }
        }
    }
}
