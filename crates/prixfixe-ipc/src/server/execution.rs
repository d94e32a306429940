//! How taken calls become answers: at once, or while others go on.

mod immediate;
mod slots;
mod woken;

pub(super) use immediate::Immediate;
pub(super) use slots::Slots;
pub(super) use woken::Woken;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use super::events::ClientIdentity;
use super::spares::Spares;
use super::stream_desk::{StreamDesk, StreamLimits};
use crate::message_memory::MessageMemory;
use crate::outcome::Refusal;
use crate::record::{Ending, RequestHeader};

/// Runs handlers.
///
/// The server copies a request into the room that [`Execution::room`] lends, starts it, and either has
/// its answer at once or asks for it later. Each started call is answered exactly once.
pub(super) trait Execution {
    /// A place for a request of `length` bytes; `None` while as many calls run as may.
    fn room(&mut self, length: usize) -> Option<&mut [u8]>;

    /// What is kept of long messages that are over.
    fn spares(&mut self) -> &mut Spares;

    /// Whether another call may run.
    fn has_place(&self) -> bool;

    /// Takes a long request of `length` octets in place of a room, where there is a place.
    fn place(&mut self, request: MessageMemory, length: usize);

    /// Starts the call whose request was put into the room just lent, or placed.
    fn start(&mut self, call: Start<'_>) -> Started<'_>;

    /// The desk of a stream that would be started next.
    ///
    /// # Errors
    /// Where handlers answer at once and cannot wait for items, and when as many streams run as may.
    fn stream_desk(&self, limits: StreamLimits) -> Result<Arc<StreamDesk>, Refusal>;

    /// Lets running calls go on and names the next that is finished, or that has opened a stream and
    /// went on. `None` when there is none.
    fn next_progress(&mut self) -> Option<Progress<'_>>;

    /// Calls that were started and are not finished.
    fn running(&self) -> usize;

    /// Whether a running call has asked to be let go on: one load, and no promise.
    fn looks_ready(&self) -> bool;
}

/// A call that was taken.
pub(super) struct Start<'a> {
    pub(super) header: &'a RequestHeader,
    pub(super) client: ClientIdentity,
    /// The longest reply that there is room for, in bytes.
    pub(super) limit: usize,
    pub(super) ticket: &'a Ticket,
    /// Where its items come and go, if it opens a stream.
    pub(super) stream: Option<Arc<StreamDesk>>,
}

/// Where an answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) channel: usize,
    /// Tells this channel from an earlier one in the same place.
    pub(super) generation: u64,
    pub(super) call: u64,
    pub(super) slot: u16,
    /// Octets of the reply ring that are kept free for the answer.
    pub(super) reserved: u64,
    /// Something goes between its request and its reply: items, or parts of these two.
    pub(super) in_parts: bool,
    /// When it was taken, if it is one of those whose service is timed.
    pub(super) sampled_at: Option<Instant>,
}

/// An answer.
pub(super) struct Answer<'a> {
    pub(super) ending: Ending,
    pub(super) message_type: u32,
    /// Empty unless the call was completed.
    pub(super) payload: Cow<'a, [u8]>,
}

impl Answer<'_> {
    /// The answer that a call is refused.
    pub(super) const fn refusal(refusal: Refusal) -> Self {
        Self {
            ending: Ending::Refused(refusal),
            message_type: 0,
            payload: Cow::Borrowed(&[]),
        }
    }
}

/// What became of a call that was started.
pub(super) enum Started<'a> {
    Answered(Answer<'a>),
    Running,
}

/// What became of running calls.
pub(super) enum Progress<'a> {
    Finished(Finished<'a>),
    /// A call that has opened a stream went on, and may have left items.
    Moved(Ticket),
}

/// A call that ran and is over.
pub(super) struct Finished<'a> {
    pub(super) ticket: Ticket,
    pub(super) answer: Answer<'a>,
}

/// The reply as the answer has it. One of a call in parts may have to wait and goes with the answer.
fn reply_of(reply: &mut Vec<u8>, in_parts: bool) -> Cow<'_, [u8]> {
    if in_parts {
        Cow::Owned(std::mem::take(reply))
    } else {
        Cow::Borrowed(reply)
    }
}

/// Makes `reply` as large as replies usually are, where the last one took it along.
fn make_room(reply: &mut Vec<u8>, max_payload: usize) {
    if reply.capacity() < max_payload {
        *reply = Vec::with_capacity(max_payload);
    }
}
