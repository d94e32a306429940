//! Buffers of long messages that are over, for the next ones: new memory costs a fault for each of its
//! pages, which is more than copying the message.

use std::collections::TryReserveError;
use std::time::{Duration, Instant};

use crate::aligned::AlignedBuffer;
use crate::stream::DEFAULT_MAX_MESSAGE;

/// One buffer for requests and one for replies.
#[derive(Default)]
pub(super) struct Spares {
    request: Spare<AlignedBuffer>,
    reply: Spare<Vec<u8>>,
}

/// A buffer that is kept until [`KEPT_FOR`] has passed in which nothing used it, or if it is a large one, in
/// which no message took up a good part of it: short ones do not hold on to what a long one has left.
#[derive(Default)]
struct Spare<B> {
    buffer: B,
    /// When that time began, if anything is kept.
    since: Option<Instant>,
    /// Octets of the longest message since, if there was one.
    longest: Option<usize>,
}

/// Octets of a buffer that is kept: those of the longest message, unless servers are set up for longer.
const MOST_KEPT: usize = DEFAULT_MAX_MESSAGE;
/// How long memory is kept for messages that do not come.
const KEPT_FOR: Duration = Duration::from_secs(1);
/// Octets of a buffer that is no large one: more than the longest record has, unless rings are set up for longer
/// ones. Who sends long requests and gets short replies has one for these, too.
const KEPT_ANYHOW: usize = 256 << 10;
/// A message takes up a good part of a buffer that is no more than so many times as long.
const GOOD_PART: usize = 4;

impl Spares {
    /// A buffer for a request of `total` octets.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub(super) fn request(&mut self, total: usize) -> Result<AlignedBuffer, TryReserveError> {
        if total == 0 {
            return Ok(AlignedBuffer::default());
        }
        self.request.note(total);
        if self.request.buffer.capacity() >= total {
            return Ok(std::mem::take(&mut self.request.buffer));
        }
        AlignedBuffer::try_with_capacity(total)
    }

    /// The request in `buffer` was executed.
    pub(super) fn keep_request(&mut self, buffer: AlignedBuffer) {
        if (self.request.buffer.capacity()..=MOST_KEPT).contains(&buffer.capacity()) {
            self.request.keep(buffer);
        }
    }

    /// An empty buffer for a reply.
    pub(super) fn reply(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.reply.buffer)
    }

    /// The reply in `buffer` was sent.
    pub(super) fn keep_reply(&mut self, mut buffer: Vec<u8>) {
        if (self.reply.buffer.capacity()..=MOST_KEPT).contains(&buffer.capacity()) {
            self.reply.note(buffer.len());
            buffer.clear();
            self.reply.keep(buffer);
        }
    }

    /// Gives back what was kept for too long. Returns in how long that has to be looked at again, if
    /// anything is kept.
    pub(super) fn give_back(&mut self) -> Option<Duration> {
        let capacity = self.request.buffer.capacity();
        let request = self.request.give_back(capacity);
        let capacity = self.reply.buffer.capacity();
        let reply = self.reply.give_back(capacity);
        request.into_iter().chain(reply).min()
    }
}

impl<B: Default> Spare<B> {
    /// A message of `octets` uses such a buffer.
    fn note(&mut self, octets: usize) {
        self.longest = self.longest.max(Some(octets));
    }

    fn keep(&mut self, buffer: B) {
        self.buffer = buffer;
        self.since.get_or_insert_with(Instant::now);
    }

    /// As [`Spares::give_back`], of a buffer that has room for `capacity` octets.
    fn give_back(&mut self, capacity: usize) -> Option<Duration> {
        let left = KEPT_FOR.saturating_sub(self.since?.elapsed());
        if !left.is_zero() {
            return Some(left);
        }
        let least = match capacity {
            ..=KEPT_ANYHOW => 0,
            _ => capacity / GOOD_PART,
        };
        if self.longest.take() < Some(least) {
            *self = Self::default();
            return None;
        }
        self.since = Some(Instant::now());
        Some(KEPT_FOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second passes.
    fn pass(spares: &mut Spares) {
        for since in [&mut spares.request.since, &mut spares.reply.since] {
            *since = since.and_then(|at| at.checked_sub(KEPT_FOR));
        }
    }

    #[test]
    fn memory_is_used_again_and_given_back_when_nothing_comes() {
        let mut spares = Spares::default();
        assert_eq!(spares.give_back(), None);
        spares.keep_request(AlignedBuffer::with_capacity(1 << 20));
        assert!(spares.give_back().is_some());
        let again = spares.request(1 << 20).unwrap();
        assert_eq!(again.capacity(), 1 << 20);
        spares.keep_request(again);
        spares.keep_reply(Vec::with_capacity(MOST_KEPT + 1));
        assert_eq!(spares.reply().capacity(), 0, "too long to keep");
        spares.keep_reply(vec![0; 1 << 20]);
        pass(&mut spares);
        assert_eq!(spares.give_back(), Some(KEPT_FOR), "both were used");
        pass(&mut spares);
        assert_eq!(spares.give_back(), None);
        assert_eq!(spares.reply().capacity(), 0);
        assert_eq!(spares.request(1).unwrap().capacity(), 1);
    }

    #[test]
    fn short_messages_do_not_hold_on_to_what_a_long_one_has_left() {
        let mut spares = Spares::default();
        spares.keep_request(AlignedBuffer::with_capacity(1 << 20));
        spares.keep_reply(Vec::with_capacity(1 << 20));
        let short = spares.request(1000).unwrap();
        assert_eq!(short.capacity(), 1 << 20);
        spares.keep_request(short);
        let mut short = spares.reply();
        short.resize(1000, 0);
        spares.keep_reply(short);
        pass(&mut spares);
        assert_eq!(spares.give_back(), None);
        assert_eq!(spares.request(1000).unwrap().capacity(), 1000);
        assert_eq!(spares.reply().capacity(), 0);
    }

    #[test]
    fn short_replies_have_the_buffer_that_was_made_for_them() {
        let mut spares = Spares::default();
        spares.keep_reply(Vec::with_capacity(KEPT_ANYHOW));
        pass(&mut spares);
        assert_eq!(spares.give_back(), Some(KEPT_FOR));
        assert_eq!(spares.reply().capacity(), KEPT_ANYHOW);
    }
}
