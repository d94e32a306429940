//! The messages that satisfy a filter, in bounded memory.

use std::vec;

use prixfixe_delivery::MessageId;
use prixfixe_delivery::sqlite::{Filter, Order, Page, ReadError, StoreReader, StoredMessage};

use super::subject;

/// The messages that satisfy a filter, read a page at a time.
///
/// It ends with the newest message that was there when it began: beside a busy server it would
/// not end at all otherwise, and `delete` must not delete what nobody has counted.
pub(crate) struct Matches<'a> {
    reader: &'a StoreReader,
    filter: Filter,
    /// In lower case.
    subject: Option<String>,
    newest: Option<MessageId>,
    page: Page,
    read: vec::IntoIter<StoredMessage>,
    at_end: bool,
}

impl<'a> Matches<'a> {
    /// The messages that satisfy `filter` and have `subject` in their subject.
    pub(super) fn new(
        reader: &'a StoreReader,
        filter: Filter,
        subject: Option<&str>,
        order: Order,
    ) -> Result<Self, ReadError> {
        let end = Page {
            order: Order::NewestFirst,
            after: None,
        };
        let newest = reader
            .list(&Filter::default(), end, 1)?
            .first()
            .map(|message| message.id);
        Ok(Self {
            reader,
            filter,
            subject: subject.map(str::to_lowercase),
            newest,
            page: Page { order, after: None },
            read: Vec::new().into_iter(),
            at_end: false,
        })
    }

    fn next_read(&mut self) -> Result<Option<StoredMessage>, ReadError> {
        if self.read.len() == 0 && !self.at_end {
            let page = self.reader.list(&self.filter, self.page, PAGE_MESSAGES)?;
            self.at_end = page.len() < PAGE_MESSAGES;
            self.page.after = page.last().map(|message| message.id);
            self.read = page.into_iter();
        }
        Ok(self.read.next())
    }

    fn is_wanted(&self, message: &StoredMessage) -> bool {
        let Some(wanted) = &self.subject else {
            return true;
        };
        let Some(raw) = &message.subject else {
            return false;
        };
        let contains = |text: &str| text.to_lowercase().contains(wanted);
        contains(raw) || contains(&subject::decode(raw))
    }
}

impl Iterator for Matches<'_> {
    type Item = Result<StoredMessage, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let message = match self.next_read().transpose()? {
                Ok(message) => message,
                Err(error) => return Some(Err(error)),
            };
            let is_new = Some(message.id) > self.newest;
            if is_new && self.page.order == Order::OldestFirst {
                return None;
            }
            if !is_new && self.is_wanted(&message) {
                return Some(Ok(message));
            }
        }
    }
}

/// Messages in memory at a time: a window of the store, at about a kilobyte each.
const PAGE_MESSAGES: usize = 256;
