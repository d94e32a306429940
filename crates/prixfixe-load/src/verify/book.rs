//! What is known of each message of a run.

use std::collections::HashMap;

use crate::ledger::Answer;

/// The messages of a run by number, in pages, since numbers follow each other.
#[derive(Debug, Default)]
pub(super) struct Book {
    pages: HashMap<u64, Box<[Record; PAGE_LENGTH]>>,
}

/// How many records a page has: one of 4 KiB.
pub(super) const PAGE_RECORDS: u64 = PAGE_LENGTH as u64;
const PAGE_LENGTH: usize = 1024;

/// What is known of a message.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Record {
    /// How its body was answered; `None` if it is not in the ledger.
    pub(super) answer: Option<Answer>,
    /// How often its octets were found as they were sent.
    pub(super) intact: u16,
    /// How often they were found otherwise.
    pub(super) altered: u8,
}

const _: () = assert!(size_of::<Record>() == 4);

impl Record {
    /// How often it was found.
    pub(super) fn found(self) -> u32 {
        u32::from(self.intact) + u32::from(self.altered)
    }
}

impl Book {
    /// The record of a message; `None` if there is none near its number.
    pub(super) fn record(&mut self, number: u64) -> Option<&mut Record> {
        self.pages
            .get_mut(&(number / PAGE_RECORDS))?
            .get_mut(place(number))
    }

    /// The same, with a new page taken from `pages_left` if there has to be one.
    pub(super) fn record_or_new(
        &mut self,
        number: u64,
        pages_left: &mut u64,
    ) -> Option<&mut Record> {
        let page = number / PAGE_RECORDS;
        if !self.pages.contains_key(&page) {
            *pages_left = pages_left.checked_sub(1)?;
        }
        self.pages
            .entry(page)
            .or_insert_with(|| Box::new([Record::default(); PAGE_LENGTH]))
            .get_mut(place(number))
    }
}

#[allow(clippy::cast_possible_truncation, reason = "less than 1,024")]
fn place(number: u64) -> usize {
    (number % PAGE_RECORDS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_has_pages_for_the_numbers_that_there_are_and_no_more_than_it_may() {
        let mut book = Book::default();
        let mut pages_left = 2;
        for number in [0, 1023, u64::MAX] {
            assert!(book.record_or_new(number, &mut pages_left).is_some());
        }
        assert!(book.record_or_new(1024, &mut pages_left).is_none());
        assert!(book.record(1024).is_none());
        assert!(book.record(1).is_some());
    }
}
