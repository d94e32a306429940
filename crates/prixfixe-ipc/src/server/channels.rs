//! One pair of rings as the server sees it: taking requests and answering them.

use super::execution::{Answer, Ticket};
use super::links::LinkWake;
use crate::claim::Taker;
use crate::fault_point::{Point, reach};
use crate::layout::{ChannelMemory, ChannelSizes};
use crate::memory::{OwnWord, PeerWord, Region};
use crate::record::{Ending, Payload, ReplyHeader, RequestHeader};
use crate::ring::{Consumer, Corrupt, Kind, Producer, Record};
use crate::sys;
use crate::wake::Waker;

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
    reply_tail: PeerWord,
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
}

/// A request at the head of the ring, found possible and with room for its reply.
pub(super) struct Waiting {
    pub(super) header: RequestHeader,
    pub(super) payload: Payload,
    record: Record,
    /// Bytes that the reply may have.
    pub(super) limit: u32,
}

impl Channel {
    /// `segment` has exactly the length that `sizes` ask for.
    pub(super) fn new(
        segment: &Region,
        sizes: ChannelSizes,
        link: usize,
        hint: usize,
        generation: u64,
    ) -> Self {
        let memory = ChannelMemory::new(segment, sizes);
        Self {
            link,
            hint,
            generation,
            requests: Consumer::new(&memory.requests, sizes.max_request_content()),
            replies: Producer::new(&memory.replies),
            reply_tail: PeerWord::at(&memory.replies.producer_line, 0),
            taker: Taker::new(OwnWord::at(&memory.taken, 0)),
            sleeping: Waker::new(PeerWord::at(&memory.client_sleeping, 0)),
            sizes,
            reserved: 0,
            largest_reserved: 0,
            next_call: 1,
            running: 0,
            stalled: false,
        }
    }

    /// Whether there may be something to take: one load, and no promise.
    #[inline]
    pub(super) fn looks_ready(&self) -> bool {
        if self.stalled {
            self.replies.head_moved()
        } else {
            self.requests.looks_ready()
        }
    }

    /// The next request, if there is one and the client has room for its reply.
    pub(super) fn next(&mut self) -> Result<Option<Waiting>, Corrupt> {
        let Some(record) = self.requests.peek()? else {
            return Ok(None);
        };
        let (header, payload) = RequestHeader::read(&self.requests, &record)?;
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
        let limit = header.reply_limit.min(max_payload);
        self.stalled = !self.has_room(ChannelSizes::reply_size(limit))?;
        if self.stalled {
            return Ok(None);
        }
        Ok(Some(Waiting {
            header,
            payload,
            record,
            limit,
        }))
    }

    /// Takes `waiting`, copies its payload to `room` and keeps space for its reply. `None` when the
    /// client took it back before; that has been acknowledged then.
    pub(super) fn take(
        &mut self,
        index: usize,
        waiting: &Waiting,
        room: &mut [u8],
    ) -> Option<Ticket> {
        reach(Point::ServerRequestSeen);
        let requests = &self.requests;
        let taken = self.taker.take(waiting.header.call, || {
            reach(Point::ServerClaimed);
            RequestHeader::cancel_word(requests, &waiting.record)
        });
        self.next_call += 1;
        let reserved = ChannelSizes::reply_size(waiting.limit);
        let ticket = Ticket {
            channel: index,
            generation: self.generation,
            call: waiting.header.call,
            slot: waiting.header.slot,
            reserved,
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
        self.answer(
            ticket,
            &Answer {
                ending: Ending::TakenBack,
                message_type: 0,
                payload: &[],
            },
        );
        None
    }

    /// Writes the answer to a call that was taken. It is seen once it is [shown](Channel::show).
    pub(super) fn answer(&mut self, ticket: Ticket, answer: &Answer<'_>) {
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
            answer.payload,
        );
        debug_assert!(pushed.is_ok(), "room was kept when the call was taken");
        reach(Point::ServerReplyWritten);
        self.reserved -= ticket.reserved;
        if self.reserved == 0 {
            self.largest_reserved = 0;
        }
    }

    /// Publishes the answers written so far, and wakes the client if it sleeps. True when it was woken.
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
                let tail = &self.reply_tail;
                self.sleeping.wake_queued(|| {
                    let woken = sys::wake(tail.low_half());
                    reach(Point::ServerClientWoken);
                    woken
                })
            }
        }
    }

    /// Tells the client how far requests were read.
    pub(super) fn publish_head(&mut self) {
        self.requests.publish_head();
    }

    /// Whether a reply of `size` can be promised beside those that are.
    fn has_room(&mut self, size: u64) -> Result<bool, Corrupt> {
        // A record that does not fit before the end of the ring leaves what is there unused, less than
        // its own size; and that once at most before the promise is kept, for all promises together
        // are shorter than the ring.
        let lost = self.largest_reserved.max(size);
        let needed = self.reserved + size + lost;
        if self.replies.used() + needed <= self.replies.capacity() {
            return Ok(true);
        }
        self.replies.refresh_head().map_err(|_| Corrupt::Head)?;
        Ok(self.replies.used() + needed <= self.replies.capacity())
    }
}
