//! Handlers that answer before they return.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{Answer, Execution, Progress, Start, Started, make_room, reply_of};
use crate::aligned::AlignedBuffer;
use crate::message_memory::MessageMemory;
use crate::outcome::Refusal;
use crate::record::Ending;
use crate::server::handler::{Handler, Reply, Request};
use crate::server::spares::Spares;
use crate::server::stream_desk::{StreamDesk, StreamLimits};

/// Calls a [`Handler`] on the server's thread.
pub(in crate::server) struct Immediate<H> {
    handler: H,
    request: AlignedBuffer,
    length: usize,
    /// In place of `request`, for one call.
    long: Option<MessageMemory>,
    reply: Vec<u8>,
    max_payload: usize,
    spares: Spares,
}

impl<H> Immediate<H> {
    /// `max_payload` is the length of the longest message, for which room is set aside at once.
    pub(in crate::server) fn new(handler: H, max_payload: u32) -> Self {
        Self {
            handler,
            request: AlignedBuffer::with_capacity(max_payload as usize),
            length: 0,
            long: None,
            reply: Vec::with_capacity(max_payload as usize),
            max_payload: max_payload as usize,
            spares: Spares::default(),
        }
    }
}

impl<H> Immediate<H> {
    /// Keeps the memory of a long request, which is over.
    #[cold]
    fn keep_long(&mut self) {
        if let Some(long) = self.long.take().and_then(MessageMemory::into_buffer) {
            self.spares.keep_request(long);
        }
    }
}

impl<H: Handler> Execution for Immediate<H> {
    fn room(&mut self, length: usize) -> Option<&mut [u8]> {
        self.length = length;
        Some(self.request.room(length))
    }

    fn spares(&mut self) -> &mut Spares {
        &mut self.spares
    }

    fn has_place(&self) -> bool {
        true
    }

    fn place(&mut self, request: MessageMemory, length: usize) {
        self.length = length;
        self.long = Some(request);
    }

    #[inline]
    fn start(&mut self, call: Start<'_>) -> Started<'_> {
        if call.ticket.in_parts {
            self.reply = self.spares.reply();
        }
        self.reply.clear();
        make_room(&mut self.reply, self.max_payload);
        let payload = match &self.long {
            Some(long) => long.payload(self.length),
            None => self.request.payload(self.length),
        };
        let request = Request {
            payload,
            header: call.header,
            client: call.client,
        };
        let mut reply = Reply::new(&mut self.reply, call.limit);
        let handler = &mut self.handler;
        // A handler that left its own state half changed is its author's concern, as in any thread.
        let handled = catch_unwind(AssertUnwindSafe(|| handler.handle(request, &mut reply)));
        let message_type = reply.message_type();
        let ending = match handled {
            Ok(Ok(())) => Ending::Completed,
            Ok(Err(refusal)) => Ending::Refused(refusal),
            Err(_) => Ending::Refused(Refusal::HandlerPanicked),
        };
        if ending != Ending::Completed {
            self.reply.clear();
        }
        if self.long.is_some() {
            self.keep_long();
        }
        Started::Answered(Answer {
            ending,
            message_type,
            payload: reply_of(&mut self.reply, call.ticket.in_parts),
        })
    }

    fn stream_desk(&self, _: StreamLimits) -> Result<Arc<StreamDesk>, Refusal> {
        Err(Refusal::NoStreams)
    }

    fn next_progress(&mut self) -> Option<Progress<'_>> {
        None
    }

    fn running(&self) -> usize {
        0
    }

    fn looks_ready(&self) -> bool {
        false
    }
}
