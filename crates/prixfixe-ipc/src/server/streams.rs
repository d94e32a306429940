//! The open streams of a channel, as the server sees them: every change of a stream's state is in this
//! file.
//!
//! ```text
//!  open ── answer ──► closing (what the handler left is still to go) ── all sent ──► over
//!    └── client gives up ──► the handler is told ── answer ──► over
//! ```
//! The reply is the last that is sent of a stream, so its client needs no other sign of its end.

use std::borrow::Cow;

use super::budget::Share;
use super::execution::{Answer, Ticket};
use super::long_message::{Gathered, LongMessage};
use super::statistics::Streaming;
use super::stream_body::StreamBody;
use crate::layout::{ChannelSizes, STREAM_RESERVE};
use crate::record::{Ending, GIVEN_UP, ItemFlags, Payload, StreamHeader, item_cost};
use crate::ring::{Consumer, Corrupt, Kind, Producer, Record};

/// The streams of one channel.
pub(super) struct Streams {
    open: Vec<Stream>,
    /// Octets of items that may have come and were not fetched, for each stream.
    window: u64,
    turns: u64,
}

/// A stream, from the taking of its call to its reply.
struct Stream {
    ticket: Ticket,
    priority: u8,
    /// When it last had its turn: the one that waits longest is next.
    served: u64,
    body: StreamBody,
    /// What the client may send, and has sent, since the beginning, in what items cost.
    granted: u64,
    received: u64,
    /// The client sends no more.
    ended: bool,
    /// The client was told that no more is wanted.
    stopped: bool,
    /// What we may send, and have sent, likewise.
    allowed: u64,
    sent: u64,
    /// The handler has answered.
    closing: Option<Closing>,
    /// Goes back to the client's budget with it.
    _share: Share,
}

/// The answer to a stream whose items are still to go.
struct Closing {
    ending: Ending,
    message_type: u32,
    payload: Vec<u8>,
}

/// How sending went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// Something was written.
    One,
    /// There is nothing to send now.
    Nothing,
    /// There is, but no room in the ring.
    NoRoom,
}

/// An answer whose time has come.
pub(super) struct Closed {
    pub(super) ticket: Ticket,
    ending: Ending,
    message_type: u32,
    payload: Vec<u8>,
    /// A long reply that was sent before.
    sent: Vec<u8>,
}

impl Closed {
    pub(super) fn answer(&self) -> Answer<'_> {
        Answer {
            ending: self.ending,
            message_type: self.message_type,
            payload: Cow::Borrowed(&self.payload),
        }
    }

    /// The memory of the reply, which is free once the answer is written.
    pub(super) fn into_buffer(self) -> Vec<u8> {
        if self.sent.capacity() > 0 {
            self.sent
        } else {
            self.payload
        }
    }
}

impl Streams {
    /// For streams of which `window` octets of items may lie here each.
    pub(super) fn new(window: u32) -> Self {
        Self {
            open: Vec::new(),
            window: window.into(),
            turns: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// A call was taken that opens a stream or is long, and for whose items its client gives `credit`.
    pub(super) fn open(
        &mut self,
        ticket: Ticket,
        priority: u8,
        credit: u64,
        body: StreamBody,
        share: Share,
    ) {
        // A long message has all its credit from the beginning.
        let granted = match &body {
            StreamBody::Items(_) => 0,
            StreamBody::Long(long) => long.credit(),
        };
        self.open.push(Stream {
            ticket,
            priority,
            served: self.turns,
            body,
            granted,
            received: 0,
            ended: false,
            stopped: false,
            allowed: credit,
            sent: 0,
            closing: None,
            _share: share,
        });
    }

    /// The handler of `ticket` has answered. Returns the answer if it can go at once, and keeps it if what
    /// the handler left before must go first, or it has to wait for room.
    pub(super) fn close<'a>(
        &mut self,
        ticket: &Ticket,
        answer: Answer<'a>,
        max_payload: usize,
    ) -> Option<Answer<'a>> {
        let Some(index) = self.position(ticket.call) else {
            return Some(answer);
        };
        let stream = &mut self.open[index];
        stream.body.answered();
        let at_once = answer.payload.is_empty() && stream.body.next_cost().is_none();
        if answer.ending != Ending::Completed || at_once {
            self.open.swap_remove(index);
            return Some(answer);
        }
        let mut payload = answer.payload.into_owned();
        if let StreamBody::Long(long) = &mut stream.body
            && payload.len() > max_payload
        {
            long.set_reply(std::mem::take(&mut payload));
        }
        stream.closing = Some(Closing {
            ending: answer.ending,
            message_type: answer.message_type,
            payload,
        });
        None
    }

    /// The next long request that is whole and was not executed yet, with its ticket.
    pub(super) fn next_gathered(&mut self) -> Option<(Ticket, Gathered)> {
        self.open
            .iter_mut()
            .find_map(|stream| match &mut stream.body {
                StreamBody::Long(long) => Some((stream.ticket, long.gathered()?)),
                StreamBody::Items(_) => None,
            })
    }

    /// Whether there is one.
    pub(super) fn has_gathered(&self) -> bool {
        self.long_messages().any(LongMessage::is_gathered)
    }

    /// Octets of long requests that are kept until they are executed.
    pub(super) fn held(&self) -> usize {
        self.long_messages().map(LongMessage::held).sum()
    }

    fn long_messages(&self) -> impl Iterator<Item = &LongMessage> {
        self.open.iter().filter_map(|stream| match &stream.body {
            StreamBody::Long(long) => Some(long),
            StreamBody::Items(_) => None,
        })
    }

    /// Takes a record of a stream, unless that is over.
    pub(super) fn receive(
        &mut self,
        requests: &Consumer,
        record: &Record,
        header: &StreamHeader,
        flags: ItemFlags,
        payload: Payload,
    ) -> Result<(), Corrupt> {
        let Some(index) = self.position(header.call) else {
            return Ok(());
        };
        let stream = &mut self.open[index];
        match record.frame.kind() {
            Kind::ITEM => stream.receive(requests, record, flags, payload)?,
            Kind::CREDIT => stream.allowed = stream.allowed.max(header.limit),
            _ => stream.stop(header.limit == GIVEN_UP),
        }
        Ok(())
    }

    /// Gives leave to send more where the handler has fetched enough, and tells who need not send.
    /// `has_room` says whether there is room for so many octets.
    pub(super) fn grant(
        &mut self,
        replies: &mut Producer,
        request_head: u64,
        mut has_room: impl FnMut(&mut Producer, u64) -> Result<bool, Corrupt>,
    ) -> Result<Sent, Corrupt> {
        let mut sent = Sent::Nothing;
        for stream in &mut self.open {
            if stream.ended || stream.stopped {
                continue;
            }
            let Some(fetched) = stream.body.fetched() else {
                continue;
            };
            let limit = fetched.cost + self.window;
            let (kind, limit) = if fetched.unwanted || stream.closing.is_some() {
                (Kind::STOP, 0)
            } else if limit - stream.granted >= self.window.div_ceil(2) {
                (Kind::CREDIT, limit)
            } else {
                continue;
            };
            let header = StreamHeader {
                call: stream.ticket.call,
                head: request_head,
                slot: stream.ticket.slot,
                limit,
            };
            let told = has_room(replies, ChannelSizes::item_size(0))?
                && replies
                    .push_control(kind, [0; 3], &header.to_words())
                    .is_ok();
            if !told {
                return Ok(Sent::NoRoom);
            }
            stream.stopped = kind == Kind::STOP;
            stream.granted = stream.granted.max(limit);
            sent = Sent::One;
        }
        Ok(sent)
    }

    /// Sends a part of an item of the most urgent stream that has one and may send it, and of those the
    /// one that waits longest. `has_room` says whether there is room for so many octets.
    pub(super) fn send(
        &mut self,
        replies: &mut Producer,
        request_head: u64,
        mut has_room: impl FnMut(&mut Producer, u64) -> Result<bool, Corrupt>,
    ) -> Result<Sent, Corrupt> {
        self.turns += 1;
        let ready = |stream: &&mut Stream| stream.has_sendable();
        let next = self
            .open
            .iter_mut()
            .filter(ready)
            .max_by_key(|stream| (stream.priority, std::cmp::Reverse(stream.served)));
        let Some(stream) = next else {
            return Ok(Sent::Nothing);
        };
        stream.served = self.turns;
        let header = StreamHeader {
            call: stream.ticket.call,
            head: request_head,
            slot: stream.ticket.slot,
            limit: 0,
        };
        let mut result = Ok(Sent::NoRoom);
        let mut cost = 0;
        stream.body.send_next(|part, ends_item| {
            match has_room(replies, ChannelSizes::item_size(part.len())) {
                Ok(true) => {}
                Ok(false) => return false,
                Err(corrupt) => {
                    result = Err(corrupt);
                    return false;
                }
            }
            let flags = ItemFlags {
                ends_item,
                ends_stream: false,
            };
            let pushed = replies.push(Kind::ITEM, flags.tags(), &header.to_words(), part);
            if pushed.is_err() {
                return false;
            }
            cost = item_cost(part.len());
            result = Ok(Sent::One);
            true
        });
        stream.sent += cost;
        result
    }

    /// Octets of the ring that the reply needs whose stream is all sent.
    pub(super) fn next_closing(&self) -> Option<u64> {
        let closing = self.open.iter().find_map(Stream::all_sent)?;
        Some(ChannelSizes::reply_size_of(closing.payload.len()))
    }

    /// Takes away the stream whose reply that is.
    pub(super) fn next_closed(&mut self) -> Option<Closed> {
        let index = self
            .open
            .iter()
            .position(|stream| stream.all_sent().is_some())?;
        let stream = self.open.swap_remove(index);
        let closing = stream.closing?;
        Some(Closed {
            ticket: stream.ticket,
            ending: closing.ending,
            message_type: closing.message_type,
            payload: closing.payload,
            sent: match stream.body {
                StreamBody::Long(long) => long.into_reply(),
                StreamBody::Items(_) => Vec::new(),
            },
        })
    }

    /// How many there are, and what their clients may send.
    pub(super) fn streaming(&self) -> Streaming {
        let credit = |stream: &Stream| match stream.body {
            StreamBody::Items(_) if !stream.ended => stream.granted - stream.received,
            // What is to come of a long message was announced, and needs none.
            StreamBody::Items(_) | StreamBody::Long(_) => 0,
        };
        Streaming {
            open: u32::try_from(self.open.len()).unwrap_or(u32::MAX),
            credit: self.open.iter().map(credit).sum(),
        }
    }

    /// Octets of the reply ring that the open streams keep free.
    pub(super) fn reserve(&self) -> u64 {
        self.open.len() as u64 * STREAM_RESERVE
    }

    fn position(&self, call: u64) -> Option<usize> {
        self.open
            .iter()
            .position(|stream| stream.ticket.call == call)
    }
}

/// The client has gone, or the server stops.
impl Drop for Streams {
    fn drop(&mut self) {
        for stream in &self.open {
            stream.body.hang_up();
        }
    }
}

impl Stream {
    fn receive(
        &mut self,
        requests: &Consumer,
        record: &Record,
        flags: ItemFlags,
        payload: Payload,
    ) -> Result<(), Corrupt> {
        let is_part = payload.length > 0 || flags.ends_item;
        let cost = if is_part {
            item_cost(payload.length)
        } else {
            0
        };
        if self.ended || cost > self.granted - self.received {
            return Err(Corrupt::Credit);
        }
        self.received += cost;
        self.ended = flags.ends_stream;
        self.body.bring(payload.length, flags, |room| {
            requests.copy_out(record, payload.offset, room);
        })
    }

    fn stop(&mut self, given_up: bool) {
        if self.body.stop(given_up) {
            self.ended = true;
            self.closing = Some(Closing {
                ending: Ending::TakenBack,
                message_type: 0,
                payload: Vec::new(),
            });
        }
    }

    /// The answer, if it is there and nothing else is left to go.
    fn all_sent(&self) -> Option<&Closing> {
        let closing = self.closing.as_ref()?;
        self.body.next_cost().is_none().then_some(closing)
    }

    /// Whether there is an item for which the client has given leave.
    fn has_sendable(&self) -> bool {
        self.body
            .next_cost()
            .is_some_and(|cost| cost <= self.allowed.saturating_sub(self.sent))
    }
}
