//! Removes the chunks of uploads that no message owns, a bounded number at a time.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use crate::MessageId;

/// Removes up to [`CHUNKS_PER_STEP`] chunks of `uploads`, and from the list those that are gone.
///
/// Each step is one short transaction, so that a large message delays others only a little, and
/// a crash between two leaves uploads that are still known to be loose.
pub(crate) fn remove_chunks(
    connection: &mut Connection,
    uploads: &mut Vec<MessageId>,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut left = CHUNKS_PER_STEP;
    let mut gone = 0;
    for upload in uploads.iter().rev() {
        left -= remove_from(&transaction, *upload, left)?;
        if left == 0 {
            break;
        }
        gone += 1;
    }
    transaction.commit()?;
    uploads.truncate(uploads.len() - gone);
    Ok(())
}

/// Removes up to `limit` chunks of one upload and says how many; fewer if it is gone now.
fn remove_from(
    transaction: &Transaction<'_>,
    upload: MessageId,
    limit: usize,
) -> rusqlite::Result<usize> {
    let last_of_step: Option<i64> = transaction
        .prepare_cached(
            "SELECT position FROM chunk WHERE upload = ?1 ORDER BY position LIMIT 1 OFFSET ?2",
        )?
        .query_row((upload.get(), (limit - 1).cast_signed()), |row| row.get(0))
        .optional()?;
    let removed = transaction
        .prepare_cached("DELETE FROM chunk WHERE upload = ?1 AND position <= ?2")?
        .execute((upload.get(), last_of_step.unwrap_or(i64::MAX)))?;
    if last_of_step.is_none() {
        transaction
            .prepare_cached("DELETE FROM loose WHERE upload = ?1")?
            .execute([upload.get()])?;
    }
    Ok(removed)
}

/// Chunks removed in one transaction: 2 MiB of them, whose pages are read to be set free. It is
/// more than a batch can add.
const CHUNKS_PER_STEP: usize = 8;
/// The most that one transaction adds to the log: where SQLite is built with `secure_delete` it
/// overwrites all that it sets free. Elsewhere it is a few pages, and the log is measured more
/// often than it need be, which costs next to nothing.
pub(crate) const STEP_LOG_BYTES: u64 = 2 << 20;
