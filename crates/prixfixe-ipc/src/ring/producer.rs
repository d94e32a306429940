//! The side that writes records.

use super::{Frame, Kind, RingMemory, START, TAIL, offset, record_size};
use crate::memory::{OwnWord, PeerWord, Region, WORD};
use crate::sync::Ordering;

/// Writes records and publishes them. There is one per ring; nothing but it writes to the ring.
pub(crate) struct Producer {
    tail_word: OwnWord,
    start_word: OwnWord,
    head_word: PeerWord,
    records: Region,
    tail: u64,
    published: u64,
    start: u64,
    /// What the consumer is known to have read, at most `tail`.
    head: u64,
    /// Octets that only [`Producer::push_control`] may use.
    reserve: u64,
    /// The end of what was written in the ring since [`Producer::give_back`] looked last.
    reach: u32,
    /// The end of what may have memory since before.
    reached: u32,
}

/// Octets of a ring whose memory is never given back: as much as calls with small messages use, one of
/// which would need it again at once. The first page; less in models, whose rings are small.
const KEPT: u32 = if cfg!(loom) { 32 } else { 4096 };

/// Octets of a ring that are given back in one go, from a multiple of as many on: as many as rings have by
/// default. Larger ones take several goes, between which calls have their turn.
pub(crate) const GIVEN_AT_ONCE: u32 = 256 << 10;

/// Octets of the next record that are asked for before it is written: the lines of a small one. More of them
/// made longer records no faster.
const FETCHED_AHEAD: usize = 128;

/// What [`Producer::give_back`] has left of the memory that a ring has grown by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// Nothing, or what comes up again when the next record is written.
    Nothing,
    /// What was used since it was asked last, and may be given back another time.
    InUse,
    /// What can be given back at once, but was too much for one go.
    Unused,
}

/// There is no room for the record now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// The consumer claims to have read what was never written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HeadLies;

impl Producer {
    /// The producer of a ring in which nothing was written yet.
    pub(crate) fn new(memory: &RingMemory) -> Self {
        Self {
            tail_word: OwnWord::at(&memory.producer_line, TAIL),
            start_word: OwnWord::at(&memory.producer_line, START),
            head_word: PeerWord::at(&memory.head, 0),
            records: memory.records.clone(),
            tail: 0,
            published: 0,
            start: 0,
            head: 0,
            reserve: 0,
            reach: 0,
            reached: 0,
        }
    }

    /// Keeps this many octets free for [`Producer::push_control`], from now on.
    pub(crate) fn set_reserve(&mut self, octets: u64) {
        self.reserve = octets;
    }

    /// Asks for the place of the next record, which the consumer has read last.
    #[inline]
    pub(crate) fn prefetch_next(&self) {
        let position = if self.head == self.tail { 0 } else { self.tail };
        let place = self.offset(position);
        let len = FETCHED_AHEAD.min(self.records.len() - place);
        self.records.prefetch_to_write(place, len);
    }

    /// How far the consumer is known to have read.
    pub(crate) fn known_head(&self) -> u64 {
        self.head
    }

    /// Octets that are written and not known to be read.
    pub(crate) fn used(&self) -> u64 {
        self.tail - self.head
    }

    /// Octets that are written and not published.
    pub(crate) fn unpublished(&self) -> u64 {
        self.tail - self.published
    }

    #[inline]
    pub(crate) fn capacity(&self) -> u64 {
        self.records.len() as u64
    }

    /// What a consumer sleeps on that has read everything.
    #[cfg(all(not(loom), target_os = "linux"))]
    pub(crate) fn tail_futex(&self) -> &std::sync::atomic::AtomicU32 {
        self.tail_word.low_half()
    }

    /// Takes note that the consumer said to have read up to `head`.
    #[inline]
    pub(crate) fn note_head(&mut self, head: u64) -> Result<(), HeadLies> {
        // An older word than the last one says nothing new: words come by two ways, and a restart
        // counts as read what the consumer has not passed yet.
        if head <= self.head {
            return Ok(());
        }
        if head > self.published {
            return Err(HeadLies);
        }
        self.head = head;
        Ok(())
    }

    /// Whether the consumer says that it has read more than is known: one load, and no promise.
    pub(crate) fn head_moved(&self) -> bool {
        // Relaxed: only a hint; `refresh_head` reads again.
        self.head_word.read(Ordering::Relaxed) > self.head
    }

    /// Looks how far the consumer has published to have read.
    pub(crate) fn refresh_head(&mut self) -> Result<(), HeadLies> {
        // Acquire: what the consumer read is read before we write over it.
        let head = self.head_word.read(Ordering::Acquire);
        self.note_head(head)
    }

    /// Writes a record of `header` words and then `payload`, not yet published, and returns its
    /// position.
    #[inline]
    pub(crate) fn push<const N: usize>(
        &mut self,
        kind: Kind,
        tags: [u8; 3],
        header: &[u64; N],
        payload: &[u8],
    ) -> Result<u64, Full> {
        self.write(kind, tags, header, payload, self.reserve)
    }

    /// As [`Producer::push`], of a record that has no payload and for which room is kept.
    pub(crate) fn push_control<const N: usize>(
        &mut self,
        kind: Kind,
        tags: [u8; 3],
        header: &[u64; N],
    ) -> Result<u64, Full> {
        self.write(kind, tags, header, &[], 0)
    }

    /// Writes a record and leaves `kept` octets free.
    #[inline]
    fn write<const N: usize>(
        &mut self,
        kind: Kind,
        tags: [u8; 3],
        header: &[u64; N],
        payload: &[u8],
        kept: u64,
    ) -> Result<u64, Full> {
        let content = N * WORD + payload.len();
        let Ok(length) = u32::try_from(content) else {
            return Err(Full);
        };
        let size = record_size(content);
        self.make_room(size, kept)?;
        let position = self.tail;
        let offset = self.offset(position);
        let frame = Frame::new(length, kind, tags);
        self.records
            .write_record(offset, frame.to_word(), header, payload);
        self.tail = position + size;
        self.note_reach(offset + WORD + content);
        Ok(position)
    }

    /// Shows the consumer all that was written. Returns false when that was nothing.
    #[inline]
    pub(crate) fn publish(&mut self) -> bool {
        if self.published == self.tail {
            return false;
        }
        // Relaxed: the tail, published after it, orders it.
        self.start_word.set(self.start, Ordering::Relaxed);
        // Release: who reads this tail sees the records below it and the start that belongs to it.
        self.tail_word.set(self.tail, Ordering::Release);
        self.published = self.tail;
        true
    }

    /// Whether more than the first page has memory.
    #[inline]
    pub(crate) fn has_grown(&self) -> bool {
        self.reach > KEPT || self.reached > KEPT
    }

    /// Gives back the memory that nothing has used since this was asked last, or [a part](GIVEN_AT_ONCE) of
    /// it.
    ///
    /// Only where everything is read: then the next record stands at the first line, and neither side
    /// looks at anything before it is written anew.
    pub(crate) fn give_back(&mut self) -> Result<Left, HeadLies> {
        if !self.has_grown() {
            return Ok(Left::Nothing);
        }
        self.refresh_head()?;
        if self.used() > 0 {
            // Once for a consumer that is slow; one that reads nothing is not waited for, and whoever
            // writes the next record looks again.
            let reach = std::mem::take(&mut self.reach);
            self.reached = self.reached.max(reach);
            return Ok(Left::in_use(reach > 0));
        }
        let kept = self.reach.max(KEPT);
        if kept < self.reached {
            // From the end, so that what is left is still all below `reached`.
            let first = (self.reached - 1) / GIVEN_AT_ONCE * GIVEN_AT_ONCE;
            let end = (first as usize + GIVEN_AT_ONCE as usize).min(self.records.len());
            let start = first.max(kept);
            self.records.give_back(start as usize, end - start as usize);
            if start > kept {
                self.reached = start;
                return Ok(Left::Unused);
            }
        }
        self.reached = std::mem::take(&mut self.reach);
        Ok(Left::in_use(self.reached > KEPT))
    }

    /// The word at `offset` octets into the content of the record at `position`, which we alone write
    /// as long as the consumer has not released the record.
    pub(crate) fn content_word(&self, position: u64, offset: usize) -> OwnWord {
        OwnWord::at(&self.records, self.offset(position) + WORD + offset)
    }

    /// Whether a record of so many words of header and no payload could be written.
    pub(crate) fn has_room(&self, header: usize) -> bool {
        self.fits(record_size(header * WORD), self.reserve)
    }

    /// Whether a record of `size` fits and leaves `kept` octets free.
    fn fits(&self, size: u64, kept: u64) -> bool {
        if self.head == self.tail {
            return size <= self.capacity();
        }
        let left_in_lap = self.capacity() - (self.tail & (self.capacity() - 1));
        let skipped = if size <= left_in_lap { 0 } else { left_in_lap };
        skipped + size <= (self.capacity() - self.used()).saturating_sub(kept)
    }

    /// Moves the tail to where a record of `size` fits in one piece and leaves `kept` octets free.
    #[inline]
    fn make_room(&mut self, size: u64, kept: u64) -> Result<(), Full> {
        if !self.fits(size, kept) {
            return Err(Full);
        }
        let left_in_lap = self.capacity() - (self.tail & (self.capacity() - 1));
        if self.head == self.tail {
            if left_in_lap != self.capacity() {
                self.tail += left_in_lap;
                // Nothing is unread, so what is skipped counts as read on both sides.
                self.head = self.tail;
                self.start = self.tail;
            }
            return Ok(());
        }
        if size <= left_in_lap {
            return Ok(());
        }
        self.skip(left_in_lap)
    }

    /// Fills what is left of the ring with a record that holds nothing.
    #[cold]
    fn skip(&mut self, left_in_lap: u64) -> Result<(), Full> {
        // Bounded by the capacity, which fits.
        let length = u32::try_from(left_in_lap - WORD as u64).map_err(|_| Full)?;
        let skip = Frame::new(length, Kind::SKIP, [0; 3]);
        let offset = self.offset(self.tail);
        self.records.write_words(offset, &[skip.to_word()]);
        self.note_reach(offset + WORD);
        self.tail += left_in_lap;
        Ok(())
    }

    /// The ring has memory up to `end` now.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "within the ring, which is shorter than 4 GiB"
    )]
    fn note_reach(&mut self, end: usize) {
        self.reach = self.reach.max(end as u32);
    }

    fn offset(&self, position: u64) -> usize {
        offset(position, self.capacity())
    }
}

impl Left {
    const fn in_use(some: bool) -> Self {
        if some { Self::InUse } else { Self::Nothing }
    }
}
