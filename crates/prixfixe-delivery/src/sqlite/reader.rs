//! Looks into a store, beside a running server or without one.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, Row};

use super::content::{Pieces, contains};
use super::database::Database;
use super::error::Cause;
use super::filter::{Filter, Page, Window, count_all};
use super::folder::database_file;
use super::message::{BodyType, Marks};
use super::schema;
use super::settings::Durability;
use super::store::{OpenError, Trouble};
use crate::MessageId;

/// Reads the messages of a store. It cannot change anything.
///
/// Each call reads in short transactions, so it can take as long as it likes without keeping
/// the server's log from starting over; what changes meanwhile may or may not be seen.
#[derive(Debug)]
pub struct StoreReader {
    connection: Connection,
}

/// What is known about a stored message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredMessage {
    /// Its name.
    pub id: MessageId,
    /// When it had been received, to the millisecond.
    pub received_at: SystemTime,
    /// The sender; empty for the null path.
    pub sender: String,
    /// The recipients, in the order of RCPT TO.
    pub recipients: Vec<String>,
    /// What the client called itself.
    pub helo: String,
    /// Where the client connected from.
    pub peer: String,
    /// The `with` keyword of RFC 3848.
    pub protocol: String,
    /// The `Subject:` header, unfolded and otherwise raw; `None` if there is none.
    pub subject: Option<String>,
    /// Bytes of header and body as they were received.
    pub size: u64,
    /// The `BODY` parameter.
    pub body_type: BodyType,
    /// Whether MAIL said `SMTPUTF8`.
    pub smtputf8: bool,
    /// What was noticed in the bytes.
    pub marks: Marks,
    /// What has become of it; `stored` at first.
    pub state: String,
    /// The trace lines that go in front when it is shown or handed on.
    pub trace: String,
}

impl StoreReader {
    /// Opens the store in a folder. The version of its tables must be that of this program.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let database = existing(folder)?;
        let open = || -> Result<Connection, Trouble> {
            let connection = database.open_to_read()?;
            schema::check(&connection)?;
            Ok(connection)
        };
        let connection = open().map_err(|trouble| trouble.into_open_error(&database))?;
        Ok(Self { connection })
    }

    /// Up to `limit` messages that satisfy `filter`, but never more than a thousand at a time.
    pub fn list(
        &self,
        filter: &Filter,
        mut page: Page,
        limit: usize,
    ) -> Result<Vec<StoredMessage>, ReadError> {
        let limit = limit.min(LIST_MAX_MESSAGES);
        let mut found = Vec::new();
        while found.len() < limit {
            let Some(window) = Window::next(&self.connection, filter, page)? else {
                break;
            };
            for id in filter.matches(&self.connection, window, page.order)? {
                if self.text_matches(filter, id)? {
                    // It may have been removed meanwhile.
                    found.extend(self.get(id)?);
                }
                if found.len() == limit {
                    break;
                }
            }
            page.after = window.end(page.order);
        }
        Ok(found)
    }

    /// How many messages satisfy `filter`.
    pub fn count(&self, filter: &Filter) -> Result<u64, ReadError> {
        if filter.is_everything() {
            return Ok(count_all(&self.connection)?);
        }
        let mut page = Page::default();
        let mut count = 0;
        while let Some(window) = Window::next(&self.connection, filter, page)? {
            for id in filter.matches(&self.connection, window, page.order)? {
                count += u64::from(self.text_matches(filter, id)?);
            }
            page.after = window.end(page.order);
        }
        Ok(count)
    }

    /// What is known about one message; `None` if there is no such message.
    pub fn get(&self, id: MessageId) -> Result<Option<StoredMessage>, ReadError> {
        let mut find = self.connection.prepare_cached(SELECT_MESSAGE)?;
        let message = find
            .query_row([id.get()], |row| stored_message(id, row))
            .optional()?;
        let Some(mut message) = message else {
            return Ok(None);
        };
        let mut find = self.connection.prepare_cached(SELECT_RECIPIENTS)?;
        let recipients = find.query_map([id.get()], |row| row.get(0))?;
        message.recipients = recipients.collect::<rusqlite::Result<_>>()?;
        Ok(Some(message))
    }

    /// Writes the bytes of a message exactly as they were received, and says how many there are.
    pub fn copy_as_received(&self, id: MessageId, out: &mut dyn Write) -> Result<u64, ReadError> {
        let mut pieces = Pieces::of(&self.connection, id)?.ok_or(ReadError::NoSuchMessage(id))?;
        while let Some(piece) = pieces.next()? {
            out.write_all(piece).map_err(ReadError::Write)?;
        }
        Ok(pieces.size())
    }

    /// Writes the trace lines of a message and then its bytes, and says how many that were.
    pub fn copy_with_trace(&self, id: MessageId, out: &mut dyn Write) -> Result<u64, ReadError> {
        let message = self.get(id)?.ok_or(ReadError::NoSuchMessage(id))?;
        out.write_all(message.trace.as_bytes())
            .map_err(ReadError::Write)?;
        Ok(message.trace.len() as u64 + self.copy_as_received(id, out)?)
    }

    fn text_matches(&self, filter: &Filter, id: MessageId) -> Result<bool, ReadError> {
        let Some(text) = &filter.text else {
            return Ok(true);
        };
        match Pieces::of(&self.connection, id)? {
            Some(pieces) => contains(pieces, text.as_bytes()),
            None => Ok(false),
        }
    }
}

/// Why a store could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// There is no message of this name.
    #[error("there is no message {0}")]
    NoSuchMessage(MessageId),
    /// The message was removed while it was being read, or a part of it is missing.
    #[error("message {0} was removed while it was being read")]
    Removed(MessageId),
    /// The database reported an error.
    #[error("the mail store cannot be read: {0}")]
    Database(#[source] Cause),
    /// The output did not take the bytes.
    #[error("the message cannot be written out: {0}")]
    Write(#[source] io::Error),
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

/// The database of a folder in which there is one.
pub(crate) fn existing(folder: &Path) -> Result<Database, OpenError> {
    let file = database_file(folder);
    match file.try_exists() {
        Ok(true) => Ok(Database::new(file, Durability::Full)),
        Ok(false) => Err(OpenError::Missing(folder.to_owned())),
        Err(error) => Err(OpenError::Folder {
            path: folder.to_owned(),
            error,
        }),
    }
}

fn stored_message(id: MessageId, row: &Row<'_>) -> rusqlite::Result<StoredMessage> {
    let received_at: i64 = row.get("received_at")?;
    let body_type: String = row.get("body_type")?;
    Ok(StoredMessage {
        id,
        received_at: UNIX_EPOCH + Duration::from_millis(u64::try_from(received_at).unwrap_or(0)),
        sender: row.get("sender")?,
        recipients: Vec::new(),
        helo: row.get("helo")?,
        peer: row.get("peer")?,
        protocol: row.get("protocol")?,
        subject: row.get("subject")?,
        size: row.get::<_, i64>("size")?.cast_unsigned(),
        body_type: BodyType::from_stored(&body_type).unwrap_or_default(),
        smtputf8: row.get("smtputf8")?,
        marks: Marks {
            bare_newline: row.get("bare_newline")?,
            nul: row.get("nul")?,
            eight_bit: row.get("eight_bit")?,
            normalised: row.get("normalised")?,
        },
        state: row.get("state")?,
        trace: row.get("trace")?,
    })
}

const SELECT_MESSAGE: &str = "
    SELECT received_at, sender, helo, peer, protocol, subject, size, body_type, smtputf8,
        bare_newline, nul, eight_bit, normalised, state, trace
    FROM message WHERE id = ?1";
const SELECT_RECIPIENTS: &str =
    "SELECT address FROM recipient WHERE message = ?1 ORDER BY position";
/// Messages returned by one call: what a page or a screen can show many times over.
const LIST_MAX_MESSAGES: usize = 1000;
