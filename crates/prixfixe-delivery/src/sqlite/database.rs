//! Opens connections to the database, each set up for its task.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::settings::Durability;

/// Where the database is and how it is written. Every connection is opened from here, so that
/// no two of them differ by accident.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    file: PathBuf,
    durability: Durability,
}

impl Database {
    pub(crate) fn new(file: PathBuf, durability: Durability) -> Self {
        Self { file, durability }
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// A connection that writes. The file must exist.
    pub(crate) fn open_to_write(&self) -> rusqlite::Result<Connection> {
        let connection = self.open(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let synchronous = match self.durability {
            Durability::Full => "FULL",
            Durability::Off => "OFF",
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        // Checkpoints are the keeper's, off the way of a commit.
        connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
        Ok(connection)
    }

    /// A connection that only reads.
    pub(crate) fn open_to_read(&self) -> rusqlite::Result<Connection> {
        self.open(OpenFlags::SQLITE_OPEN_READ_ONLY)
    }

    fn open(&self, mode: OpenFlags) -> rusqlite::Result<Connection> {
        // No mutex: the type system already gives each connection to one thread at a time.
        let flags = mode | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.file, flags)?;
        connection.busy_timeout(BUSY_WAIT)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        Ok(connection)
    }
}

/// Turns write-ahead logging on, which stays in the file, and sets the page size of a new file.
/// Says whether the file system can do it.
pub(crate) fn enable_wal(connection: &Connection) -> rusqlite::Result<bool> {
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| {
        Ok(row.get_ref(0)?.as_str()?.eq_ignore_ascii_case("wal"))
    })
}

/// Bytes of a page. Measured at 8 and 16 messages per commit: 8 KiB stores 10 KB bodies 10 to
/// 30 % faster than 4 or 16 KiB, and with the least CPU, for it splits them into the fewest
/// pages that are still nearly full. For 1 KB bodies the three are within 10 %, 8 KiB first.
pub(crate) const PAGE_BYTES: u32 = 8192;
/// Bytes of a page in the write-ahead log, with its header.
pub(crate) const FRAME_BYTES: u64 = PAGE_BYTES as u64 + 24;
/// KiB of pages that a connection may keep: twice a full batch, so that a batch need not be
/// written to the log in two goes; and the most by which a connection makes the process grow.
const CACHE_KIB: i64 = 2048;
/// How long to wait for another process that is writing. It holds the lock for milliseconds at a
/// time, so this passes only when it is stuck; the deadline for a verdict is far longer.
pub(crate) const BUSY_WAIT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_set_up_for_durability_unless_a_test_asks_otherwise() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("db");
        std::fs::write(&file, "").unwrap();
        for (durability, synchronous) in [(Durability::Full, 2), (Durability::Off, 0)] {
            let database = Database::new(file.clone(), durability);
            let connection = database.open_to_write().unwrap();
            assert!(enable_wal(&connection).unwrap());
            for (pragma, expected) in [
                ("synchronous", synchronous),
                ("wal_autocheckpoint", 0),
                ("page_size", 8192),
            ] {
                let found = connection.pragma_query_value(None, pragma, |row| row.get(0));
                assert_eq!(found, Ok(expected), "{pragma}");
            }
        }
    }
}
