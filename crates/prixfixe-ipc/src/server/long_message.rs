//! A call whose request or reply is longer than a record, in its parts.

use std::collections::TryReserveError;

use super::spares::Spares;
use crate::aligned::AlignedBuffer;
use crate::memory::WORD;
use crate::record::RequestHeader;

/// The request until it is whole, and then the reply until it is sent.
pub(super) struct LongMessage {
    header: RequestHeader,
    request: AlignedBuffer,
    filled: usize,
    total: usize,
    taken: bool,
    reply: Vec<u8>,
    sent: usize,
    usual_part: usize,
}

/// A request that is whole.
pub(super) struct Gathered {
    pub(super) header: RequestHeader,
    pub(super) request: AlignedBuffer,
    pub(super) length: usize,
}

impl LongMessage {
    /// A request of `total` octets, none of which has come. Its pages are touched as they come.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub(super) fn new(
        header: RequestHeader,
        total: usize,
        usual_part: usize,
        spares: &mut Spares,
    ) -> Result<Self, TryReserveError> {
        Ok(Self {
            header,
            request: spares.request(total)?,
            filled: 0,
            total,
            taken: total == 0,
            reply: Vec::new(),
            sent: 0,
            usual_part,
        })
    }

    /// What its parts may cost at most: none of them is empty.
    pub(super) fn credit(&self) -> u64 {
        ((WORD + 1) * self.total) as u64
    }

    /// Octets of the request that are kept here, or will be.
    pub(super) fn held(&self) -> usize {
        if self.taken { 0 } else { self.total }
    }

    /// Brings a part of `length` octets, which `copy` puts where it belongs. False when there are more
    /// than were announced, or when the part is empty, for such ones could go on for ever.
    pub(super) fn bring(&mut self, length: usize, copy: impl FnOnce(&mut [u8])) -> bool {
        if length == 0 || length > self.total - self.filled {
            return false;
        }
        let filled = self.filled + length;
        copy(&mut self.request.room(filled)[self.filled..]);
        self.filled = filled;
        true
    }

    /// Whether the request is whole and was not had yet.
    pub(super) fn is_gathered(&self) -> bool {
        !self.taken && self.filled == self.total
    }

    /// The request, once it is whole: to be had once.
    pub(super) fn gathered(&mut self) -> Option<Gathered> {
        if !self.is_gathered() {
            return None;
        }
        self.taken = true;
        Some(Gathered {
            header: self.header,
            request: std::mem::take(&mut self.request),
            length: self.total,
        })
    }

    /// The caller has given up. True when the request was not begun to be executed, and never will.
    pub(super) fn give_up(&mut self) -> bool {
        let unexecuted = !self.taken;
        self.taken = true;
        self.request = AlignedBuffer::default();
        unexecuted
    }

    pub(super) fn set_reply(&mut self, reply: Vec<u8>) {
        self.reply = reply;
    }

    pub(super) fn drop_reply(&mut self) {
        self.reply = Vec::new();
        self.sent = 0;
    }

    /// The buffer of the reply, which is sent.
    pub(super) fn into_reply(self) -> Vec<u8> {
        self.reply
    }

    /// The next part of the reply.
    pub(super) fn next_part(&self) -> &[u8] {
        let rest = self.reply.get(self.sent..).unwrap_or_default();
        &rest[..rest.len().min(self.usual_part)]
    }

    /// Shows `send` the next part of the reply, and whether it is the last, and passes it if that returns
    /// true.
    pub(super) fn send_next(&mut self, send: impl FnOnce(&[u8], bool) -> bool) -> bool {
        let part = self.next_part();
        let length = part.len();
        let sent = length > 0 && send(part, self.sent + length == self.reply.len());
        if sent {
            self.sent += length;
        }
        sent
    }
}
