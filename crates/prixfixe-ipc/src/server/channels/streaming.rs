//! What a channel does for its streams and long messages.

use std::sync::Arc;

use super::{Channel, STREAM_RECORDS_PER_TURN, Waiting, has_room_beside};
use crate::fault_point::{Point, reach};
use crate::layout::ChannelSizes;
use crate::outcome::Refusal;
use crate::record::{Opening, RequestHeader, StreamHeader};
use crate::ring::{Corrupt, Kind, Producer, Record};
use crate::server::execution::Ticket;
use crate::server::links::LinkWake;
use crate::server::long_message::{Gathered, LongMessage};
use crate::server::spares::Spares;
use crate::server::statistics::Streaming;
use crate::server::stream_body::StreamBody;
use crate::server::stream_desk::{StreamDesk, StreamLimits};
use crate::server::streams::Sent;

/// Streams leave half the ring to calls, so that no reply stands behind more than that of them.
const STREAM_SHARE: u64 = 2;
/// Of the ring: a client is told that so much of its streams was read, at the latest.
const TELL_EVERY: u64 = 4;

impl Channel {
    /// Gives `record` and those of streams behind it to their streams, as many as may be in one turn. Returns
    /// the record behind them, if it is there and they were not too many.
    #[inline(never)]
    pub(super) fn receive_all(
        &mut self,
        mut record: Record,
        mut wake: Option<&mut LinkWake>,
    ) -> Result<Option<Record>, Corrupt> {
        while self.stream_records < STREAM_RECORDS_PER_TURN {
            self.receive(&record)?;
            if self.must_tell_head() {
                // Now and not at the end of the turn: the client writes while we read on.
                self.tell_head()?;
                self.show(wake.as_deref_mut());
            }
            match self.requests.peek()? {
                Some(next) if next.frame.kind().is_of_stream() => record = next,
                behind => return Ok(behind),
            }
        }
        Ok(None)
    }

    /// Gives a record to the stream that it belongs to.
    fn receive(&mut self, record: &Record) -> Result<(), Corrupt> {
        let (header, flags, payload) = StreamHeader::read(&self.requests, record)?;
        if payload.length > self.sizes.max_part() {
            return Err(Corrupt::Length);
        }
        if header.call >= self.next_call {
            return Err(Corrupt::Call);
        }
        // What belongs to a call that is over was on its way when it ended.
        if let Some(extras) = &mut self.extras {
            let streams = &mut extras.streams;
            streams.receive(&self.requests, record, &header, flags, payload)?;
        }
        self.replies
            .note_head(header.head)
            .map_err(|_| Corrupt::Head)?;
        self.requests.advance(record);
        if record.frame.kind() == Kind::ITEM {
            reach(Point::ServerPartRead);
        }
        self.stream_records += 1;
        self.unsent = true;
        Ok(())
    }

    /// A call was taken that opens a stream.
    ///
    /// # Errors
    /// When its client has as much open as it may.
    pub(in crate::server) fn open_stream(
        &mut self,
        ticket: Ticket,
        waiting: &Waiting,
        desk: Arc<StreamDesk>,
    ) -> Result<(), Refusal> {
        if let Opening::Stream { credit } = waiting.opening {
            // Two queues, each of which may have as much again free before what it holds.
            let held = 4_usize.saturating_mul(self.window as usize);
            // Never absent: it was prepared for this call.
            let extras = self.extras.as_mut().ok_or(Refusal::Busy)?;
            let share = extras.budget.stream(held).ok_or(Refusal::Busy)?;
            let body = StreamBody::Items(desk);
            extras
                .streams
                .open(ticket, waiting.header.priority, credit, body, share);
            self.unsent = true;
        }
        Ok(())
    }

    /// A call was taken whose request, unless it stands in its record, or whose reply is long.
    ///
    /// # Errors
    /// When it is longer than may be, or too much is being gathered already.
    pub(in crate::server) fn open_long(
        &mut self,
        ticket: Ticket,
        waiting: &Waiting,
        spares: &mut Spares,
    ) -> Result<(), Refusal> {
        let Opening::Long {
            total,
            credit,
            lent,
        } = waiting.opening
        else {
            return Ok(());
        };
        let StreamLimits {
            usual_part,
            max_item,
            ..
        } = self.limits();
        let total = total as usize;
        if total > max_item {
            return Err(Refusal::TooLarge);
        }
        let gathered = if lent { 0 } else { total };
        if !self.may_open_stream() {
            return Err(Refusal::Busy);
        }
        // Never absent: it was prepared for this call.
        let extras = self.extras.as_mut().ok_or(Refusal::Busy)?;
        if extras.streams.held() + gathered > max_item {
            return Err(Refusal::Busy);
        }
        let held = total.saturating_add(waiting.limit);
        let share = extras.budget.long_call(held).ok_or(Refusal::Busy)?;
        let long = LongMessage::new(waiting.header, gathered, usual_part, spares)
            .map_err(|_| Refusal::Busy)?;
        extras.streams.open(
            ticket,
            waiting.header.priority,
            credit.into(),
            StreamBody::Long(long),
            share,
        );
        Ok(())
    }

    /// A long request that is whole and is to be executed.
    pub(in crate::server) fn next_gathered(&mut self) -> Option<(Ticket, Gathered)> {
        self.extras.as_mut()?.streams.next_gathered()
    }

    /// Whether there is one.
    #[inline]
    pub(in crate::server) fn has_gathered(&self) -> bool {
        self.extras
            .as_ref()
            .is_some_and(|extras| extras.streams.has_gathered())
    }

    /// What the reply to a long call may have, in bytes.
    pub(in crate::server) fn long_limit(&self, header: &RequestHeader) -> usize {
        (header.reply_limit as usize).min(self.max_item)
    }

    /// What it had of streams at the last look.
    pub(in crate::server) fn streaming(&self) -> Streaming {
        let extras = self.extras.as_ref();
        extras.map_or_else(Streaming::default, |extras| extras.streaming)
    }

    /// What it had of streams at the last look and has now, if that is not the same.
    #[inline]
    pub(in crate::server) fn streaming_change(&mut self) -> Option<(Streaming, Streaming)> {
        let extras = self.extras.as_mut()?;
        let now = extras.streams.streaming();
        let before = std::mem::replace(&mut extras.streaming, now);
        (before != now).then_some((before, now))
    }

    /// The handler of a stream went on: there may be something to send.
    pub(in crate::server) fn look_at_streams(&mut self) {
        self.unsent = true;
    }

    /// Sends what streams have to send, a bounded part of it, and shows it as it goes. Returns how many
    /// records that were; the last ones are still to be [shown](Channel::show).
    #[inline]
    pub(in crate::server) fn send_streams(
        &mut self,
        wake: Option<&mut LinkWake>,
        spares: &mut Spares,
    ) -> Result<u32, Corrupt> {
        if !self.unsent && !self.waits_for_room && !self.must_tell_head() {
            return Ok(0);
        }
        self.send_what_is_left(wake, spares)
    }

    #[inline(never)]
    fn send_what_is_left(
        &mut self,
        mut wake: Option<&mut LinkWake>,
        spares: &mut Spares,
    ) -> Result<u32, Corrupt> {
        self.unsent = false;
        self.waits_for_room = false;
        self.replies.refresh_head().map_err(|_| Corrupt::Head)?;
        let head = self.requests.head();
        let mut written = 0;
        match self.grant(head)? {
            Sent::One => written += 1,
            Sent::Nothing => {}
            Sent::NoRoom => self.waits_for_room = true,
        }
        while written < STREAM_RECORDS_PER_TURN {
            match self.send_part(head)? {
                Sent::One => {
                    reach(Point::ServerPartWritten);
                    written += 1;
                    if self.replies.unpublished() >= self.replies.capacity() / TELL_EVERY {
                        // The client reads while we write on.
                        self.show(wake.as_deref_mut());
                    }
                }
                Sent::Nothing => break,
                Sent::NoRoom => {
                    self.waits_for_room = true;
                    break;
                }
            }
        }
        self.unsent = written >= STREAM_RECORDS_PER_TURN;
        while let Some(size) = self.next_closing() {
            if !self.has_room(size)? {
                self.waits_for_room = true;
                break;
            }
            let extras = self.extras.as_mut();
            if let Some(closed) = extras.and_then(|extras| extras.streams.next_closed()) {
                self.write_answer(&closed.ticket, &closed.answer());
                spares.keep_reply(closed.into_buffer());
                written += 1;
            }
        }
        if written > 0 {
            self.note_told(head);
        } else if self.must_tell_head() {
            written += u32::from(self.tell_head()?);
        }
        Ok(written)
    }

    /// As [`Streams::grant`](crate::server::streams::Streams::grant).
    fn grant(&mut self, head: u64) -> Result<Sent, Corrupt> {
        let Some(extras) = &mut self.extras else {
            return Ok(Sent::Nothing);
        };
        // Where a reply is promised no credit may go.
        let (reserved, largest) = (self.reserved, self.largest_reserved);
        let has_room =
            |replies: &mut Producer, size| has_room_beside(replies, reserved, largest, size, 1);
        extras.streams.grant(&mut self.replies, head, has_room)
    }

    /// As [`Streams::send`](crate::server::streams::Streams::send).
    fn send_part(&mut self, head: u64) -> Result<Sent, Corrupt> {
        let (reserved, largest) = (
            self.reserved + self.kept_for_streams(),
            self.largest_reserved,
        );
        let Some(extras) = &mut self.extras else {
            return Ok(Sent::Nothing);
        };
        let has_room = |replies: &mut Producer, size| {
            has_room_beside(replies, reserved, largest, size, STREAM_SHARE)
        };
        extras.streams.send(&mut self.replies, head, has_room)
    }

    fn next_closing(&self) -> Option<u64> {
        self.extras.as_ref()?.streams.next_closing()
    }

    /// Octets of the reply ring that the open streams keep free.
    #[inline]
    pub(super) fn kept_for_streams(&self) -> u64 {
        let extras = self.extras.as_ref();
        extras.map_or(0, |extras| extras.streams.reserve())
    }

    fn note_told(&mut self, head: u64) {
        if let Some(extras) = &mut self.extras {
            extras.told_head = head;
        }
    }

    /// Whether the client may wait for room that it was not told of.
    #[inline]
    pub(super) fn must_tell_head(&self) -> bool {
        let Some(extras) = &self.extras else {
            return false;
        };
        !extras.streams.is_empty()
            && self.requests.head() - extras.told_head >= self.replies.capacity() / TELL_EVERY
    }

    /// Tells the client how far its requests were read. False when there is no room for that now.
    pub(super) fn tell_head(&mut self) -> Result<bool, Corrupt> {
        let head = self.requests.head();
        let header = StreamHeader {
            call: 0,
            head: self.requests.head(),
            slot: 0,
            limit: 0,
        };
        let (reserved, largest) = (self.reserved, self.largest_reserved);
        let size = ChannelSizes::item_size(0);
        let told = has_room_beside(&mut self.replies, reserved, largest, size, 1)?
            && self
                .replies
                .push_control(Kind::CREDIT, [0; 3], &header.to_words())
                .is_ok();
        if told {
            self.note_told(head);
        } else {
            self.waits_for_room = true;
        }
        Ok(told)
    }

    /// Whether calls that were taken need what comes behind others.
    #[inline]
    pub(in crate::server) fn has_streams(&self) -> bool {
        self.open_streams() > 0
    }

    /// Whether one more stream may be open.
    pub(in crate::server) fn may_open_stream(&self) -> bool {
        self.open_streams() < self.sizes.max_streams()
    }

    #[inline]
    fn open_streams(&self) -> usize {
        let extras = self.extras.as_ref();
        extras.map_or(0, |extras| extras.streams.len())
    }

    pub(in crate::server) fn limits(&self) -> StreamLimits {
        StreamLimits::new(self.sizes, self.window as usize, self.max_item)
    }

    /// A turn begins: so many records of streams may be read in it as may be in one. What waits for room is
    /// sent as far as there is some. Returns how many records that were.
    #[inline]
    pub(in crate::server) fn begin_turn(
        &mut self,
        wake: Option<&mut LinkWake>,
        spares: &mut Spares,
    ) -> Result<u32, Corrupt> {
        self.stream_records = 0;
        if self.waits_for_room {
            self.send_streams(wake, spares)
        } else {
            Ok(0)
        }
    }

    /// Records of streams that were read in this turn.
    pub(in crate::server) fn stream_records(&self) -> u32 {
        self.stream_records
    }
}
