//! One pair of rings as the server sees it: taking requests and answering them.

mod extras;
mod streaming;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use super::execution::{Answer, Ticket};
use super::links::LinkWake;
use super::stream_desk::StreamLimits;
use crate::claim::Taker;
use crate::fault_point::{Point, reach};
use crate::layout::{ChannelMemory, ChannelSizes, STREAM_RESERVE};
use crate::memory::{OwnWord, PeerWord, Region};
use crate::outcome::Refusal;
use crate::record::{Ending, Opening, Payload, ReplyHeader, RequestHeader};
use crate::ring::{Consumer, Corrupt, Kind, Left, Producer, Record};
use crate::sys;
use crate::wake::Waker;
use extras::Extras;

/// A channel of a client.
pub(super) struct Channel {
    /// Whose it is.
    pub(super) link: usize,
    /// Its place among the hints of its domain.
    pub(super) hint: usize,
    /// Tells it from an earlier one in the same place.
    pub(super) generation: u64,
    requests: Consumer,
    replies: Producer,
    taker: Taker,
    sleeping: Waker,
    sizes: ChannelSizes,
    /// Octets of the reply ring kept free for calls that were taken and not answered.
    reserved: u64,
    /// The largest of these; while any is kept, as much again may be lost at the end of the ring.
    largest_reserved: u64,
    next_call: u64,
    /// Calls that were started and are not over.
    pub(super) running: u32,
    /// The client has to read replies before the next request can be taken.
    stalled: bool,
    /// How far it was known to have read when that was found.
    stalled_at: u64,
    /// Made for the first call that is not as most are.
    extras: Option<Box<Extras>>,
    lacks_memory: bool,
    /// Octets of items of a stream that may lie here each way.
    window: u32,
    /// The longest message or item, in octets.
    max_item: usize,
    /// Records of streams that were read in this turn.
    stream_records: u32,
    /// What streams have to send has not been looked at yet.
    unsent: bool,
    /// What streams have to send waits for room in the reply ring.
    waits_for_room: bool,
    /// No request will be taken any more, so none needs room for more than being told so.
    draining: bool,
}

/// Records of streams that are read, and sent, of one channel in one turn.
pub(super) const STREAM_RECORDS_PER_TURN: u32 = 32;
/// A request at the head of the ring, found possible and with room for its reply.
pub(super) struct Waiting {
    pub(super) header: RequestHeader,
    pub(super) opening: Opening,
    pub(super) payload: Payload,
    record: Record,
    /// Bytes that the reply may have.
    pub(super) limit: usize,
    /// Octets of the reply ring that are kept free for it.
    reserved: u64,
}

impl Waiting {
    /// Whether its request follows in parts, and has to be whole before it is executed.
    pub(super) fn is_gathered_first(&self) -> bool {
        matches!(self.opening, Opening::Long { total, lent: false, .. } if total > 0)
    }
}

impl Channel {
    /// `segment` has exactly the length that `sizes` ask for.
    pub(super) fn new(
        segment: &Region,
        sizes: ChannelSizes,
        link: usize,
        hint: usize,
        generation: u64,
        limits: StreamLimits,
    ) -> Self {
        let memory = ChannelMemory::new(segment, sizes);
        Self {
            link,
            hint,
            generation,
            requests: Consumer::new(&memory.requests, sizes.max_request_content()),
            replies: Producer::new(&memory.replies),
            taker: Taker::new(OwnWord::at(&memory.taken, 0)),
            sleeping: Waker::new(PeerWord::at(&memory.client_sleeping, 0)),
            sizes,
            reserved: 0,
            largest_reserved: 0,
            next_call: 1,
            running: 0,
            stalled: false,
            stalled_at: 0,
            extras: None,
            lacks_memory: false,
            window: u32::try_from(limits.window).unwrap_or(u32::MAX),
            max_item: limits.max_item,
            stream_records: 0,
            unsent: false,
            waits_for_room: false,
            draining: false,
        }
    }

    pub(super) fn sizes(&self) -> ChannelSizes {
        self.sizes
    }

    /// Takes no more: what waits can be passed over from now on.
    pub(super) fn drain(&mut self) {
        self.draining = true;
        self.stalled = false;
    }

    /// Whether there may be something to take: one load, and no promise.
    #[inline]
    pub(super) fn looks_ready(&self) -> bool {
        // One test of what a channel without streams hardly ever is.
        if self.stalled | self.unsent | self.waits_for_room {
            return self.looks_ready_to_go_on();
        }
        self.requests.looks_ready()
    }

    /// As [`Consumer::prefetch_expected`].
    #[inline]
    pub(super) fn prefetch_expected(&self) {
        self.requests.prefetch_expected();
    }

    /// As [`Consumer::prefetch_published`].
    #[inline]
    pub(super) fn prefetch_published(&self) {
        self.requests.prefetch_published();
    }

    /// The same of a channel that waits for its client, or has something to send.
    #[cold]
    fn looks_ready_to_go_on(&self) -> bool {
        let room = self.replies.head_moved();
        let takes = if self.stalled {
            // Whoever asked meanwhile, for a stream or for memory to give back, has learnt of it first.
            room || self.replies.known_head() > self.stalled_at
        } else {
            self.requests.looks_ready()
        };
        takes || self.unsent || (self.waits_for_room && room)
    }

    /// The next request, if there is one and the client has room for its reply. What stands before it
    /// and belongs to streams goes to them.
    pub(super) fn next(&mut self, wake: Option<&mut LinkWake>) -> Result<Option<Waiting>, Corrupt> {
        let Some(mut record) = self.requests.peek()? else {
            return Ok(None);
        };
        if record.frame.kind().is_of_stream() {
            match self.receive_all(record, wake)? {
                Some(behind) => record = behind,
                None => return Ok(None),
            }
        }
        let (header, opening, payload) = RequestHeader::read(&self.requests, &record)?;
        if header.call != self.next_call {
            return Err(Corrupt::Call);
        }
        let max_payload = self.sizes.max_payload();
        if payload.length > max_payload as usize {
            return Err(Corrupt::Length);
        }
        self.replies
            .note_head(header.reply_head)
            .map_err(|_| Corrupt::Head)?;
        let (limit, reserved, kept) = if opening == Opening::Unary && !self.draining {
            let limit = header.reply_limit.min(max_payload);
            (limit as usize, ChannelSizes::reply_size(limit), 0)
        } else {
            if !self.has_memory(&header, opening)? {
                return Ok(None);
            }
            self.promise(&header, opening)
        };
        self.stalled = !self.has_room(reserved + kept)?;
        if self.stalled {
            self.stalled_at = self.replies.known_head();
            return Ok(None);
        }
        Ok(Some(Waiting {
            header,
            opening,
            payload,
            record,
            limit,
            reserved,
        }))
    }

    /// What a call that is not as most are is promised: how long its reply may be, in bytes, and how many
    /// octets of the reply ring are kept for that, and for its stream.
    #[cold]
    fn promise(&self, header: &RequestHeader, opening: Opening) -> (usize, u64, u64) {
        let max_payload = self.sizes.max_payload();
        let limit = match opening {
            // It will be passed over.
            _ if self.draining => 0,
            Opening::Unary | Opening::Stream { .. } => header.reply_limit.min(max_payload),
            Opening::Long { .. } => header.reply_limit,
        };
        let limit = (limit as usize).min(self.max_item.max(max_payload as usize));
        let kept = match opening {
            Opening::Unary => 0,
            Opening::Stream { .. } | Opening::Long { .. } => STREAM_RESERVE,
        };
        // Replies to these wait for room when the time comes, for until then it may be long.
        (limit, ChannelSizes::reply_size(0), kept)
    }

    /// The calls that memory can be lent for: those that may come before any that is open has ended.
    pub(super) fn lendable_calls(&self) -> Range<u64> {
        self.next_call..self.next_call + u64::from(self.sizes.max_in_flight())
    }

    /// Whether the memory that a request lies in has come, unless it lies in its record or will be passed
    /// over.
    #[cold]
    fn has_memory(&mut self, header: &RequestHeader, opening: Opening) -> Result<bool, Corrupt> {
        if let Opening::Long {
            lent: true, total, ..
        } = opening
            && !self.draining
        {
            self.lacks_memory = match &self.extras {
                Some(extras) => !extras.lent.holds(header.call, total)?,
                None => true,
            };
            // Whether there is room is seen when it has come.
            self.stalled &= !self.lacks_memory;
            return Ok(!self.lacks_memory);
        }
        Ok(true)
    }

    /// Whether a request was next at the last look whose memory had not come. Told once for each look.
    pub(super) fn take_lack_of_memory(&mut self) -> bool {
        std::mem::take(&mut self.lacks_memory)
    }

    /// Takes `waiting` and refuses it.
    #[cold]
    pub(super) fn refuse(&mut self, index: usize, waiting: &Waiting, refusal: Refusal) {
        if let Some(ticket) = self.take(index, waiting, &mut []) {
            self.answer(&ticket, Answer::refusal(refusal));
            self.pass_lent();
        }
    }

    /// Takes `waiting`, copies its payload to `room` as far as that reaches and keeps space for its
    /// reply. `None` when the client took it back before; that has been acknowledged then.
    pub(super) fn take(
        &mut self,
        index: usize,
        waiting: &Waiting,
        room: &mut [u8],
    ) -> Option<Ticket> {
        reach(Point::ServerRequestSeen);
        self.replies.prefetch_next();
        let requests = &self.requests;
        let taken = self.taker.take(waiting.header.call, || {
            reach(Point::ServerClaimed);
            RequestHeader::cancel_word(requests, &waiting.record)
        });
        self.next_call += 1;
        let reserved = waiting.reserved;
        let ticket = Ticket {
            channel: index,
            generation: self.generation,
            call: waiting.header.call,
            slot: waiting.header.slot,
            reserved,
            in_parts: false,
            sampled_at: None,
        };
        self.reserved += reserved;
        self.largest_reserved = self.largest_reserved.max(reserved);
        if taken {
            self.requests
                .copy_out(&waiting.record, waiting.payload.offset, room);
        }
        self.requests.advance(&waiting.record);
        if taken {
            reach(Point::ServerTaken);
            return Some(ticket);
        }
        self.pass_lent();
        self.acknowledge(&ticket);
        None
    }

    /// Tells the client that it has taken the call back in time.
    #[cold]
    fn acknowledge(&mut self, ticket: &Ticket) {
        let taken_back = Answer {
            ending: Ending::TakenBack,
            message_type: 0,
            payload: Cow::Borrowed(&[]),
        };
        self.write_answer(ticket, &taken_back);
    }

    /// Ends `waiting` without taking it, and shows that at once. True when the client was woken.
    ///
    /// Until it can be read that the call was not taken, who gives it up sees for himself that it was
    /// not; and until it counts as taken, its record stands.
    #[cold]
    pub(super) fn pass_over(&mut self, waiting: &Waiting, link: Option<&mut LinkWake>) -> bool {
        let header = &waiting.header;
        let ticket = Ticket {
            channel: 0,
            generation: self.generation,
            call: header.call,
            slot: header.slot,
            reserved: 0,
            in_parts: false,
            sampled_at: None,
        };
        let not_taken = Answer {
            ending: Ending::NotTaken,
            message_type: 0,
            payload: Cow::Borrowed(&[]),
        };
        self.answer(&ticket, not_taken);
        let woken = self.show(link);
        reach(Point::ServerNotTaken);
        self.taker.pass(header.call);
        self.next_call += 1;
        self.pass_lent();
        self.requests.advance(&waiting.record);
        woken
    }

    /// Writes the answer to a call that was taken. It is seen once it is [shown](Channel::show). That of
    /// a stream goes behind its items.
    #[inline]
    pub(super) fn answer(&mut self, ticket: &Ticket, answer: Answer<'_>) {
        if ticket.in_parts {
            return self.close_stream(ticket, answer);
        }
        self.write_answer(ticket, &answer);
    }

    /// As [`Channel::answer`], of a call in parts.
    #[inline(never)]
    fn close_stream(&mut self, ticket: &Ticket, answer: Answer<'_>) {
        let max_payload = self.sizes.max_payload() as usize;
        let at_once = match &mut self.extras {
            Some(extras) => extras.streams.close(ticket, answer, max_payload),
            None => Some(answer),
        };
        match at_once {
            Some(answer) => self.write_answer(ticket, &answer),
            None => self.unsent = true,
        }
    }

    fn write_answer(&mut self, ticket: &Ticket, answer: &Answer<'_>) {
        reach(Point::ServerHandled);
        let header = ReplyHeader {
            call: ticket.call,
            ending: answer.ending,
            request_head: self.requests.head(),
            message_type: answer.message_type,
            slot: ticket.slot,
        };
        let pushed = self.replies.push(
            Kind::REPLY,
            header.tags(),
            &header.to_words(),
            &answer.payload,
        );
        debug_assert!(pushed.is_ok(), "room was kept when the call was taken");
        reach(Point::ServerReplyWritten);
        self.reserved -= ticket.reserved;
        if self.reserved == 0 {
            self.largest_reserved = 0;
        }
    }

    /// Publishes the answers written so far, and wakes the client if it sleeps. True when it was woken.
    #[inline]
    pub(super) fn show(&mut self, link: Option<&mut LinkWake>) -> bool {
        self.replies.publish() && {
            reach(Point::ServerReplyPublished);
            self.wake(link)
        }
    }

    /// To be called after something was published.
    fn wake(&mut self, link: Option<&mut LinkWake>) -> bool {
        match link {
            Some(link) => {
                link.sleeping.must_wake() && {
                    link.sender.wake();
                    reach(Point::ServerClientWoken);
                    true
                }
            }
            None => {
                let tail = self.replies.tail_futex();
                self.sleeping.wake_queued(|| {
                    let woken = sys::wake(tail);
                    reach(Point::ServerClientWoken);
                    woken
                })
            }
        }
    }

    /// Whether more of the reply ring has memory than small replies need.
    #[inline]
    pub(super) fn has_grown(&self) -> bool {
        self.replies.has_grown()
    }

    /// As [`Producer::give_back`]; `None` where there is nothing to give.
    pub(super) fn give_back(&mut self) -> Option<Left> {
        // To ask how far was read would hide it from streams that wait for that.
        // A client that lies about its head is found when it is served next.
        (self.has_grown() && !self.waits_for_room)
            .then(|| self.replies.give_back().unwrap_or(Left::Nothing))
    }

    /// Tells the client how far requests were read.
    pub(super) fn publish_head(&mut self) {
        self.requests.publish_head();
    }

    /// Whether a reply of `size` can be promised beside those that are.
    #[inline]
    fn has_room(&mut self, size: u64) -> Result<bool, Corrupt> {
        let reserved = self.reserved + self.kept_for_streams();
        has_room_beside(&mut self.replies, reserved, self.largest_reserved, size, 1)
    }
}

/// Whether a record of `size` has room in one `share`-th of the ring, beside what is kept for others, of
/// whom the largest needs `largest`.
#[inline]
fn has_room_beside(
    replies: &mut Producer,
    reserved: u64,
    largest: u64,
    size: u64,
    share: u64,
) -> Result<bool, Corrupt> {
    // A record that does not fit before the end of the ring leaves what is there unused, less than
    // its own size; and that once at most before the promise is kept, for all promises together
    // are shorter than the ring.
    let lost = largest.max(size);
    let needed = reserved + size + lost;
    let fits = |replies: &Producer| {
        replies.used() + needed <= replies.capacity()
            && (share == 1 || replies.used() + size <= replies.capacity() / share)
    };
    if fits(replies) {
        return Ok(true);
    }
    // Rare: replies are read long before the ring is full.
    replies.refresh_head().map_err(|_| Corrupt::Head)?;
    Ok(fits(replies))
}
