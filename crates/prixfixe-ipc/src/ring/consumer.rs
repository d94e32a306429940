//! The side that reads records, and believes nothing.

use super::{Frame, Kind, RingMemory, START, TAIL, offset, record_size};
use crate::memory::{OwnWord, PeerWord, Region, WORD};
use crate::sync::Ordering;

/// Reads records in order and tells the producer how far it has read.
pub(crate) struct Consumer {
    tail_word: PeerWord,
    start_word: PeerWord,
    head_word: OwnWord,
    records: Region,
    /// The most octets that the content of a record may have.
    max_content: u32,
    head: u64,
    published_head: u64,
    /// The producer's tail as last read and found possible.
    tail: u64,
}

/// Octets of what was published that are asked for before the first of them is looked at: a record of 1 KB, or
/// as many lines as a processor waits for at the same time.
const FETCHED_AHEAD: u64 = 1280;
/// Octets at the beginning of the ring that are asked for while nothing is there: the lines of a small record.
const FETCHED_BEFORE: usize = 128;

/// A record whose frame was found possible. Its content is still the peer's to change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) position: u64,
    pub(crate) frame: Frame,
}

/// What the producer wrote cannot be: it is broken or it lies, and the ring is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Corrupt {
    /// The tail moved back, or further ahead than the ring is long, or is not at a word.
    #[error("the tail of the ring is at an impossible position")]
    Tail,
    /// The place to start again is not at the first line, or beyond the tail.
    #[error("the start of the ring is at an impossible position")]
    Start,
    /// A record is longer than agreed, crosses the end of the ring, or ends beyond the tail.
    #[error("a record has an impossible length")]
    Length,
    /// The consumer of a ring of ours claims to have read what was never written.
    #[error("the head of the ring is at an impossible position")]
    Head,
    /// A record has a kind, a flag or a value that this version does not know.
    #[error("a record has a header that this version does not know")]
    Header,
    /// A reply belongs to no call, or a call's number is out of order.
    #[error("a record names a call that it cannot belong to")]
    Call,
    /// More was sent of a stream than there was leave for, or after its end.
    #[error("more of a stream than there was credit for")]
    Credit,
    /// Memory that was to hold a message did not come, or is not what it has to be.
    #[error("memory for a message that did not come or is not sealed as it has to be")]
    Memory,
    /// The control socket carried something that is not a message of this version.
    #[error("a control message that this version does not know")]
    Control,
}

impl Consumer {
    /// The consumer of a ring in which nothing was written yet.
    pub(crate) fn new(memory: &RingMemory, max_content: u32) -> Self {
        Self {
            tail_word: PeerWord::at(&memory.producer_line, TAIL),
            start_word: PeerWord::at(&memory.producer_line, START),
            head_word: OwnWord::at(&memory.head, 0),
            records: memory.records.clone(),
            max_content,
            head: 0,
            published_head: 0,
            tail: 0,
        }
    }

    /// Whether there may be something to read: one load, and no promise.
    #[inline]
    pub(crate) fn looks_ready(&self) -> bool {
        // Relaxed: only a hint; `peek` reads again. Where a sleeper relies on it, a fence stands before.
        self.tail != self.head || self.tail_word.read(Ordering::Relaxed) != self.tail
    }

    /// Asks for the place where the next record will stand if everything before it was read, for one who has
    /// found nothing and looks again and again: the lines come back as soon as they are written, and need not
    /// be waited for once the tail says that they were.
    #[inline]
    pub(crate) fn prefetch_expected(&self) {
        let len = FETCHED_BEFORE.min(self.records.len());
        self.records.prefetch(0, len);
    }

    /// Asks for what was published and not looked at, for one who will come to it next.
    #[inline]
    pub(crate) fn prefetch_published(&self) {
        // Relaxed: whatever they say, only octets of the ring are asked for.
        let tail = self.tail_word.read(Ordering::Relaxed);
        let start = self.start_word.read(Ordering::Relaxed).max(self.head);
        self.prefetch(start, tail.saturating_sub(start));
    }

    /// Asks for the first of the `unread` octets from `position` on.
    #[inline]
    fn prefetch(&self, position: u64, unread: u64) {
        let place = offset(position, self.capacity());
        let left_in_lap = self.capacity() - place as u64;
        let len = unread.min(FETCHED_AHEAD).min(left_in_lap);
        self.records.prefetch(place, len as usize);
    }

    /// The position up to which was read.
    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// Octets that were read and not told to the producer.
    pub(crate) fn unpublished(&self) -> u64 {
        self.head - self.published_head
    }

    /// The word whose low half a sleeper waits on, and its value at the last look.
    pub(crate) fn tail_word(&self) -> (&PeerWord, u64) {
        (&self.tail_word, self.tail)
    }

    /// The next record, if there is one.
    #[expect(
        clippy::inline_always,
        reason = "returned through memory, it would be read in other pieces than it was written in, which stalls"
    )]
    #[inline(always)]
    pub(crate) fn peek(&mut self) -> Result<Option<Record>, Corrupt> {
        if self.head == self.tail && !self.refresh_tail()? {
            return Ok(None);
        }
        let record = self.frame_at_head()?;
        if record.frame.kind() == Kind::SKIP {
            return self.behind_skip().map(Some);
        }
        Ok(Some(record))
    }

    /// The record behind a skip, which stands at the first place of the ring.
    #[cold]
    fn behind_skip(&mut self) -> Result<Record, Corrupt> {
        self.head += self.capacity() - (self.head & (self.capacity() - 1));
        if self.head == self.tail {
            // A skip is published together with the record that did not fit.
            return Err(Corrupt::Length);
        }
        let record = self.frame_at_head()?;
        if record.frame.kind() == Kind::SKIP {
            return Err(Corrupt::Length);
        }
        Ok(record)
    }

    /// The first words of the content of `record`, each read once. `None` when it is shorter.
    #[inline]
    pub(crate) fn content_words<const N: usize>(&self, record: &Record) -> Option<[u64; N]> {
        if N * WORD > record.frame.length() as usize {
            return None;
        }
        let place = offset(record.position, self.capacity()) + WORD;
        Some(self.records.read_words(place))
    }

    /// The word `index` words into the content of `record`, which is longer, for one that is read
    /// again on purpose.
    #[inline]
    pub(crate) fn content_word(&self, record: &Record, index: usize) -> u64 {
        debug_assert!((index + 1) * WORD <= record.frame.length() as usize);
        let place = offset(record.position, self.capacity()) + WORD + index * WORD;
        // Relaxed: ordered by the caller's fence.
        self.records.word(place).load(Ordering::Relaxed)
    }

    /// Copies the content of `record` from `skipped` octets on, a multiple of a word, into `to`, which
    /// is not longer than what is left of the content.
    #[inline]
    pub(crate) fn copy_out(&self, record: &Record, skipped: usize, to: &mut [u8]) {
        debug_assert!(skipped + to.len() <= record.frame.length() as usize);
        let place = offset(record.position, self.capacity()) + WORD + skipped;
        self.records.copy_out(place, to);
    }

    /// Passes `record`, the one last peeked. Its room goes back to the producer with the next
    /// [`Consumer::publish_head`].
    #[inline]
    pub(crate) fn advance(&mut self, record: &Record) {
        self.head = record.position + record_size(record.frame.length() as usize);
    }

    /// Tells the producer how far was read, by the word of its own; true when that was news.
    #[inline]
    pub(crate) fn publish_head(&mut self) -> bool {
        if self.published_head == self.head {
            return false;
        }
        // Release: what we copied out is read before the producer sees that it may write there.
        self.head_word.set(self.head, Ordering::Release);
        self.published_head = self.head;
        true
    }

    /// Reads the producer's tail and start once each; true when there is something new.
    #[inline]
    fn refresh_tail(&mut self) -> Result<bool, Corrupt> {
        // Acquire: what was written below the tail is seen by who sees the tail.
        let tail = self.tail_word.read(Ordering::Acquire);
        if tail == self.tail {
            return Ok(false);
        }
        // Relaxed: it was stored before the tail that was just acquired. It cannot have moved since,
        // for the producer moves it only when we have read everything.
        let start = self.start_word.read(Ordering::Relaxed);
        let head = self.after_restart(start, tail)?;
        let unread = tail.checked_sub(head).ok_or(Corrupt::Tail)?;
        if unread == 0 || unread > self.capacity() || !tail.is_multiple_of(WORD as u64) {
            return Err(Corrupt::Tail);
        }
        self.head = head;
        self.tail = tail;
        self.prefetch(head, unread);
        Ok(true)
    }

    /// Where to go on reading when everything below `start` counts as read.
    fn after_restart(&self, start: u64, tail: u64) -> Result<u64, Corrupt> {
        if start <= self.head {
            return Ok(self.head);
        }
        let at_first_line = start & (self.capacity() - 1) == 0;
        if !at_first_line || start - self.head >= self.capacity() || start > tail {
            return Err(Corrupt::Start);
        }
        Ok(start)
    }

    #[inline]
    fn capacity(&self) -> u64 {
        self.records.len() as u64
    }

    #[inline]
    fn frame_at_head(&self) -> Result<Record, Corrupt> {
        let place = offset(self.head, self.capacity());
        // Relaxed: ordered by the tail; read once, and only the copy is used.
        let frame = Frame::from_word(self.records.word(place).load(Ordering::Relaxed));
        let size = record_size(frame.length() as usize);
        let left_in_lap = self.capacity() - place as u64;
        let fits = size <= self.tail - self.head && size <= left_in_lap;
        let possible = match frame.kind() {
            Kind::SKIP => size == left_in_lap && fits,
            _ => frame.length() <= self.max_content && fits,
        };
        if !possible {
            return Err(Corrupt::Length);
        }
        Ok(Record {
            position: self.head,
            frame,
        })
    }
}
