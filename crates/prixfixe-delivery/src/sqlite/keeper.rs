//! The store's second thread: copies the log into the database, off the way of the commits, and
//! asks a failing store every second to try again.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::wal::CheckpointMode;
use tokio::sync::mpsc;

use super::database::Database;
use super::error::StoreError;
use super::fault::FaultPoint;
use super::queue::Request;
use super::shared::Shared;
use super::wal::WalSize;

/// The writer's end of the keeper. Dropping it ends the thread.
pub(crate) struct Keeper {
    signals: SyncSender<Signal>,
    busy: Arc<Busy>,
    thread: JoinHandle<()>,
}

enum Signal {
    Copy,
    Failing,
}

impl Keeper {
    /// Starts the thread. `queue` is weak, so that the keeper does not keep the store open.
    pub(crate) fn start(
        database: Database,
        shared: Arc<Shared>,
        queue: mpsc::WeakSender<Request>,
    ) -> io::Result<Self> {
        let (sender, signals) = sync_channel(SIGNALS_LENGTH);
        let busy = Arc::new(Busy::default());
        let task = Task {
            database,
            shared,
            queue,
            busy: Arc::clone(&busy),
            connection: None,
        };
        let thread = std::thread::Builder::new()
            .name("store-keeper".into())
            .spawn(move || task.run(&signals))?;
        Ok(Self {
            signals: sender,
            busy,
            thread,
        })
    }

    /// Has the log copied. Does nothing if that is under way.
    pub(crate) fn copy(&self) {
        if !self.busy.replace(true) && self.signals.try_send(Signal::Copy).is_err() {
            self.busy.replace(false);
        }
    }

    /// Whether the log is being copied.
    pub(crate) fn is_busy(&self) -> bool {
        *self.busy.lock()
    }

    /// Waits until the log has been copied, but not for longer than `limit`.
    pub(crate) fn wait_until_idle(&self, limit: Duration) {
        let busy = self.busy.lock();
        // Idle, out of time or poisoned: the caller goes on in any case.
        let _ = self
            .busy
            .changed
            .wait_timeout_while(busy, limit, |busy| *busy);
    }

    /// Says that the store fails, so that it is probed from now on.
    pub(crate) fn store_fails(&self) {
        // A full channel wakes the thread as well.
        let _ = self.signals.try_send(Signal::Failing);
    }

    /// Ends the thread and waits for it, at most as long as one checkpoint takes.
    pub(crate) fn stop(self) {
        drop(self.signals);
        if self.thread.join().is_err() {
            tracing::error!("the store's keeper thread had died");
        }
    }
}

/// Whether the thread is copying, for those who want to know and for one who waits.
#[derive(Debug, Default)]
struct Busy {
    value: Mutex<bool>,
    changed: Condvar,
}

impl Busy {
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the value and returns the one before.
    fn replace(&self, value: bool) -> bool {
        let before = std::mem::replace(&mut *self.lock(), value);
        self.changed.notify_all();
        before
    }
}

struct Task {
    database: Database,
    shared: Arc<Shared>,
    queue: mpsc::WeakSender<Request>,
    busy: Arc<Busy>,
    /// Opened at the first checkpoint, and anew after one that failed.
    connection: Option<Connection>,
}

impl Task {
    fn run(mut self, signals: &Receiver<Signal>) {
        loop {
            let signal = if self.shared.condition.is_failing() {
                signals.recv_timeout(PROBE_INTERVAL)
            } else {
                signals.recv().map_err(RecvTimeoutError::from)
            };
            match signal {
                Ok(Signal::Copy) => {
                    self.copy();
                    self.busy.replace(false);
                    self.tell_writer(Request::Wake);
                }
                Ok(Signal::Failing) => {}
                Err(RecvTimeoutError::Timeout) => self.tell_writer(Request::Probe),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn tell_writer(&self, request: Request) {
        if let Some(queue) = self.queue.upgrade() {
            // A full queue keeps the writer awake, and shows it whether writing works.
            let _ = queue.try_send(request);
        }
    }

    fn copy(&mut self) {
        self.shared.faults.pass(FaultPoint::Checkpoint);
        if let Err(error) = self.checkpoint() {
            let error = StoreError::from(error);
            // Busy: another process is copying it just now.
            if !matches!(error, StoreError::Busy(_)) {
                tracing::warn!(%error, "the write-ahead log could not be copied");
                self.connection = None;
                // Without this pause a broken disk would be asked again at every commit.
                std::thread::sleep(PROBE_INTERVAL);
            }
        }
    }

    fn checkpoint(&mut self) -> rusqlite::Result<()> {
        let connection = match &self.connection {
            Some(connection) => connection,
            None => self.connection.insert(self.database.open_to_write()?),
        };
        WalSize::after(CheckpointMode::PASSIVE, connection).map(|_| ())
    }
}

/// One request to copy and one to probe; more would say nothing new.
const SIGNALS_LENGTH: usize = 2;
/// Often enough for readiness to follow the disk, too seldom to load it.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
