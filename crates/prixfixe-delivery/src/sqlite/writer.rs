//! The thread that writes. It alone decides that a message is accepted: the return of COMMIT,
//! in [`Writer::transact`], is that step.
//!
//! It takes all that is queued into one transaction, so messages that finish together share one
//! sync, and a message that comes alone waits for nobody.

mod failure;

use std::sync::Arc;
use std::time::Instant;

use rusqlite::Connection;
use rusqlite::wal::CheckpointMode;
use tokio::sync::{mpsc, oneshot};

use super::database::Database;
use super::disk::Disk;
use super::error::StoreError;
use super::fault::FaultPoint;
use super::folder::LockedFolder;
use super::keeper::Keeper;
use super::queue::{Body, Request, Work};
use super::removal::{STEP_LOG_BYTES, remove_chunks};
use super::rows::{insert_chunk, insert_message};
use super::shared::Shared;
use super::wal::{READER_WAIT, WalSize, WalWatch};

pub(crate) struct Writer {
    pub(crate) database: Database,
    pub(crate) connection: Connection,
    pub(crate) queue: mpsc::Receiver<Request>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) keeper: Keeper,
    pub(crate) disk: Disk,
    /// Held to the very end.
    pub(crate) folder: LockedFolder,
    pub(crate) state: WriterState,
}

/// What the writer remembers from one batch to the next.
#[derive(Default)]
pub(crate) struct WriterState {
    /// A request that ended a batch and comes next.
    deferred: Option<Request>,
    log: WalWatch,
    /// Chunks that are stored and not yet answered, at most one for each large message: the log
    /// is long.
    held: Vec<oneshot::Sender<Result<(), StoreError>>>,
    disk_checked: Option<Instant>,
    disk_is_low: bool,
    /// Removing chunks failed, and is left until a write has worked.
    removal_stalled: bool,
    trace: String,
}

impl Writer {
    /// Works until the store is closed or its last handle is gone.
    pub(crate) fn run(mut self) {
        let mut closers = Vec::new();
        let mut batch = Vec::with_capacity(BATCH_MESSAGES);
        while let Some(request) = self.next() {
            match request {
                Request::Work(work) => {
                    self.gather(work, &mut batch);
                    self.store(&mut batch);
                }
                Request::Probe => self.probe(),
                Request::Wake => self.state.log.look_again(),
                Request::Close(done) => {
                    // What is in the queue is still handed out, then it ends.
                    self.queue.close();
                    closers.push(done);
                }
            }
            self.remove_given_up();
            self.look_after_log();
        }
        self.end(closers);
    }

    /// The next request; waits for it unless there are chunks to remove.
    fn next(&mut self) -> Option<Request> {
        if let Some(request) = self.state.deferred.take() {
            return Some(request);
        }
        let idle = self.state.removal_stalled || !self.shared.has_given_up();
        match self.queue.try_recv() {
            Ok(request) => Some(request),
            Err(mpsc::error::TryRecvError::Empty) if !idle => Some(Request::Wake),
            Err(_) => self.queue.blocking_recv(),
        }
    }

    /// Fills `batch` with `first` and whatever else is queued, up to the bounds of a batch.
    fn gather(&mut self, first: Work, batch: &mut Vec<Work>) {
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(work) = next.take() {
            bytes += work.bytes();
            batch.extend(self.admit(work));
            if batch.len() >= BATCH_MESSAGES || bytes >= BATCH_BYTES {
                break;
            }
            next = match self.queue.try_recv() {
                Ok(Request::Work(work)) => Some(work),
                Ok(Request::Wake) | Err(_) => None,
                Ok(other) => {
                    self.state.deferred = Some(other);
                    None
                }
            };
        }
        self.state.log.add(bytes as u64);
    }

    /// Asks whether the work is still wanted, for the last time.
    fn admit(&self, mut work: Work) -> Option<Work> {
        let wanted = match &mut work {
            Work::Message(message) => message.ticket.enter(message.gate.take()),
            Work::Chunk(chunk) => !chunk.upload.is_given_up(),
        };
        if wanted {
            return Some(work);
        }
        self.fail(work, StoreError::Cancelled);
        None
    }

    /// Stores a batch and answers everybody in it.
    fn store(&mut self, batch: &mut Vec<Work>) {
        // All of it was turned down. A commit of nothing would succeed even on a broken disk,
        // and say that the store works.
        if batch.is_empty() {
            return;
        }
        if self.disk_is_low() {
            return batch
                .drain(..)
                .for_each(|work| self.fail(work, StoreError::Full));
        }
        match self.commit(batch) {
            Ok(()) => batch.drain(..).for_each(|work| self.answer(work)),
            Err(error) if batch.len() == 1 || error.concerns_all() => {
                batch
                    .drain(..)
                    .for_each(|work| self.fail(work, error.clone()));
            }
            Err(_) => self.store_singly(batch),
        }
    }

    /// One of several messages was refused; each gets a transaction of its own, so that it
    /// fails alone.
    fn store_singly(&mut self, batch: &mut Vec<Work>) {
        let mut store_fails = None;
        for mut work in batch.drain(..) {
            let stored = match &store_fails {
                None => self.commit(std::slice::from_mut(&mut work)),
                Some(error) => Err(StoreError::clone(error)),
            };
            match stored {
                Ok(()) => self.answer(work),
                Err(error) => {
                    if error.concerns_all() {
                        store_fails = Some(error.clone());
                    }
                    self.fail(work, error);
                }
            }
        }
    }

    fn commit(&mut self, batch: &mut [Work]) -> Result<(), StoreError> {
        let outcome = self.transact(|writer| {
            for work in batch.iter_mut() {
                match work {
                    Work::Chunk(chunk) => insert_chunk(&writer.connection, chunk)?,
                    Work::Message(message) => {
                        let id = writer.shared.ids.next();
                        message.id = Some(id);
                        let trace = &mut writer.state.trace;
                        insert_message(&writer.connection, message, id, trace)?;
                    }
                }
            }
            writer.shared.faults.pass(FaultPoint::BeforeCommit);
            Ok(())
        });
        match outcome {
            Ok(()) => {
                self.shared.faults.pass(FaultPoint::BeforeAnswers);
                self.worked();
                Ok(())
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Runs `write` in a transaction that is durable when this returns `Ok`.
    fn transact(
        &mut self,
        write: impl FnOnce(&mut Self) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        self.run_statement("BEGIN IMMEDIATE")?;
        let outcome = write(self).and_then(|()| self.run_statement("COMMIT"));
        if outcome.is_err() && !self.connection.is_autocommit() {
            // If even this fails SQLite has rolled back by itself or the connection is broken,
            // and then `failed` opens another.
            let _ = self.run_statement("ROLLBACK");
        }
        outcome
    }

    fn run_statement(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(|_| ())
    }

    fn fail(&self, work: Work, error: StoreError) {
        // Nobody waits for the answer of what was called off.
        match work {
            Work::Chunk(chunk) => drop(chunk.reply.send(Err(error))),
            Work::Message(message) => {
                if let Body::Chunked { upload, .. } = &message.body {
                    self.shared.give_up([upload.id()]);
                }
                drop(message.reply.send(Err(error)));
            }
        }
    }

    /// Removes some chunks of uploads that nobody wants any more.
    fn remove_given_up(&mut self) {
        if self.state.removal_stalled {
            return;
        }
        let mut uploads = self.shared.take_given_up(UPLOADS_PER_REMOVAL);
        if uploads.is_empty() {
            return;
        }
        let outcome = remove_chunks(&mut self.connection, &mut uploads);
        self.state.log.add(STEP_LOG_BYTES);
        // What could not be removed yet, or only in part, comes again.
        self.shared.give_up(uploads);
        if let Err(error) = outcome {
            self.state.removal_stalled = true;
            self.failed(error);
        }
    }

    fn answer(&mut self, work: Work) {
        // Whoever asked may have stopped waiting; the message is stored all the same.
        match work {
            Work::Chunk(chunk) if self.state.log.is_long() && self.keeper.is_busy() => {
                self.state.held.push(chunk.reply);
            }
            Work::Chunk(chunk) => drop(chunk.reply.send(Ok(()))),
            Work::Message(message) => {
                drop(message.reply.send(message.id.ok_or(StoreError::Incomplete)));
            }
        }
    }

    /// Keeps the log bounded, and answers the chunks that waited for the keeper.
    fn look_after_log(&mut self) {
        if !self.state.held.is_empty() && !self.keeper.is_busy() {
            for chunk in self.state.held.drain(..) {
                drop(chunk.send(Ok(())));
            }
        }
        let log = &mut self.state.log;
        log.look_after(&self.connection, &self.keeper, &self.shared.condition);
    }

    /// Ends the store: nothing is queued any more, and all that was is answered.
    fn end(self, closers: Vec<oneshot::Sender<()>>) {
        let Self {
            connection,
            keeper,
            folder,
            ..
        } = self;
        keeper.stop();
        // So that a copy of the database file alone has everything. A reader can prevent it, and
        // then the log stays, and whoever opens the store next reads it.
        let emptied = connection
            .busy_timeout(READER_WAIT)
            .and_then(|()| WalSize::after(CheckpointMode::TRUNCATE, &connection));
        if let Err(error) = emptied {
            tracing::warn!(%error, "the write-ahead log stays beside the database");
        }
        drop(connection);
        drop(folder);
        for closer in closers {
            // Whoever asked may have stopped waiting.
            let _ = closer.send(());
        }
    }
}

/// Messages in one transaction. More would gain nothing, for the sync is then a small part of
/// the cost, and would let the first wait long for the last.
const BATCH_MESSAGES: usize = 256;
/// Bytes after which no more is taken into a transaction: a few milliseconds of writing, so that
/// large messages delay small ones by no more than that.
const BATCH_BYTES: usize = 1 << 20;
/// Uploads looked at in one removal, most of which stops after its first few: more than a batch
/// can begin, so that removing keeps up with whoever begins messages and leaves.
const UPLOADS_PER_REMOVAL: usize = 8;
