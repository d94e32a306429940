//! What travels from those who bring messages to the one thread that writes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;

use super::error::StoreError;
use super::gate::{CommitGate, Ticket};
use super::gathered::Gathered;
use super::message::MessageDetails;
use crate::MessageId;

/// One thing for the writer to do.
pub(crate) enum Request {
    Work(Work),
    /// Find out whether the disk works again.
    Probe,
    /// Look at the uploads that were given up, and at the log.
    Wake,
    /// End: do all that is queued, then answer.
    Close(oneshot::Sender<()>),
}

/// One thing to write inside the next transaction.
pub(crate) enum Work {
    Message(Box<MessageWork>),
    Chunk(ChunkWork),
}

/// A message to commit.
pub(crate) struct MessageWork {
    pub(crate) details: MessageDetails,
    pub(crate) subject: Option<String>,
    pub(crate) size: u64,
    pub(crate) body: Body,
    pub(crate) ticket: Arc<Ticket>,
    pub(crate) gate: Option<Box<dyn CommitGate>>,
    /// Given when it is written.
    pub(crate) id: Option<MessageId>,
    pub(crate) reply: oneshot::Sender<Result<MessageId, StoreError>>,
}

/// Where the bytes of a message are.
pub(crate) enum Body {
    Whole(Gathered),
    /// In chunks that are stored already, and the last piece.
    Chunked {
        upload: Arc<Upload>,
        position: u32,
        last: Gathered,
    },
}

/// A piece of a large message that is still coming in.
pub(crate) struct ChunkWork {
    pub(crate) upload: Arc<Upload>,
    pub(crate) position: u32,
    pub(crate) data: Gathered,
    pub(crate) reply: oneshot::Sender<Result<(), StoreError>>,
}

/// The chunks of one large message: the number they are stored under, and whether they are
/// still wanted.
#[derive(Debug)]
pub(crate) struct Upload {
    id: MessageId,
    given_up: AtomicBool,
}

impl Upload {
    /// `id` comes from the sequence of the messages, so that no other upload has it.
    pub(crate) fn new(id: MessageId) -> Self {
        Self {
            id,
            given_up: AtomicBool::new(false),
        }
    }

    pub(crate) fn id(&self) -> MessageId {
        self.id
    }

    /// From now on the writer ignores chunks of it that are still queued.
    ///
    /// Called before the upload is put on the list of those to remove. The list's mutex orders
    /// the two, so a chunk that the writer still stored is there when it removes the rest.
    pub(crate) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }
}

impl Work {
    /// About how many bytes it adds to the log.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Chunk(chunk) => chunk.data.len(),
            Self::Message(message) => {
                let body = match &message.body {
                    Body::Whole(bytes) | Body::Chunked { last: bytes, .. } => bytes.len(),
                };
                let details = &message.details;
                body + details.trace.len()
                    + details.recipients.iter().map(String::len).sum::<usize>()
            }
        }
    }
}
