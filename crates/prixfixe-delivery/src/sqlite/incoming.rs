//! One message on its way into the store.

use std::fmt;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::error::StoreError;
use super::gate::{CommitGate, Ticket};
use super::gathered::Gathered;
use super::message::MessageDetails;
use super::queue::{Body, ChunkWork, MessageWork, Request, Upload, Work};
use super::store::SqliteStore;
use super::subject::find_subject;
use crate::MessageId;

/// A message that is coming in. Dropping it before [`commit`](Self::commit) leaves nothing behind.
///
/// Up to 256 KiB are gathered in memory and stored with the commit, in one go. Beyond that the
/// bytes go to the disk while they come, in chunks of this size, and [`write`](Self::write)
/// waits when the disk is slower than the client; so a message takes two chunks of memory at the
/// most, however large it is. Chunks are committed along with other messages: no transaction is
/// ever open while a client is waited for.
pub struct Incoming {
    store: SqliteStore,
    /// The bytes that are not on their way yet.
    buffer: Gathered,
    size: u64,
    spilled: Option<Spilled>,
    /// A write has failed, or was dropped before it ended.
    broken: bool,
}

/// What is known of a message whose first chunk has left.
struct Spilled {
    upload: Arc<Upload>,
    /// The position of the next chunk.
    position: u32,
    subject: Option<String>,
    /// The answer to the chunk that is under way.
    pending: Option<oneshot::Receiver<Result<(), StoreError>>>,
}

impl Incoming {
    pub(crate) fn new(store: SqliteStore) -> Self {
        let buffer = Gathered::new(store.pieces());
        Self {
            store,
            buffer,
            size: 0,
            spilled: None,
            broken: false,
        }
    }

    /// Adds bytes. After an error the message cannot be committed any more.
    ///
    /// If the future is dropped before it ends, it is not known how many of the bytes were taken;
    /// so then, too, the message can only be dropped.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        if std::mem::replace(&mut self.broken, true) {
            return Err(StoreError::Incomplete);
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.buffer.room() == 0 {
                self.spill().await?;
            }
            let (now, later) = rest.split_at(self.buffer.room().min(rest.len()));
            self.buffer.extend(now)?;
            rest = later;
        }
        self.size += bytes.len() as u64;
        self.broken = false;
        Ok(())
    }

    /// How many bytes have been written.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Stores the message; when this returns its name, the message would survive a power cut.
    ///
    /// If the future is dropped before the writer has taken the message into a transaction,
    /// nothing is stored. After that it is stored though nobody hears of it.
    pub async fn commit(self, details: MessageDetails) -> Result<MessageId, StoreError> {
        self.send(details, None).await
    }

    /// Like [`commit`](Self::commit), and asks `gate` at the last instant.
    pub async fn commit_through(
        self,
        details: MessageDetails,
        gate: impl CommitGate,
    ) -> Result<MessageId, StoreError> {
        self.send(details, Some(Box::new(gate))).await
    }

    async fn send(
        mut self,
        details: MessageDetails,
        gate: Option<Box<dyn CommitGate>>,
    ) -> Result<MessageId, StoreError> {
        if self.broken {
            return Err(StoreError::Incomplete);
        }
        if details.recipients.is_empty() {
            return Err(StoreError::NoRecipient);
        }
        self.await_chunk().await?;
        let store = self.store.clone();
        // From here to `send` nothing waits, so the message is either ours or the writer's.
        let place = store
            .queue()
            .reserve()
            .await
            .map_err(|_| StoreError::Closed)?;
        let last = self.buffer.take();
        let (subject, body) = match self.spilled.take() {
            None => (find_subject(&last), Body::Whole(last)),
            Some(Spilled {
                upload,
                position,
                subject,
                ..
            }) => (
                subject,
                Body::Chunked {
                    upload,
                    position,
                    last,
                },
            ),
        };
        let ticket = Arc::new(Ticket::default());
        let (reply, answer) = oneshot::channel();
        place.send(Request::Work(Work::Message(Box::new(MessageWork {
            details,
            subject,
            size: self.size,
            body,
            ticket: Arc::clone(&ticket),
            gate,
            id: None,
            reply,
        }))));
        let _cancel = CancelOnDrop(ticket);
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Sends the buffer on its way as a chunk, once the chunk before it is stored.
    async fn spill(&mut self) -> Result<(), StoreError> {
        self.await_chunk().await?;
        let place = self
            .store
            .queue()
            .reserve()
            .await
            .map_err(|_| StoreError::Closed)?;
        let spilled = self.spilled.get_or_insert_with(|| Spilled {
            upload: Arc::new(Upload::new(self.store.shared().ids.next())),
            position: 0,
            subject: find_subject(&self.buffer),
            pending: None,
        });
        let (reply, answer) = oneshot::channel();
        place.send(Request::Work(Work::Chunk(ChunkWork {
            upload: Arc::clone(&spilled.upload),
            position: spilled.position,
            data: self.buffer.take(),
            reply,
        })));
        spilled.position += 1;
        spilled.pending = Some(answer);
        Ok(())
    }

    async fn await_chunk(&mut self) -> Result<(), StoreError> {
        let Some(pending) = self
            .spilled
            .as_mut()
            .and_then(|spilled| spilled.pending.as_mut())
        else {
            return Ok(());
        };
        let stored = pending.await.map_err(|_| StoreError::Closed)?;
        if let Some(spilled) = &mut self.spilled {
            spilled.pending = None;
        }
        stored
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if let Some(spilled) = self.spilled.take() {
            spilled.upload.give_up();
            self.store.shared().give_up([spilled.upload.id()]);
            // The writer looks at the list after each request; if the queue is full, soon.
            let _ = self.store.queue().try_send(Request::Wake);
        }
    }
}

/// Cancels a commit that nobody waits for any more, if it is not too late.
struct CancelOnDrop(Arc<Ticket>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
