//! What the writer does when the disk fails or is full, and how it finds out that this is over.

use std::time::{Duration, Instant};

use super::super::database::{FRAME_BYTES, PAGE_BYTES};
use super::super::error::StoreError;
use super::{BATCH_BYTES, Writer};

impl Writer {
    /// Finds out what an error means, and makes the store fit for the next message.
    pub(super) fn failed(&mut self, error: rusqlite::Error) -> StoreError {
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
    pub(super) fn note_failure(&self, error: &StoreError) {
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
    pub(super) fn probe(&mut self) {
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
        // On a disk that stays full for days they add up.
        self.state.log.add(FRAME_BYTES);
        self.transact(|writer| {
            writer.run_statement("UPDATE meta SET value = value + 1 WHERE key = 'probe'")
        })
    }

    pub(super) fn worked(&mut self) {
        self.state.removal_stalled = false;
        if self.shared.condition.worked() {
            tracing::info!("the mail store takes messages again");
        }
    }

    /// Whether the disk has less left than it must. Looks at most once a second.
    pub(super) fn disk_is_low(&mut self) -> bool {
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
}

/// How old a look at the free disk may be. At a GiB a second the automatic floor still holds.
const DISK_CHECK_INTERVAL: Duration = Duration::from_secs(1);
