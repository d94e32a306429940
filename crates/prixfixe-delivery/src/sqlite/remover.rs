//! Removes messages, beside a running server or without one.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::error::Cause;
use super::reader::existing;
use super::removal::remove_chunks;
use super::schema;
use super::store::{OpenError, Trouble};
use super::wal;
use crate::MessageId;

/// Removes messages from a store.
///
/// It writes in short transactions, between which a server's own go on. What a large message
/// takes of the disk is set free bit by bit after the message itself is gone.
#[derive(Debug)]
pub struct StoreRemover {
    connection: Connection,
}

impl StoreRemover {
    /// Opens the store in a folder. The version of its tables must be that of this program.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let database = existing(folder)?;
        let open = || -> Result<Connection, Trouble> {
            let connection = database.open_to_write()?;
            schema::check(&connection)?;
            Ok(connection)
        };
        let connection = open().map_err(|trouble| trouble.into_open_error(&database))?;
        Ok(Self { connection })
    }

    /// Removes messages for good and says how many of them there were.
    ///
    /// After an error some are removed and others not; none is in between.
    pub fn remove(&mut self, ids: &[MessageId]) -> Result<usize, RemoveError> {
        let mut removed = 0;
        for step in ids.chunks(MESSAGES_PER_STEP) {
            let mut uploads = self.remove_rows(step, &mut removed)?;
            while !uploads.is_empty() {
                remove_chunks(&mut self.connection, &mut uploads)?;
                wal::relieve(&self.connection);
            }
            wal::relieve(&self.connection);
        }
        Ok(removed)
    }

    /// Removes a few messages; their uploads are loose from now on, and returned.
    fn remove_rows(
        &mut self,
        ids: &[MessageId],
        removed: &mut usize,
    ) -> rusqlite::Result<Vec<MessageId>> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        // The greatest name may be about to go, and must not be given again.
        transaction.prepare_cached(RAISE_HIGH_WATER)?.execute([])?;
        let mut uploads = Vec::new();
        let mut found = 0;
        for id in ids {
            let mut remove =
                transaction.prepare_cached("DELETE FROM message WHERE id = ?1 RETURNING upload")?;
            for upload in remove.query_map([id.get()], |row| row.get::<_, Option<i64>>(0))? {
                found += 1;
                uploads.extend(upload?.and_then(|number| MessageId::try_from(number).ok()));
            }
            transaction
                .prepare_cached("DELETE FROM recipient WHERE message = ?1")?
                .execute([id.get()])?;
        }
        for upload in &uploads {
            transaction
                .prepare_cached("INSERT INTO loose VALUES (?1)")?
                .execute([upload.get()])?;
        }
        transaction.commit()?;
        *removed += found;
        Ok(uploads)
    }
}

/// Why messages could not be removed.
#[derive(Debug, thiserror::Error)]
#[error("the mail store cannot be changed: {0}")]
pub struct RemoveError(#[source] Cause);

impl From<rusqlite::Error> for RemoveError {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.into())
    }
}

const RAISE_HIGH_WATER: &str = "UPDATE meta
    SET value = max(value, coalesce((SELECT max(id) FROM message), 0)) WHERE key = 'high_water'";
/// Messages removed in one transaction: at 256 KiB each the pages of 4 MiB are set free, which
/// takes milliseconds.
const MESSAGES_PER_STEP: usize = 16;
