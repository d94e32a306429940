//! Removes the chunks of an upload that no message owns, a bounded number at a time.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::MessageId;

/// Removes up to [`REMOVED_PER_STEP`] chunks; returns whether the upload is gone.
///
/// Each step is a transaction of its own, so that a large message delays others only a little,
/// and a crash between two leaves an upload that is still known to be loose.
pub(crate) fn remove_step(
    connection: &mut Connection,
    upload: MessageId,
) -> rusqlite::Result<bool> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let last_of_step = transaction
        .prepare_cached(
            "SELECT position FROM chunk WHERE upload = ?1 ORDER BY position LIMIT 1 OFFSET ?2",
        )?
        .query_row((upload.get(), REMOVED_PER_STEP - 1), |row| {
            row.get::<_, i64>(0)
        })
        .optional()?;
    transaction
        .prepare_cached("DELETE FROM chunk WHERE upload = ?1 AND position <= ?2")?
        .execute((upload.get(), last_of_step.unwrap_or(i64::MAX)))?;
    let gone = last_of_step.is_none();
    if gone {
        transaction
            .prepare_cached("DELETE FROM loose WHERE upload = ?1")?
            .execute([upload.get()])?;
    }
    transaction.commit()?;
    Ok(gone)
}

/// Chunks removed in one transaction: 2 MiB of them, whose pages are read to be set free. It is
/// more than one batch can add, so removing keeps up with whoever begins messages and leaves.
const REMOVED_PER_STEP: i64 = 8;
