//! The bytes of a stored message, a piece at a time.

use rusqlite::{Connection, OptionalExtension};

use super::reader::ReadError;
use crate::MessageId;

/// Reads the pieces of one message in order, each in a transaction of its own: whoever takes
/// them may be slow. There is never more than one piece, 256 KiB, in memory.
pub(crate) struct Pieces<'a> {
    connection: &'a Connection,
    id: MessageId,
    size: u64,
    /// Where the chunks are, if the body is not in one piece.
    upload: Option<i64>,
    position: i64,
    /// Bytes handed out, `piece` included.
    read: u64,
    piece: Vec<u8>,
}

impl<'a> Pieces<'a> {
    /// `None` if there is no such message.
    pub(crate) fn of(connection: &'a Connection, id: MessageId) -> rusqlite::Result<Option<Self>> {
        connection
            .prepare_cached("SELECT size, upload, body FROM message WHERE id = ?1")?
            .query_row([id.get()], |row| {
                Ok(Self {
                    connection,
                    id,
                    size: row.get::<_, i64>(0)?.cast_unsigned(),
                    upload: row.get(1)?,
                    position: 0,
                    read: 0,
                    piece: row.get::<_, Option<Vec<u8>>>(2)?.unwrap_or_default(),
                })
            })
            .optional()
    }

    /// Bytes of the whole message.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The next piece; `None` when all were read.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>, ReadError> {
        if self.read == self.size {
            return Ok(None);
        }
        if let Some(upload) = self.upload {
            let mut find = self
                .connection
                .prepare_cached("SELECT data FROM chunk WHERE upload = ?1 AND position = ?2")?;
            self.piece.clear();
            find.query_row((upload, self.position), |row| {
                self.piece.extend_from_slice(row.get_ref(0)?.as_blob()?);
                Ok(())
            })
            .optional()?;
            self.position += 1;
        }
        self.read += self.piece.len() as u64;
        // A chunk that is not there, or that has grown, is no part of this message.
        if self.piece.is_empty() || self.read > self.size {
            return Err(ReadError::Removed(self.id));
        }
        Ok(Some(&self.piece))
    }
}

/// Whether the text stands somewhere in the message, whatever the case of ASCII letters.
pub(crate) fn contains(mut pieces: Pieces<'_>, text: &[u8]) -> Result<bool, ReadError> {
    // The end of the last piece, in which the text may begin, and the next one behind it.
    let mut searched = Vec::new();
    loop {
        match pieces.next() {
            Ok(Some(piece)) => searched.extend_from_slice(piece),
            Ok(None) => return Ok(text.is_empty()),
            // Gone meanwhile: then it is not found.
            Err(ReadError::Removed(_)) => return Ok(false),
            Err(error) => return Err(error),
        }
        if is_in(&searched, text) {
            return Ok(true);
        }
        let kept = searched.len().min(text.len().saturating_sub(1));
        searched.drain(..searched.len() - kept);
    }
}

fn is_in(bytes: &[u8], text: &[u8]) -> bool {
    let Some(first) = text.first() else {
        return true;
    };
    let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
    memchr::memchr2_iter(lower, upper, bytes).any(|start| {
        bytes[start..]
            .get(..text.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_whatever_their_case() {
        for (bytes, text, found) in [
            ("Hello World", "o wOR", true),
            ("Hello World", "worlds", false),
            ("aaab", "AAB", true),
            ("", "x", false),
            ("x", "", true),
        ] {
            assert_eq!(
                is_in(bytes.as_bytes(), text.as_bytes()),
                found,
                "{text} in {bytes}"
            );
        }
    }
}
