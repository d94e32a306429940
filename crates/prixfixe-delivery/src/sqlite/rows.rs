//! Writes one message or chunk into the tables, inside the transaction of the caller.

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, params};

use super::queue::{Body, ChunkWork, MessageWork};
use crate::MessageId;

/// Writes a message under `id`. `trace` is scratch space.
pub(crate) fn insert_message(
    connection: &Connection,
    work: &MessageWork,
    id: MessageId,
    trace: &mut String,
) -> rusqlite::Result<()> {
    let details = &work.details;
    details.trace.render(id, trace);
    let (upload, body) = match &work.body {
        Body::Whole(bytes) => (None, Some(&**bytes)),
        Body::Chunked {
            upload,
            position,
            last,
        } => {
            insert_data(connection, upload.id(), *position, last)?;
            own(connection, upload.id())?;
            (Some(upload.id().get()), None)
        }
    };
    connection.prepare_cached(INSERT_MESSAGE)?.execute(params![
        id.get(),
        milliseconds(details.received_at),
        details.sender,
        details.helo,
        details.peer,
        details.protocol,
        work.subject,
        work.size.cast_signed(),
        details.body_type.as_str(),
        details.smtputf8,
        details.marks.bare_newline,
        details.marks.nul,
        details.marks.eight_bit,
        details.marks.normalised,
        &*trace,
        upload,
        body,
    ])?;
    let mut insert_recipient = connection.prepare_cached(INSERT_RECIPIENT)?;
    for (position, address) in (0_i64..).zip(&details.recipients) {
        insert_recipient.execute(params![id.get(), position, address])?;
    }
    Ok(())
}

/// Writes a chunk. The first of an upload marks it as loose.
pub(crate) fn insert_chunk(connection: &Connection, work: &ChunkWork) -> rusqlite::Result<()> {
    if work.position == 0 {
        let mut mark = connection.prepare_cached("INSERT INTO loose VALUES (?1)")?;
        mark.execute([work.upload.id().get()])?;
    }
    insert_data(connection, work.upload.id(), work.position, &work.data)
}

fn insert_data(
    connection: &Connection,
    upload: MessageId,
    position: u32,
    data: &[u8],
) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached("INSERT INTO chunk VALUES (?1, ?2, ?3)")?;
    insert
        .execute(params![upload.get(), position, data])
        .map(|_| ())
}

/// The upload is loose no longer: a message owns it.
fn own(connection: &Connection, upload: MessageId) -> rusqlite::Result<()> {
    let mut unmark = connection.prepare_cached("DELETE FROM loose WHERE upload = ?1")?;
    match unmark.execute([upload.get()])? {
        1 => Ok(()),
        // Somebody has removed what is still coming in. Without its chunks there is no message.
        found => Err(rusqlite::Error::StatementChangedRows(found)),
    }
}

/// Times before 1970 are kept as 1970: no clock that shows them is right.
pub(crate) fn milliseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

const INSERT_MESSAGE: &str = "
    INSERT INTO message (
        id, received_at, sender, helo, peer, protocol, subject, size, body_type, smtputf8,
        bare_newline, nul, eight_bit, normalised, trace, upload, body
    ) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
const INSERT_RECIPIENT: &str = "INSERT INTO recipient VALUES (?1, ?2, ?3)";
