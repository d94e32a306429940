//! One pair of rings as the client sees it: sending, reading replies, taking back. It never waits;
//! blocking and asynchronous clients are built on it alike.

mod long_call;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;

pub(crate) use long_call::LongCall;

use super::slots::{Addressee, Sent, Slots};
use super::streams::{Direct, PartSent, StreamReply, Streams};
use crate::call::Call;
use crate::claim::{Canceller, Executed};
use crate::fault_point::{Point, reach};
use crate::layout::{ChannelMemory, ChannelSizes};
use crate::memory::{OwnWord, PeerWord, Region};
use crate::outcome::{Cause, Outcome, Refusal};
use crate::record::{CANCEL_WORD, Ending, Opening, Payload, ReplyHeader, RequestHeader, slot_word};
use crate::ring::{Consumer, Corrupt, Kind, Left, Producer, Record};

/// A channel of this process, or what is left of it after the server has gone.
pub(crate) struct Channel {
    requests: Producer,
    replies: Consumer,
    canceller: Canceller,
    slots: Slots,
    streams: Streams,
    sizes: ChannelSizes,
    last_call: u64,
    /// How far the server has read, as it was last told those who wait for room.
    told_head: u64,
    /// Replies were read since the server was last told.
    gave_room: bool,
    /// Memory for the next reply to a stream or long call: at most what a record holds.
    spare: Vec<u8>,
}

/// Of the ring: when so much of streams was read, the server is shown that it has room.
const TELL_EVERY: u64 = 8;

/// Why a request cannot be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendFailure {
    /// As many calls are open as may be, or the ring is full: replies have to be read first.
    Full,
    /// As many streams are open as may be, none of which anybody has given up.
    Busy,
    /// The request is longer than a message may be.
    TooLarge,
    /// The server lies about what it has read.
    Corrupt(Corrupt),
}

/// What came from the server.
pub(crate) enum Arrival {
    /// The end of a call that somebody waits for.
    Reply(Reply),
    /// Something of a stream, or room to send: [`Streams::next_due`] says for whom.
    Stream,
}

/// A reply that stands in the ring, to be copied out and then passed.
pub(crate) struct Reply {
    record: Record,
    payload: Payload,
    pub(crate) slot: u16,
    pub(crate) ending: Ending,
    #[cfg(feature = "tokio")]
    pub(crate) message_type: u32,
}

impl Reply {
    /// Bytes of the payload.
    #[cfg(feature = "tokio")]
    pub(crate) fn length(&self) -> usize {
        self.payload.length
    }
}

impl Channel {
    /// `segment` has exactly the length that `sizes` ask for.
    pub(crate) fn new(segment: &Region, sizes: ChannelSizes, stream_window: usize) -> Self {
        let memory = ChannelMemory::new(segment, sizes);
        Self {
            requests: Producer::new(&memory.requests),
            replies: Consumer::new(&memory.replies, sizes.max_reply_content()),
            canceller: Canceller::new(PeerWord::at(&memory.taken, 0)),
            slots: Slots::new(sizes.max_in_flight()),
            streams: Streams::new(sizes, stream_window),
            sizes,
            last_call: 0,
            told_head: 0,
            gave_room: false,
            spare: Vec::new(),
        }
    }

    pub(crate) fn sizes(&self) -> ChannelSizes {
        self.sizes
    }

    /// Calls that somebody waits for.
    pub(crate) fn open(&self) -> usize {
        self.slots.open()
    }

    /// Calls that the server has not ended.
    pub(crate) fn unended(&self) -> usize {
        self.slots.unended()
    }

    pub(crate) fn open_slots(&self) -> impl Iterator<Item = u16> + '_ {
        self.slots.open_slots()
    }

    /// Writes and publishes a request whose reply may have `reply_limit` octets. Returns its slot. The
    /// caller then looks whether the server sleeps.
    #[inline]
    pub(crate) fn send(&mut self, call: &Call<'_>, reply_limit: usize) -> Result<u16, SendFailure> {
        let max_payload = self.sizes.max_payload();
        let limit = u32::try_from(reply_limit).map_or(max_payload, |limit| limit.min(max_payload));
        self.send_written(call, call.payload(), limit, |channel, header| {
            let tags = header.tags(Opening::Unary);
            channel.push_words(tags, &header.to_words(), call.payload())
        })
    }

    /// As [`Channel::send`], of a call that opens a stream. Returns its number.
    pub(crate) fn open_stream(&mut self, call: &Call<'_>) -> Result<u64, SendFailure> {
        let credit = self.streams.first_credit();
        let opening = Opening::Stream { credit };
        let limit = self.sizes.max_payload();
        self.send_in_parts(call, call.payload(), limit, opening, 0)
    }

    /// Sends a call of which we may send `allowed` octets of items at once, and returns its number.
    fn send_in_parts(
        &mut self,
        call: &Call<'_>,
        payload: &[u8],
        reply_limit: u32,
        opening: Opening,
        allowed: u64,
    ) -> Result<u64, SendFailure> {
        if !self.streams.may_open() {
            return Err(self.streams.why_none());
        }
        let slot = self.send_written(call, payload, reply_limit, |channel, header| {
            let words = header.to_opening_words(opening);
            channel.push_words(header.tags(opening), &words, payload)
        })?;
        self.streams.open(slot, self.last_call, allowed);
        self.requests.set_reserve(self.streams.reserve());
        Ok(self.last_call)
    }

    /// Sends a call whose record `write` puts into the ring, with the header that it is given.
    #[inline]
    fn send_written(
        &mut self,
        call: &Call<'_>,
        payload: &[u8],
        reply_limit: u32,
        write: impl FnOnce(&mut Self, &RequestHeader) -> Result<u64, SendFailure>,
    ) -> Result<u16, SendFailure> {
        if payload.len() > self.sizes.max_payload() as usize {
            return Err(SendFailure::TooLarge);
        }
        let slot = self.slots.next().ok_or(SendFailure::Full)?;
        let header = RequestHeader {
            call: self.last_call + 1,
            timeout_ns: u64::try_from(call.timeout_value().as_nanos()).unwrap_or(u64::MAX),
            caller_id: call.caller_id_value(),
            message_type: call.message_type_value(),
            reply_limit,
            reply_head: self.replies.head(),
            priority: call.priority_value(),
            slot,
        };
        let position = write(self, &header)?;
        reach(Point::ClientRequestWritten);
        self.requests.publish();
        self.last_call = header.call;
        self.slots.send(Sent {
            call: header.call,
            position,
        });
        reach(Point::ClientRequestPublished);
        Ok(slot)
    }

    /// The next that somebody waits for. What nobody waits for any more is passed over.
    pub(crate) fn next_arrival(&mut self) -> Result<Option<Arrival>, Corrupt> {
        self.next_arrival_for(None)
    }

    /// As [`Channel::next_arrival`]. Parts that the caller of `direct` waits for go straight to him.
    #[inline]
    pub(crate) fn next_arrival_for(
        &mut self,
        mut direct: Option<Direct<'_>>,
    ) -> Result<Option<Arrival>, Corrupt> {
        // Bounded: each turn passes a record, and the ring holds only so many.
        while let Some(record) = self.replies.peek()? {
            if record.frame.kind().is_of_stream() {
                let direct = direct.as_mut().map(Direct::lend);
                self.receive(&record, direct)?;
                return Ok(Some(Arrival::Stream));
            }
            let (header, payload) = ReplyHeader::read(&self.replies, &record)?;
            if payload.length > self.sizes.max_payload() as usize {
                return Err(Corrupt::Length);
            }
            self.note_head(header.request_head)?;
            let addressee = self.slots.reply(header.slot, header.call)?;
            let reply = Reply {
                record,
                payload,
                slot: header.slot,
                ending: header.ending,
                #[cfg(feature = "tokio")]
                message_type: header.message_type,
            };
            if self.streams.is_stream(header.call) {
                self.end_stream(header.call, &reply, addressee);
                return Ok(Some(Arrival::Stream));
            }
            if addressee == Addressee::Caller {
                reach(Point::ClientReplySeen);
                return Ok(Some(Arrival::Reply(reply)));
            }
            self.replies.advance(&record);
        }
        self.gave_room |= self.replies.publish_head();
        Ok(None)
    }

    /// Gives a record to the stream that it belongs to.
    #[inline(never)]
    fn receive(&mut self, record: &Record, direct: Option<Direct<'_>>) -> Result<(), Corrupt> {
        let header = self.streams.receive(&self.replies, record, direct)?;
        self.note_head(header.head)?;
        self.replies.advance(record);
        if record.frame.kind() == Kind::ITEM {
            reach(Point::ClientPartRead);
        }
        if self.replies.unpublished() >= u64::from(self.sizes.ring()) / TELL_EVERY {
            self.gave_room |= self.replies.publish_head();
        }
        Ok(())
    }

    /// Whether room was given back to the server since this was asked last: it may sleep until then.
    #[cfg(feature = "tokio")]
    pub(crate) fn take_gave_room(&mut self) -> bool {
        std::mem::take(&mut self.gave_room)
    }

    /// Takes note of how far the server has read. Those who wait for room are told, also where that was learnt
    /// before by somebody who looked for room of his own.
    fn note_head(&mut self, head: u64) -> Result<(), Corrupt> {
        self.requests.note_head(head).map_err(|_| Corrupt::Head)?;
        if head > self.told_head {
            self.told_head = head;
            self.streams.room_was_made();
        }
        Ok(())
    }

    /// The next reply that somebody waits for, where nobody waits for streams.
    pub(crate) fn next_reply(&mut self) -> Result<Option<Reply>, Corrupt> {
        loop {
            match self.next_arrival()? {
                Some(Arrival::Reply(reply)) => return Ok(Some(reply)),
                Some(Arrival::Stream) => {}
                None => {
                    // What the server is still to be told of streams that were given up.
                    if !self.streams.is_empty() {
                        self.publish();
                    }
                    return Ok(None);
                }
            }
        }
    }

    /// Keeps the reply to a stream for who waits for it: items may be before it that were not fetched.
    #[inline(never)]
    fn end_stream(&mut self, call: u64, reply: &Reply, addressee: Addressee) {
        let mut payload = Vec::new();
        if addressee == Addressee::Caller {
            payload = std::mem::take(&mut self.spare);
            payload.clear();
            payload.resize(reply.payload.length, 0);
            self.replies
                .copy_out(&reply.record, reply.payload.offset, &mut payload);
        }
        self.replies.advance(&reply.record);
        let kept = StreamReply {
            ending: reply.ending,
            payload,
        };
        self.streams.reply(call, kept);
        if addressee == Addressee::Nobody {
            self.release_stream(call);
        }
    }

    /// As [`Streams::send_part`]. What was written is seen once it is [published](Channel::publish).
    pub(crate) fn send_part(
        &mut self,
        call: u64,
        item: &[u8],
        from: usize,
    ) -> Result<PartSent, Corrupt> {
        let head = self.replies.head();
        let sent = self
            .streams
            .send_part(call, &mut self.requests, head, item, from);
        if let Ok(PartSent::Written(_)) = sent {
            reach(Point::ClientPartWritten);
        }
        sent
    }

    /// As [`Streams::end`].
    pub(crate) fn end_items(&mut self, call: u64) -> bool {
        let head = self.replies.head();
        self.streams.end(call, &mut self.requests, head)
    }

    /// Ends a stream whose reply is there and whose items were fetched: the reply goes into `reply`, behind the
    /// `length` bytes that came before.
    pub(crate) fn take_stream_reply(
        &mut self,
        call: u64,
        reply: &mut [u8],
        length: usize,
    ) -> Option<Outcome<usize>> {
        let ended = self.streams.take_reply(call)?;
        self.release_stream(call);
        let outcome = ended.outcome(reply, length);
        self.spare = ended.payload;
        Some(outcome)
    }

    pub(crate) fn has_streams(&self) -> bool {
        !self.streams.is_empty()
    }

    /// As [`Streams::is_waiting`].
    #[cfg(feature = "tokio")]
    pub(crate) fn streams_are_waiting(&self) -> bool {
        self.streams.is_waiting()
    }

    pub(crate) fn streams(&mut self) -> &mut Streams {
        &mut self.streams
    }

    /// Writes what the server is to be told of streams, and shows it all that was written. True when that
    /// was anything: the caller then looks whether the server sleeps.
    pub(crate) fn publish(&mut self) -> bool {
        let head = self.replies.head();
        self.streams.tell(&mut self.requests, head);
        self.requests.publish()
    }

    /// Gives up the stream of `call`. The server is told with the next [`Channel::publish`].
    pub(crate) fn give_up_stream(&mut self, call: u64) -> Executed {
        let Some(slot) = self.streams.slot(call) else {
            self.release_stream(call);
            return Executed::Maybe;
        };
        self.streams.give_up(call);
        self.give_up(slot)
    }

    fn release_stream(&mut self, call: u64) {
        self.streams.release(call);
        self.requests.set_reserve(self.streams.reserve());
    }

    /// Copies `reply` into `buffer`, passes it, and says how its call ended.
    #[inline]
    pub(crate) fn finish(&mut self, reply: &Reply, buffer: &mut [u8]) -> Outcome<usize> {
        let outcome = match reply.ending {
            Ending::Completed => match buffer.get_mut(..reply.payload.length) {
                Some(room) => {
                    self.replies
                        .copy_out(&reply.record, reply.payload.offset, room);
                    Outcome::Completed(reply.payload.length)
                }
                // The server was told how much room there is.
                None => Outcome::Refused(Refusal::TooLarge),
            },
            Ending::Refused(refusal) => Outcome::Refused(refusal),
            Ending::TakenBack => Outcome::failed(Cause::TakenBack, Executed::No),
            Ending::NotTaken => Outcome::failed(Cause::ShuttingDown, Executed::No),
        };
        reach(Point::ClientReplyCopied);
        self.replies.advance(&reply.record);
        self.gave_room |= self.replies.publish_head();
        outcome
    }

    /// Gives up the call in `slot` and takes it back if the server has not taken it. Its slot is free
    /// again once the server has said so.
    pub(crate) fn give_up(&mut self, slot: u16) -> Executed {
        let Some(sent) = self.slots.give_up(slot) else {
            return Executed::Maybe;
        };
        let requests = &self.requests;
        let executed = self.canceller.cancel(sent.call, || {
            let word: OwnWord = requests.content_word(sent.position, CANCEL_WORD);
            (word, slot_word(slot))
        });
        reach(Point::ClientTookBack);
        executed
    }

    /// Whether more of the request ring has memory than small requests need.
    #[inline]
    pub(crate) fn has_grown(&self) -> bool {
        self.requests.has_grown()
    }

    /// As [`Producer::give_back`]; `None` where there is nothing to give.
    pub(crate) fn give_back(&mut self) -> Option<Left> {
        // A server that lies about its head is found with the next call.
        self.has_grown()
            .then(|| self.requests.give_back().unwrap_or(Left::Nothing))
    }

    /// Whether there may be a reply to read: one load, and no promise.
    pub(crate) fn looks_ready(&self) -> bool {
        self.replies.looks_ready()
    }

    /// As [`Consumer::prefetch_expected`].
    pub(crate) fn prefetch_expected(&self) {
        self.replies.prefetch_expected();
    }

    /// The word that a blocking client sleeps on, and its value at the last look.
    pub(crate) fn reply_tail(&self) -> (&PeerWord, u64) {
        self.replies.tail_word()
    }

    #[inline]
    fn push_words<const N: usize>(
        &mut self,
        tags: [u8; 3],
        words: &[u64; N],
        payload: &[u8],
    ) -> Result<u64, SendFailure> {
        let pushed = self.requests.push(Kind::REQUEST, tags, words, payload);
        if let Ok(position) = pushed {
            return Ok(position);
        }
        self.push_again(tags, words, payload)
    }

    /// As [`Channel::push_words`], once the server was asked how far it has read.
    #[cold]
    #[inline(never)]
    fn push_again<const N: usize>(
        &mut self,
        tags: [u8; 3],
        words: &[u64; N],
        payload: &[u8],
    ) -> Result<u64, SendFailure> {
        self.requests
            .refresh_head()
            .map_err(|_| SendFailure::Corrupt(Corrupt::Head))?;
        self.requests
            .push(Kind::REQUEST, tags, words, payload)
            .map_err(|_| SendFailure::Full)
    }
}
