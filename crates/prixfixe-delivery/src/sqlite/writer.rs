//! The thread that writes. It alone decides that a message is accepted: the return of COMMIT,
//! in [`Writer::transact`], is that step.
//!
//! It takes all that is queued into one transaction, so messages that finish together share one
//! sync, and a message that comes alone waits for nobody.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::wal::CheckpointMode;
use tokio::sync::{mpsc, oneshot};

use super::database::{Database, PAGE_BYTES};
use super::disk::Disk;
use super::error::StoreError;
use super::fault::FaultPoint;
use super::folder::LockedFolder;
use super::keeper::Keeper;
use super::queue::{Body, Request, Work};
use super::removal::remove_step;
use super::rows::{insert_chunk, insert_message};
use super::shared::Shared;
use super::wal::{WalSize, WalWatch};

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
                Request::Wake => {}
                Request::Close(done) => {
                    // What is in the queue is still handed out, then it ends.
                    self.queue.close();
                    closers.push(done);
                }
            }
            self.remove_given_up();
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
        if self.disk_is_low() {
            return batch
                .drain(..)
                .for_each(|work| self.fail(work, StoreError::Full));
        }
        match self.commit(batch) {
            Ok(()) => batch.drain(..).for_each(answer),
            Err(error) if batch.len() == 1 || error.concerns_all() => {
                batch
                    .drain(..)
                    .for_each(|work| self.fail(work, error.clone()));
            }
            Err(_) => self.store_singly(batch),
        }
        self.state
            .log
            .look_after(&self.connection, &self.keeper, &self.shared.condition);
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
                Ok(()) => answer(work),
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

    /// Finds out what an error means, and makes the store fit for the next message.
    fn failed(&mut self, error: rusqlite::Error) -> StoreError {
        let mut error = StoreError::from(error);
        if !error.concerns_all() {
            return error;
        }
        if matches!(error, StoreError::Io(_)) && self.no_block_is_free() {
            // SQLite reports an I/O error where the disk was too full for a sync or an index.
            error = StoreError::Full;
        }
        self.note_failure(&error);
        if !matches!(error, StoreError::Busy(_)) {
            self.overwrite_tail();
        }
        error
    }

    /// Makes health bad, and has the keeper ask every second whether that is over.
    fn note_failure(&self, error: &StoreError) {
        if self.shared.condition.failed(error) {
            tracing::error!(%error, "the mail store takes no messages");
        }
        self.keeper.store_fails();
    }

    /// Writes a small commit over what a failed one may have left at the end of the log.
    ///
    /// A commit that failed in its sync is not visible, but its pages may be in the file, whole
    /// and valid; a crash now would make the messages appear whose senders were told that they
    /// had failed. SQLite goes on writing where the last good commit ended, so the next commit
    /// takes their place, and the chain of checksums breaks behind it. This makes that next
    /// commit at once, before the failure is answered.
    ///
    /// It needs nothing from the failed sync: the kernel may have marked pages clean that never
    /// reached the disk, but all that matters of them is written here anew.
    fn overwrite_tail(&mut self) {
        if self.write_probe().is_ok() {
            return;
        }
        // A connection can be beyond use (files vanished under it, a network file system gave
        // its handles up). The new one is opened before the old one is closed: closing the last
        // would make the next read the log again, and with it that tail.
        if let Ok(connection) = self.database.open_to_write() {
            self.connection = connection;
            let _ = self.write_probe();
        }
    }

    /// Tries whether the disk works again.
    fn probe(&mut self) {
        self.state.disk_checked = None;
        if self.disk_is_low() || !self.shared.condition.is_failing() {
            return;
        }
        match self.write_probe() {
            // Where the disk was full a small write may well succeed, and the next message not.
            Ok(()) if self.has_room_for_a_batch() => self.worked(),
            Ok(()) => {}
            Err(error) => {
                self.failed(error);
            }
        }
    }

    fn write_probe(&mut self) -> rusqlite::Result<()> {
        self.transact(|writer| {
            writer.run_statement("UPDATE meta SET value = value + 1 WHERE key = 'probe'")
        })
    }

    fn worked(&mut self) {
        self.state.removal_stalled = false;
        if self.shared.condition.worked() {
            tracing::info!("the mail store takes messages again");
        }
    }

    fn fail(&self, work: Work, error: StoreError) {
        // Nobody waits for the answer of what was called off.
        match work {
            Work::Chunk(chunk) => drop(chunk.reply.send(Err(error))),
            Work::Message(message) => {
                if let Body::Chunked { upload, .. } = &message.body {
                    self.shared.give_up(upload.id());
                }
                drop(message.reply.send(Err(error)));
            }
        }
    }

    /// Removes some chunks of one upload that nobody wants any more.
    fn remove_given_up(&mut self) {
        if self.state.removal_stalled {
            return;
        }
        let Some(upload) = self.shared.take_given_up() else {
            return;
        };
        match remove_step(&mut self.connection, upload) {
            Ok(true) => {}
            Ok(false) => self.shared.give_up(upload),
            Err(error) => {
                self.shared.give_up(upload);
                self.state.removal_stalled = true;
                self.failed(error);
            }
        }
    }

    fn disk_is_low(&mut self) -> bool {
        let state = &mut self.state;
        if state
            .disk_checked
            .is_some_and(|then| then.elapsed() < DISK_CHECK_INTERVAL)
        {
            return state.disk_is_low;
        }
        state.disk_checked = Some(Instant::now());
        if let Ok(pages) = self
            .connection
            .pragma_query_value(None, "freelist_count", |row| row.get::<_, u32>(0))
        {
            self.shared
                .condition
                .set_reusable_bytes(u64::from(pages) * u64::from(PAGE_BYTES));
        }
        let reusable = self.shared.condition.reusable_bytes();
        // Where the file system does not say, the write itself will show.
        state.disk_is_low = self.disk.space().is_ok_and(|space| space.is_low(reusable));
        if state.disk_is_low {
            self.note_failure(&StoreError::Full);
        }
        self.state.disk_is_low
    }

    fn no_block_is_free(&self) -> bool {
        self.disk.space().is_ok_and(|space| space.free_bytes == 0)
    }

    fn has_room_for_a_batch(&self) -> bool {
        let reusable = self.shared.condition.reusable_bytes();
        self.disk.space().map_or(true, |space| {
            space.free_bytes + reusable >= BATCH_BYTES as u64
        })
    }

    /// Ends the store: nothing is queued any more, and all that was is answered.
    fn end(self, closers: Vec<oneshot::Sender<()>>) {
        let Self {
            connection,
            shared,
            keeper,
            folder,
            ..
        } = self;
        shared.condition.closed();
        keeper.stop();
        // So that a copy of the database file alone has everything. A reader can prevent it, and
        // then the log stays, and whoever opens the store next reads it.
        if let Err(error) = WalSize::after(CheckpointMode::TRUNCATE, &connection) {
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

fn answer(work: Work) {
    // Whoever asked may have stopped waiting; the message is stored all the same.
    match work {
        Work::Chunk(chunk) => drop(chunk.reply.send(Ok(()))),
        Work::Message(message) => {
            drop(message.reply.send(message.id.ok_or(StoreError::Incomplete)));
        }
    }
}

/// Messages in one transaction. More would gain nothing, for the sync is then a small part of
/// the cost, and would let the first wait long for the last.
const BATCH_MESSAGES: usize = 256;
/// Bytes after which no more is taken into a transaction: a few milliseconds of writing, so that
/// large messages delay small ones by no more than that.
const BATCH_BYTES: usize = 1 << 20;
/// How old a look at the free disk may be. At a GiB a second the automatic floor still holds.
const DISK_CHECK_INTERVAL: Duration = Duration::from_secs(1);
