//! Buffers of long messages that are over, for the next ones: new memory costs a fault for each of its
//! pages, which is more than copying the message.

use std::collections::TryReserveError;
use std::time::{Duration, Instant};

use crate::aligned::AlignedBuffer;
use crate::stream::DEFAULT_MAX_MESSAGE;

/// One buffer for requests and one for replies, until nothing has used them for [`KEPT_FOR`].
#[derive(Default)]
pub(super) struct Spares {
    request: AlignedBuffer,
    reply: Vec<u8>,
    /// When something was put here last.
    kept_at: Option<Instant>,
}

/// Octets of a buffer that is kept: those of the longest message, unless servers are set up for longer.
const MOST_KEPT: usize = DEFAULT_MAX_MESSAGE;
/// How long memory is kept for messages that do not come.
const KEPT_FOR: Duration = Duration::from_secs(1);

impl Spares {
    /// A buffer for a request of `total` octets.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub(super) fn request(&mut self, total: usize) -> Result<AlignedBuffer, TryReserveError> {
        if total == 0 {
            return Ok(AlignedBuffer::default());
        }
        if self.request.capacity() >= total {
            return Ok(std::mem::take(&mut self.request));
        }
        AlignedBuffer::try_with_capacity(total)
    }

    /// The request in `buffer` was executed.
    pub(super) fn keep_request(&mut self, buffer: AlignedBuffer) {
        if (self.request.capacity()..=MOST_KEPT).contains(&buffer.capacity()) {
            self.request = buffer;
            self.kept_at = Some(Instant::now());
        }
    }

    /// An empty buffer for a reply.
    pub(super) fn reply(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.reply)
    }

    /// The reply in `buffer` was sent.
    pub(super) fn keep_reply(&mut self, mut buffer: Vec<u8>) {
        if (self.reply.capacity()..=MOST_KEPT).contains(&buffer.capacity()) {
            buffer.clear();
            self.reply = buffer;
            self.kept_at = Some(Instant::now());
        }
    }

    /// Gives back what was kept for too long. Returns in how long that has to be looked at again, if
    /// anything is kept.
    pub(super) fn give_back(&mut self) -> Option<Duration> {
        let left = KEPT_FOR.saturating_sub(self.kept_at?.elapsed());
        if left.is_zero() {
            *self = Self::default();
            return None;
        }
        Some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_and_given_back_when_nothing_long_comes() {
        let mut spares = Spares::default();
        assert_eq!(spares.give_back(), None);
        spares.keep_request(AlignedBuffer::with_capacity(1 << 20));
        assert!(spares.give_back().is_some());
        assert_eq!(spares.request(1000).unwrap().capacity(), 1 << 20);
        spares.keep_reply(Vec::with_capacity(MOST_KEPT + 1));
        assert_eq!(spares.reply().capacity(), 0, "too long to keep");
        spares.keep_reply(Vec::with_capacity(1 << 20));
        spares.kept_at = spares.kept_at.and_then(|at| at.checked_sub(KEPT_FOR));
        assert_eq!(spares.give_back(), None);
        assert_eq!(spares.reply().capacity(), 0);
    }
}
