//! The open streams of a channel, as the client sees them: every change of a stream's state is in this
//! file. It never waits; blocking and asynchronous streams are built on it alike.
//!
//! ```text
//!  open ── reply ──► replied (items that came before are still to be fetched) ── released ──► over
//!    └── given up ──► nothing of it is kept any more ── reply ──► over
//! ```

mod parts;

pub(crate) use parts::{Direct, append, place};

use super::channel::SendFailure;
use crate::item_queue::ItemQueue;
use crate::layout::{ChannelSizes, STREAM_RESERVE};
use crate::outcome::{Cause, Executed, Outcome, Refusal};
use crate::record::{Ending, GIVEN_UP, ItemFlags, Payload, StreamHeader, item_cost};
use crate::ring::{Consumer, Corrupt, Kind, Producer, Record};

/// The streams of one channel.
pub(crate) struct Streams {
    open: Vec<Stream>,
    window: u64,
    max_part: usize,
    /// How long a part of ours is, in octets.
    usual_part: usize,
    /// How many may be open.
    most: usize,
    /// Room in the request ring that streams may use, in octets: half of it is left to calls.
    share: u64,
}

/// A stream, from its request until its end was fetched.
struct Stream {
    slot: u16,
    call: u64,
    incoming: ItemQueue,
    /// What the server may send, has sent, and what of it was fetched, since the beginning, in what
    /// items cost.
    granted: u64,
    received: u64,
    fetched: u64,
    /// What we may send, and have sent, likewise.
    allowed: u64,
    sent: u64,
    /// We have said that nothing follows.
    ended: bool,
    /// The server wants no more.
    stopped: bool,
    /// Nobody here wants anything of it any more; the server is still to be told, or was.
    given_up: Option<Told>,
    replied: Option<StreamReply>,
    /// An item was longer than it may be.
    too_large: bool,
    wakers: Wakers,
    /// There is news for them.
    due: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Yes,
    NotYet,
}

/// How the server has ended a stream.
#[derive(Debug)]
pub(crate) struct StreamReply {
    pub(crate) ending: Ending,
    pub(crate) payload: Vec<u8>,
}

/// Which tasks wait for a stream to move, of an asynchronous client.
#[derive(Default)]
pub(crate) struct Wakers {
    pub(crate) reader: Option<std::task::Waker>,
    pub(crate) writer: Option<std::task::Waker>,
}

/// What sending a part of an item came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartSent {
    /// So many octets were written. They are sent once they are published.
    Written(usize),
    /// The server has to read first, and to say so.
    Later,
    /// The server wants no more, or has ended the call.
    Stopped,
}

/// What fetching came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fetched {
    /// A part, or the whole, of an item; `true` if the item is complete.
    Part(bool),
    /// Nothing has come.
    Nothing,
    /// Nothing will come.
    End,
    /// The item is longer than it may be.
    TooLarge,
}

impl StreamReply {
    /// How the call ended, with the reply in `reply`, behind the `length` bytes that came before.
    pub(crate) fn outcome(&self, reply: &mut [u8], mut length: usize) -> Outcome<usize> {
        match self.ending {
            Ending::Completed if place(&self.payload, reply, &mut length) => {
                Outcome::Completed(length)
            }
            Ending::Completed => Outcome::Refused(Refusal::TooLarge),
            Ending::Refused(refusal) => Outcome::Refused(refusal),
            Ending::TakenBack => Outcome::failed(Cause::TakenBack, Executed::No),
            Ending::NotTaken => Outcome::failed(Cause::ShuttingDown, Executed::No),
        }
    }
}

impl Streams {
    pub(crate) fn new(sizes: ChannelSizes, window: usize) -> Self {
        let max_part = sizes.max_part();
        Self {
            open: Vec::new(),
            window: sizes.stream_window(window) as u64,
            max_part,
            usual_part: sizes.usual_part(),
            most: sizes.max_streams(),
            share: u64::from(sizes.ring() / 2),
        }
    }

    pub(crate) fn may_open(&self) -> bool {
        self.open.len() < self.most
    }

    /// Why no more may be open: some end soon, or all are in use.
    pub(crate) fn why_none(&self) -> SendFailure {
        let ends_soon = |stream: &Stream| stream.given_up.is_some();
        if self.open.iter().any(ends_soon) {
            SendFailure::Full
        } else {
            SendFailure::Busy
        }
    }

    /// What the server may send of a new stream at once.
    pub(crate) fn first_credit(&self) -> u64 {
        self.window
    }

    /// A request was sent that opens a stream, of which we may send `allowed` at once.
    pub(crate) fn open(&mut self, slot: u16, call: u64, allowed: u64) {
        // It fits: it was raised from less than the ring is long.
        let window = usize::try_from(self.window).unwrap_or(usize::MAX);
        self.open.push(Stream {
            slot,
            call,
            incoming: ItemQueue::new(window),
            granted: self.window,
            received: 0,
            fetched: 0,
            allowed,
            sent: 0,
            ended: false,
            stopped: false,
            given_up: None,
            replied: None,
            too_large: false,
            wakers: Wakers::default(),
            due: false,
        });
    }

    /// Octets of the request ring that the open streams keep free.
    pub(crate) fn reserve(&self) -> u64 {
        self.open.len() as u64 * STREAM_RESERVE
    }

    /// Takes a record that came for a stream, and returns its header.
    pub(crate) fn receive(
        &mut self,
        replies: &Consumer,
        record: &Record,
        direct: Option<Direct<'_>>,
    ) -> Result<StreamHeader, Corrupt> {
        let (header, flags, payload) = StreamHeader::read(replies, record)?;
        if payload.length > self.max_part {
            return Err(Corrupt::Length);
        }
        if header.call == 0 && record.frame.kind() == Kind::CREDIT {
            // It tells its head alone.
            return Ok(header);
        }
        let of_it = |stream: &&mut Stream| {
            let same = stream.slot == header.slot && stream.call == header.call;
            same && stream.replied.is_none()
        };
        let stream = self.open.iter_mut().find(of_it).ok_or(Corrupt::Call)?;
        match record.frame.kind() {
            Kind::ITEM => {
                let direct = direct.filter(|direct| direct.call == stream.call);
                stream.receive(replies, record, flags, payload, direct)?;
            }
            Kind::CREDIT => stream.allowed = stream.allowed.max(header.limit),
            _ => stream.stopped = true,
        }
        stream.due = true;
        Ok(header)
    }

    /// The server has read more: that may be the room that anybody waits for.
    pub(crate) fn room_was_made(&mut self) {
        for stream in &mut self.open {
            stream.due |= stream.wakers.writer.is_some();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether `call` has opened a stream.
    pub(crate) fn is_stream(&self, call: u64) -> bool {
        self.open.iter().any(|stream| stream.call == call)
    }

    /// The server has ended the stream of `call`.
    pub(crate) fn reply(&mut self, call: u64, reply: StreamReply) {
        if let Some(stream) = self.find(call) {
            stream.replied = Some(reply);
            stream.due = true;
        }
    }

    /// Nothing more is to come of the stream of `call`.
    pub(crate) fn release(&mut self, call: u64) {
        self.open.retain(|stream| stream.call != call);
    }

    /// Writes the part of `item` from `from` on that fits into a record.
    pub(crate) fn send_part(
        &mut self,
        call: u64,
        requests: &mut Producer,
        reply_head: u64,
        item: &[u8],
        from: usize,
    ) -> Result<PartSent, Corrupt> {
        let (usual_part, share) = (self.usual_part, self.share);
        let Some(stream) = self.find(call) else {
            return Ok(PartSent::Stopped);
        };
        if stream.stopped || stream.ended || stream.replied.is_some() {
            return Ok(PartSent::Stopped);
        }
        let rest = item.get(from..).unwrap_or_default();
        let part = &rest[..rest.len().min(usual_part)];
        let cost = item_cost(part.len());
        if cost > stream.allowed.saturating_sub(stream.sent) {
            return Ok(PartSent::Later);
        }
        let size = ChannelSizes::item_size(part.len());
        if requests.used() + size > share {
            requests.refresh_head().map_err(|_| Corrupt::Head)?;
            if requests.used() + size > share {
                return Ok(PartSent::Later);
            }
        }
        let flags = ItemFlags {
            ends_item: part.len() == rest.len(),
            ends_stream: false,
        };
        let header = stream.header(reply_head, 0);
        let written = requests.push(Kind::ITEM, flags.tags(), &header.to_words(), part);
        if written.is_err() {
            return Ok(PartSent::Later);
        }
        stream.sent += cost;
        Ok(PartSent::Written(part.len()))
    }

    /// Says that no more items follow. False when there is no room for that now.
    pub(crate) fn end(&mut self, call: u64, requests: &mut Producer, reply_head: u64) -> bool {
        let Some(stream) = self.find(call) else {
            return true;
        };
        if stream.ended || stream.stopped || stream.replied.is_some() {
            return true;
        }
        let flags = ItemFlags {
            ends_item: false,
            ends_stream: true,
        };
        let header = stream.header(reply_head, 0);
        stream.ended = requests
            .push_control(Kind::ITEM, flags.tags(), &header.to_words())
            .is_ok();
        stream.ended
    }

    /// Shows `take` the next part of an item, and passes it unless that returns false.
    pub(crate) fn fetch(&mut self, call: u64, take: impl FnOnce(&[u8]) -> bool) -> Fetched {
        let Some(stream) = self.find(call) else {
            return Fetched::End;
        };
        let Some(part) = stream.incoming.first() else {
            let over = stream.replied.is_some() || stream.given_up.is_some();
            return if over { Fetched::End } else { Fetched::Nothing };
        };
        // For good, or what is left of the item would be taken for one.
        stream.too_large = stream.too_large || !take(part.bytes);
        if stream.too_large {
            return Fetched::TooLarge;
        }
        let ends_item = part.ends_item;
        stream.fetched += stream.incoming.pop();
        Fetched::Part(ends_item)
    }

    /// Takes all items away that have come and will come: only the reply is wanted.
    pub(crate) fn skip(&mut self, call: u64) {
        if let Some(stream) = self.find(call) {
            while !stream.incoming.is_empty() {
                stream.fetched += stream.incoming.pop();
            }
        }
    }

    /// The reply to the stream of `call`, once it is there and all items were fetched.
    pub(crate) fn take_reply(&mut self, call: u64) -> Option<StreamReply> {
        let stream = self.find(call)?;
        if !stream.incoming.is_empty() {
            return None;
        }
        stream.replied.take()
    }

    pub(crate) fn wakers(&mut self, call: u64) -> Option<&mut Wakers> {
        self.find(call).map(|stream| &mut stream.wakers)
    }

    /// Nobody here wants anything of the stream of `call` any more.
    pub(crate) fn give_up(&mut self, call: u64) {
        if let Some(stream) = self.find(call) {
            stream.give_up();
            stream.wakers = Wakers::default();
        }
    }

    /// Writes what the server has to be told: leave to send more, and what was given up. True when that
    /// was anything.
    pub(crate) fn tell(&mut self, requests: &mut Producer, reply_head: u64) -> bool {
        let mut told = false;
        let window = self.window;
        for stream in &mut self.open {
            if stream.replied.is_some() {
                continue;
            }
            let limit = stream.fetched + window;
            let (kind, word) = match stream.given_up {
                Some(Told::NotYet) => (Kind::STOP, GIVEN_UP),
                None if limit - stream.granted >= window.div_ceil(2) => (Kind::CREDIT, limit),
                Some(Told::Yes) | None => continue,
            };
            let header = stream.header(reply_head, word);
            if requests
                .push_control(kind, [0; 3], &header.to_words())
                .is_err()
            {
                // Later: every record that comes leads here again.
                return told;
            }
            told = true;
            match kind {
                Kind::STOP => stream.given_up = Some(Told::Yes),
                _ => stream.granted = limit,
            }
        }
        told
    }

    /// Whether somebody waits for something of a stream, or is still to be told.
    pub(crate) fn is_waiting(&self) -> bool {
        self.open.iter().any(|stream| {
            let Wakers { reader, writer } = &stream.wakers;
            let untold = stream.given_up == Some(Told::NotYet);
            reader.is_some() || writer.is_some() || untold
        })
    }

    /// The tasks of the next stream for which there is news and who were not told yet.
    pub(crate) fn next_due(&mut self) -> Option<Wakers> {
        let stream = self.open.iter_mut().find(|stream| stream.due)?;
        stream.due = false;
        Some(std::mem::take(&mut stream.wakers))
    }

    /// Nothing will come any more: that is news for everybody, and the end of what was given up.
    pub(crate) fn cut(&mut self) {
        self.open.retain(|stream| stream.given_up.is_none());
        for stream in &mut self.open {
            stream.due = true;
        }
    }

    /// The slot of the stream of `call`, which is its own as long as the server has not ended it.
    pub(crate) fn slot(&self, call: u64) -> Option<u16> {
        let stream = self.open.iter().find(|stream| stream.call == call)?;
        stream.replied.is_none().then_some(stream.slot)
    }

    fn find(&mut self, call: u64) -> Option<&mut Stream> {
        self.open.iter_mut().find(|stream| stream.call == call)
    }
}

impl Stream {
    fn header(&self, reply_head: u64, limit: u64) -> StreamHeader {
        StreamHeader {
            call: self.call,
            head: reply_head,
            slot: self.slot,
            limit,
        }
    }

    fn receive(
        &mut self,
        replies: &Consumer,
        record: &Record,
        flags: ItemFlags,
        payload: Payload,
        direct: Option<Direct<'_>>,
    ) -> Result<(), Corrupt> {
        let cost = item_cost(payload.length);
        if flags.ends_stream || cost > self.granted - self.received {
            return Err(Corrupt::Credit);
        }
        self.received += cost;
        if self.given_up.is_some() {
            return Ok(());
        }
        if let Some(direct) = direct
            && self.incoming.is_empty()
            && let Some(room) = direct.room(payload.length)
        {
            replies.copy_out(record, payload.offset, room);
            self.fetched += cost;
            return Ok(());
        }
        match self.incoming.push(payload.length, flags.ends_item) {
            Ok(room) => replies.copy_out(record, payload.offset, room),
            // Without memory the stream is given up: an item with a gap must not be delivered.
            Err(_) => self.give_up(),
        }
        Ok(())
    }

    fn give_up(&mut self) {
        self.given_up.get_or_insert(Told::NotYet);
        self.incoming.clear();
    }
}
