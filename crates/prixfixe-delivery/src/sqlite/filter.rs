//! Which stored messages somebody wants to see.

use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, named_params};

use super::rows::milliseconds;
use crate::MessageId;

/// What messages must have in common; the default is satisfied by all.
///
/// Texts match where they are contained, whatever the case of ASCII letters.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In the sender's address.
    pub sender: Option<String>,
    /// In the address of one recipient.
    pub recipient: Option<String>,
    /// In the raw subject: encoded words are not decoded.
    pub subject: Option<String>,
    /// In the bytes of header and body, as they were received.
    pub text: Option<String>,
    /// Received at this time or later.
    pub received_from: Option<SystemTime>,
    /// Received before this time.
    pub received_before: Option<SystemTime>,
    /// Of this name.
    pub id: Option<MessageId>,
    /// In exactly this state.
    pub state: Option<String>,
}

/// In which order messages are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By ascending id.
    #[default]
    OldestFirst,
    /// By descending id.
    NewestFirst,
}

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Page {
    /// From which end it is read.
    pub order: Order,
    /// Only what comes after this message in that order: the last one of the page before.
    pub after: Option<MessageId>,
}

/// A range of messages that is looked through in one go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    low: i64,
    high: i64,
}

impl Window {
    /// The next window of `page` with messages that `filter` may be about; `None` at the end.
    pub(crate) fn next(
        connection: &Connection,
        filter: &Filter,
        page: Page,
    ) -> rusqlite::Result<Option<Self>> {
        let (mut low, mut high) = match filter.id.map(MessageId::get) {
            None => (1, i64::MAX),
            Some(id) => (id, id),
        };
        let sql = match page.order {
            Order::OldestFirst => {
                low = low.max(page.after.map_or(1, |id| id.get() + 1));
                WINDOW_UPWARDS
            }
            Order::NewestFirst => {
                high = high.min(page.after.map_or(i64::MAX, |id| id.get() - 1));
                WINDOW_DOWNWARDS
            }
        };
        let mut find = connection.prepare_cached(sql)?;
        find.query_row((low, high, WINDOW_MESSAGES), |row| {
            Ok(match (row.get(0)?, row.get(1)?) {
                (Some(low), Some(high)) => Some(Self { low, high }),
                _ => None,
            })
        })
    }

    /// The message with which the next window goes on.
    pub(crate) fn end(self, order: Order) -> Option<MessageId> {
        let last = match order {
            Order::OldestFirst => self.high,
            Order::NewestFirst => self.low,
        };
        MessageId::try_from(last).ok()
    }
}

impl Filter {
    /// The messages in a window that satisfy all but `text` and `id`.
    pub(crate) fn matches(
        &self,
        connection: &Connection,
        window: Window,
        order: Order,
    ) -> rusqlite::Result<Vec<MessageId>> {
        let mut find = connection.prepare_cached(MATCHING)?;
        let rows = find.query_map(
            named_params! {
                ":low": window.low,
                ":high": window.high,
                ":sender": self.sender,
                ":recipient": self.recipient,
                ":subject": self.subject,
                ":from": self.received_from.map(milliseconds),
                ":before": self.received_before.map(milliseconds),
                ":state": self.state,
                ":direction": match order {
                    Order::OldestFirst => 1,
                    Order::NewestFirst => -1,
                },
            },
            |row| row.get::<_, i64>(0),
        )?;
        // What is no name was not written by us, and cannot be asked for either.
        rows.filter_map(|id| {
            id.map(|number| MessageId::try_from(number).ok())
                .transpose()
        })
        .collect()
    }

    /// Whether every message satisfies it.
    pub(crate) fn is_everything(&self) -> bool {
        let Self {
            sender,
            recipient,
            subject,
            text,
            received_from,
            received_before,
            id,
            state,
        } = self;
        [sender, recipient, subject, text, state]
            .iter()
            .all(|text| text.is_none())
            && received_from.is_none()
            && received_before.is_none()
            && id.is_none()
    }
}

/// How many messages there are, without looking at them: the table of recipients is small.
pub(crate) fn count_all(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT count(*) FROM recipient WHERE position = 0")?
        .query_row([], |row| row.get(0))
        .optional()
        .map(|count: Option<i64>| count.unwrap_or(0).cast_unsigned())
}

/// A parameter that is NULL asks for nothing.
const MATCHING: &str = "SELECT id FROM message WHERE id BETWEEN :low AND :high
    AND (:sender IS NULL OR instr(lower(sender), lower(:sender)))
    AND (:subject IS NULL OR instr(lower(subject), lower(:subject)))
    AND (:from IS NULL OR received_at >= :from)
    AND (:before IS NULL OR received_at < :before)
    AND (:state IS NULL OR state = :state)
    AND (:recipient IS NULL OR EXISTS (
        SELECT 1 FROM recipient
        WHERE message = id AND instr(lower(address), lower(:recipient))))
    ORDER BY id * :direction";
const WINDOW_UPWARDS: &str = "SELECT min(id), max(id) FROM
    (SELECT id FROM message WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3)";
const WINDOW_DOWNWARDS: &str = "SELECT min(id), max(id) FROM
    (SELECT id FROM message WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT ?3)";
/// Messages looked through in one read transaction: a few milliseconds, since a transaction that
/// goes on for long would keep the server's log from starting over.
const WINDOW_MESSAGES: i64 = 256;
