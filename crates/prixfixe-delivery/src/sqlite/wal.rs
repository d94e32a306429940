//! Keeps the write-ahead log from growing without end.
//!
//! SQLite starts the log over at its beginning only at a commit that finds all of it copied into
//! the database. While mail keeps coming that never happens by itself: whatever a checkpoint
//! copies, the writer has added more meanwhile. So the work is shared. The keeper's thread copies
//! the bulk beside the commits, round after round, each shorter than the last; when what remains
//! is small, the writer copies that between two commits, and its next commit starts the log over.
//!
//! While the log is long, the keeper sets the pace of large messages: their chunks are answered
//! when its round ends, so that it gains on them, and small messages never have to wait for it.

use std::time::Duration;

use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, MAIN_DB};

use super::database::{BUSY_WAIT, FRAME_BYTES};
use super::health::Condition;
use super::keeper::Keeper;

/// The writer's eye on the log.
#[derive(Debug, Default)]
pub(crate) struct WalWatch {
    /// Bytes written since the log was measured.
    unmeasured_bytes: u64,
    /// The size up to which the log is not forced again, because somebody reads an old snapshot
    /// and the log cannot start over; 0 if nobody does.
    tolerated_bytes: u64,
    is_long: bool,
}

impl WalWatch {
    /// About so many bytes are being written.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.unmeasured_bytes += bytes;
    }

    /// Whether large messages should wait for the keeper.
    pub(crate) fn is_long(&self) -> bool {
        self.is_long
    }

    /// The keeper has ended a round: if the log was long, the next look comes at once.
    pub(crate) fn look_again(&mut self) {
        if self.is_long {
            self.unmeasured_bytes = MEASURE_EVERY_BYTES;
        }
    }

    /// Called between two commits: does, or has the keeper do, what keeps the log bounded.
    pub(crate) fn look_after(
        &mut self,
        connection: &Connection,
        keeper: &Keeper,
        condition: &Condition,
    ) {
        if self.unmeasured_bytes < MEASURE_EVERY_BYTES {
            return;
        }
        self.unmeasured_bytes = 0;
        let Ok(size) = WalSize::after(CheckpointMode::NOOP, connection) else {
            return;
        };
        condition.set_wal_bytes(size.used_bytes);
        if size.used_bytes < WAL_BOUND_BYTES {
            // It was beyond the bound when it was tolerated, so it has started over by itself,
            // and whoever reads now does not hold it.
            self.tolerated_bytes = 0;
        }
        self.is_long = size.used_bytes >= LONG_BYTES && self.tolerated_bytes == 0;
        match size.step(keeper.is_busy()) {
            WalStep::Nothing => {}
            WalStep::Copy => keeper.copy(),
            WalStep::Turn => {
                // Busy if another process copies just now; an error of the disk will meet the
                // next commit or the keeper too.
                let _ = WalSize::after(CheckpointMode::PASSIVE, connection);
            }
            WalStep::Force if size.used_bytes <= self.tolerated_bytes => keeper.copy(),
            WalStep::Force => {
                keeper.wait_until_idle(READER_WAIT);
                let turned = connection
                    .busy_timeout(READER_WAIT)
                    .and_then(|()| WalSize::after(CheckpointMode::RESTART, connection));
                // Cannot fail on an open connection.
                let _ = connection.busy_timeout(BUSY_WAIT);
                self.tolerated_bytes = match turned {
                    Ok(_) => 0,
                    // Waiting again at every commit would stop the mail for one foreign reader.
                    Err(_) => size.used_bytes + TURN_BYTES,
                };
            }
        }
    }
}

/// Copies the log when it is long: for those who write a lot and may have no server beside them
/// that would.
pub(crate) fn relieve(connection: &Connection) {
    let size = WalSize::after(CheckpointMode::NOOP, connection);
    if size.is_ok_and(|size| size.used_bytes >= TURN_BYTES) {
        // Busy if the server copies just now, and then there is no need.
        let _ = WalSize::after(CheckpointMode::PASSIVE, connection);
    }
}

/// The log's size, and how much of it is not yet in the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WalSize {
    pub(crate) used_bytes: u64,
    pub(crate) backlog_bytes: u64,
}

/// What is to be done about the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WalStep {
    Nothing,
    /// The keeper copies what there is.
    Copy,
    /// The writer copies the small rest.
    Turn,
    /// The keeper cannot keep up, so the writer stops for it and copies all there is.
    Force,
}

impl WalSize {
    /// Runs a checkpoint, or with `NOOP` only measures.
    pub(crate) fn after(mode: CheckpointMode, connection: &Connection) -> rusqlite::Result<Self> {
        let (used, copied) = connection.wal_checkpoint_v2(Some(MAIN_DB), mode)?;
        let bytes = |frames: i32| u64::try_from(frames).unwrap_or(0) * FRAME_BYTES;
        Ok(Self {
            used_bytes: bytes(used),
            backlog_bytes: bytes(used.saturating_sub(copied)),
        })
    }

    /// What is to be done, if the keeper is at work or not.
    pub(crate) fn step(self, keeper_busy: bool) -> WalStep {
        let Self {
            used_bytes,
            backlog_bytes,
        } = self;
        if used_bytes >= WAL_BOUND_BYTES {
            WalStep::Force
        } else if keeper_busy {
            WalStep::Nothing
        } else if used_bytes >= TURN_BYTES && backlog_bytes <= REST_BYTES {
            WalStep::Turn
        } else if used_bytes >= TURN_BYTES || backlog_bytes >= COPY_BYTES {
            WalStep::Copy
        } else {
            WalStep::Nothing
        }
    }
}

/// Bytes written between two looks at the log's size.
pub(crate) const MEASURE_EVERY_BYTES: u64 = 256 * 1024;
/// A backlog worth the keeper's sync: small enough that this sync delays no commit for long.
const COPY_BYTES: u64 = 4 << 20;
/// The size from which the log should start over. Together with the bound it is what a start
/// after a crash has to read, and what the log takes of the disk.
const TURN_BYTES: u64 = 16 << 20;
/// The size from which large messages wait: rounds of the keeper are then long in coming to an
/// end, and the bound is still far.
const LONG_BYTES: u64 = 24 << 20;
/// A rest that the writer copies within a few milliseconds.
const REST_BYTES: u64 = 1 << 20;
/// The size beyond which commits wait for the checkpoint.
const WAL_BOUND_BYTES: u64 = 64 << 20;
/// How long is waited for the keeper and for readers: those of this crate are done within
/// milliseconds.
pub(crate) const READER_WAIT: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::database::{Database, enable_wal};
    use super::super::fault::Faults;
    use super::super::settings::Durability;
    use super::super::shared::Shared;
    use super::*;
    use crate::IdSequence;

    #[test]
    fn a_log_that_started_over_by_itself_is_bounded_again() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("db");
        std::fs::write(&file, "").unwrap();
        let database = Database::new(file, Durability::Off);
        let connection = database.open_to_write().unwrap();
        assert!(enable_wal(&connection).unwrap());
        connection.execute_batch("CREATE TABLE t (x)").unwrap();
        let shared = Arc::new(Shared::new(
            IdSequence::after(None),
            Faults::default(),
            Vec::new(),
        ));
        let (queue, _requests) = tokio::sync::mpsc::channel(1);
        let keeper = Keeper::start(database.clone(), Arc::clone(&shared), queue.downgrade());
        let keeper = keeper.unwrap();
        let mut log = WalWatch::default();
        let mut write = |bytes: u64| {
            connection
                .execute("INSERT INTO t VALUES (zeroblob(?1))", [bytes.cast_signed()])
                .unwrap();
            log.add(MEASURE_EVERY_BYTES);
            log.look_after(&connection, &keeper, &shared.condition);
            log.tolerated_bytes
        };

        let foreign = database.open_to_read().unwrap();
        foreign.execute_batch("BEGIN; SELECT * FROM t").unwrap();
        assert!(write(WAL_BOUND_BYTES) > WAL_BOUND_BYTES);
        foreign.execute_batch("COMMIT").unwrap();
        keeper.copy();
        keeper.wait_until_idle(Duration::from_mins(1));
        assert_eq!(write(100), 0);
        keeper.stop();
    }

    #[track_caller]
    fn check(used_mib: u64, backlog_kib: u64, keeper_busy: bool, step: WalStep) {
        let size = WalSize {
            used_bytes: used_mib << 20,
            backlog_bytes: backlog_kib << 10,
        };
        assert_eq!(size.step(keeper_busy), step);
    }

    #[test]
    fn the_log_is_copied_turned_and_bounded() {
        check(1, 1024, false, WalStep::Nothing);
        check(4, 4096, false, WalStep::Copy);
        check(4, 4096, true, WalStep::Nothing);
        check(10, 0, false, WalStep::Nothing);
        check(16, 1025, false, WalStep::Copy);
        check(16, 1024, false, WalStep::Turn);
        check(16, 1024, true, WalStep::Nothing);
        check(63, 60 << 10, true, WalStep::Nothing);
        check(64, 0, true, WalStep::Force);
        check(64, 64 << 10, false, WalStep::Force);
    }
}
