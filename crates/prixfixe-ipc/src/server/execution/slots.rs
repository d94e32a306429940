//! Handlers that answer later: each runs in a slot that was made when the server started.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::woken::Woken;
use super::{Answer, Execution, Finished, Progress, Start, Started, Ticket, make_room, reply_of};
use crate::aligned::AlignedBuffer;
use crate::message_memory::MessageMemory;
use crate::outcome::Refusal;
use crate::record::Ending;
use crate::server::async_handler::{AsyncHandler, Buffers, Desk};
use crate::server::spares::Spares;
use crate::server::stream_desk::{StreamDesk, StreamLimits};

/// Runs the futures of an [`AsyncHandler`] on the server's thread.
pub(in crate::server) struct Slots<H: AsyncHandler> {
    handler: H,
    places: Box<[Slot<H::Future>]>,
    free: Vec<usize>,
    woken: Arc<Woken>,
    /// What was woken and not looked at yet, of the wakes that were taken last.
    due: Vec<usize>,
    /// The wakes of this round were taken: what is woken from now on waits for the next one.
    taken: bool,
    /// Octets of the request that is being copied into the last free slot.
    length: usize,
    /// In place of that slot's buffer, for one call.
    long: Option<MessageMemory>,
    last_call: u64,
    spares: Spares,
    max_payload: usize,
}

/// Room for one running call.
struct Slot<F> {
    future: Pin<Box<Option<F>>>,
    waker: Waker,
    desk: Arc<Desk>,
    ticket: Option<Ticket>,
    /// Of a call that has opened a stream.
    stream: Option<Arc<StreamDesk>>,
    /// Away while the call runs, unless its request is long and lies elsewhere.
    request: AlignedBuffer,
    reply: Vec<u8>,
}

/// Of the places, one in so many is for calls only: handlers of streams may wait for their clients for as
/// long as these like.
const LEFT_TO_CALLS: usize = 4;

/// How a future returned; `None` when it panicked.
type Ran = Option<Result<(), Refusal>>;

impl<H: AsyncHandler> Slots<H> {
    /// For as many calls at once as `woken` has places. Room for the longest message, which has
    /// `max_payload` octets, is set aside for each; of it only pages that some message needed are
    /// ever touched.
    pub(in crate::server) fn new(handler: H, woken: Arc<Woken>, max_payload: u32) -> Self {
        let count = woken.places();
        let max_payload = max_payload as usize;
        let slot = |index| Slot {
            future: Box::pin(None),
            waker: woken.waker(index),
            desk: Arc::default(),
            ticket: None,
            stream: None,
            request: AlignedBuffer::with_capacity(max_payload),
            reply: Vec::with_capacity(max_payload),
        };
        Self {
            handler,
            places: (0..count).map(slot).collect(),
            free: (0..count).rev().collect(),
            due: Vec::with_capacity(count),
            woken,
            taken: false,
            length: 0,
            long: None,
            last_call: 0,
            spares: Spares::default(),
            max_payload,
        }
    }

    /// Ends the call in a slot, whose future has returned or panicked.
    fn end(&mut self, index: usize, ran: Ran, in_parts: bool) -> Answer<'_> {
        let slot = &mut self.places[index];
        // What the future still has is given back now; dropping it may panic like running it.
        let dropped = catch_unwind(AssertUnwindSafe(|| slot.future.set(None)));
        slot.stream = None;
        let returned = slot.desk.collect();
        match returned.request.and_then(MessageMemory::into_buffer) {
            // During a long request it was not away.
            Some(long) if long.capacity() > self.max_payload => self.spares.keep_request(long),
            Some(buffer) => slot.request = buffer,
            None => {}
        }
        // A handler that keeps a buffer for good costs a new one.
        if slot.request.capacity() < self.max_payload {
            slot.request = AlignedBuffer::with_capacity(self.max_payload);
        }
        let (ending, message_type) = match (ran, dropped, returned.reply) {
            (None, _, reply) | (_, Err(_), reply) => {
                slot.reply = reply.map_or_else(Vec::new, |(buffer, _)| buffer);
                (Ending::Refused(Refusal::HandlerPanicked), 0)
            }
            (Some(Ok(())), Ok(()), Some((buffer, message_type))) => {
                slot.reply = buffer;
                (Ending::Completed, message_type)
            }
            // It says that it has answered, but has not let go of the answer.
            (Some(Ok(())), Ok(()), None) => (Ending::Refused(Refusal::HandlerFailed), 0),
            (Some(Err(refusal)), Ok(()), reply) => {
                slot.reply = reply.map_or_else(Vec::new, |(buffer, _)| buffer);
                (Ending::Refused(refusal), 0)
            }
        };
        if ending != Ending::Completed {
            slot.reply.clear();
        }
        self.free.push(index);
        Answer {
            ending,
            message_type,
            payload: reply_of(&mut slot.reply, in_parts),
        }
    }

    /// The next call that asked to be let go on, of those that had when the round began.
    fn next_due(&mut self) -> Option<usize> {
        if self.due.is_empty() {
            // Once for each round, so that a future that wakes itself does not keep the server from
            // everything else.
            self.taken = !self.taken;
            if self.taken {
                let due = &mut self.due;
                self.woken.take(|index| due.push(index));
            }
        }
        let due = self.due.pop();
        self.taken &= due.is_some();
        due
    }
}

impl<F: Future<Output = Result<(), Refusal>>> Slot<F> {
    /// Lets the future go on.
    fn run(&mut self) -> Poll<Ran> {
        let Some(future) = self.future.as_mut().as_pin_mut() else {
            // It was woken after its end.
            return Poll::Pending;
        };
        if let Some(stream) = &self.stream {
            stream.attend(true);
        }
        let mut context = Context::from_waker(&self.waker);
        let ran = match catch_unwind(AssertUnwindSafe(|| future.poll(&mut context))) {
            Ok(running) => running.map(Some),
            Err(_) => Poll::Ready(None),
        };
        if let Some(stream) = &self.stream {
            stream.attend(false);
        }
        ran
    }
}

impl<H: AsyncHandler> Drop for Slots<H> {
    fn drop(&mut self) {
        for slot in &mut self.places {
            // The panic was shown; the other futures are dropped all the same.
            let _ = catch_unwind(AssertUnwindSafe(|| slot.future.set(None)));
        }
    }
}

impl<H: AsyncHandler> Execution for Slots<H> {
    fn room(&mut self, length: usize) -> Option<&mut [u8]> {
        let slot = &mut self.places[*self.free.last()?];
        self.length = length;
        Some(slot.request.room(length))
    }

    fn spares(&mut self) -> &mut Spares {
        &mut self.spares
    }

    fn has_place(&self) -> bool {
        !self.free.is_empty()
    }

    fn place(&mut self, request: MessageMemory, length: usize) {
        self.length = length;
        self.long = Some(request);
    }

    fn start(&mut self, call: Start<'_>) -> Started<'_> {
        let Some(index) = self.free.pop() else {
            // Never: there was room just now.
            return Started::Answered(Answer {
                ending: Ending::Refused(Refusal::Busy),
                message_type: 0,
                payload: Cow::Borrowed(&[]),
            });
        };
        self.last_call += 1;
        let slot = &mut self.places[index];
        if call.ticket.in_parts && call.stream.is_none() {
            slot.reply = self.spares.reply();
        }
        slot.reply.clear();
        make_room(&mut slot.reply, self.max_payload);
        let buffers = Buffers {
            request: self
                .long
                .take()
                .unwrap_or_else(|| std::mem::take(&mut slot.request).into()),
            length: self.length,
            reply: std::mem::take(&mut slot.reply),
        };
        let (request, reply) = slot.desk.lend(
            self.last_call,
            buffers,
            *call.header,
            call.client,
            call.limit,
            call.stream.clone(),
        );
        slot.stream = call.stream;
        let handler = &mut self.handler;
        // A handler that left its own state half changed is its author's concern, as in any thread.
        let begun = catch_unwind(AssertUnwindSafe(|| {
            slot.future.set(Some(handler.handle(request, reply)));
        }));
        let running = match begun {
            Ok(()) => slot.run(),
            Err(_) => Poll::Ready(None),
        };
        match running {
            Poll::Ready(ran) => Started::Answered(self.end(index, ran, call.ticket.in_parts)),
            Poll::Pending => {
                self.places[index].ticket = Some(*call.ticket);
                Started::Running
            }
        }
    }

    fn stream_desk(&self, limits: StreamLimits) -> Result<Arc<StreamDesk>, Refusal> {
        let streams = self.places.iter().filter(|slot| slot.stream.is_some());
        let most = self.places.len() - self.places.len() / LEFT_TO_CALLS;
        let index = self.free.last().ok_or(Refusal::Busy)?;
        if streams.count() >= most {
            return Err(Refusal::Busy);
        }
        let waker = self.places[*index].waker.clone();
        Ok(Arc::new(StreamDesk::new(limits, waker)))
    }

    fn next_progress(&mut self) -> Option<Progress<'_>> {
        // Bounded: there are as many due as slots, at most.
        while let Some(index) = self.next_due() {
            let Some(slot) = self.places.get_mut(index) else {
                continue;
            };
            match slot.run() {
                Poll::Ready(ran) => {
                    if let Some(ticket) = slot.ticket.take() {
                        let answer = self.end(index, ran, ticket.in_parts);
                        return Some(Progress::Finished(Finished { ticket, answer }));
                    }
                }
                Poll::Pending => {
                    if let Some(ticket) = slot.ticket.filter(|ticket| ticket.in_parts) {
                        return Some(Progress::Moved(ticket));
                    }
                }
            }
        }
        None
    }

    fn running(&self) -> usize {
        self.places.len() - self.free.len()
    }

    fn looks_ready(&self) -> bool {
        !self.due.is_empty() || self.woken.any()
    }
}
