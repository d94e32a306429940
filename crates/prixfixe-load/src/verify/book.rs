//! What is known of each message of a run.

use std::collections::HashMap;

use crate::ledger::Answer;
use crate::plan::Recipients;

/// The messages of a run by number, in pages, since numbers follow each other.
#[derive(Debug)]
pub(super) struct Book {
    recipients: Recipients,
    pages: HashMap<u64, Page>,
}

/// What is known of messages whose numbers follow each other.
#[derive(Debug)]
struct Page {
    records: Box<[Record; PAGE_LENGTH]>,
    /// For each message a bit for each of its recipients, in whole octets.
    served: Box<[u8]>,
}

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
    /// Whether somebody has it whom it is not for.
    pub(super) is_misdelivered: bool,
    /// Whether it was found where nothing says whom it was stored for.
    pub(super) is_for_unknown: bool,
}

const _: () = assert!(size_of::<Record>() == RECORD_OCTETS);
const RECORD_OCTETS: usize = 6;

impl Record {
    /// How often it was found.
    pub(super) fn found(self) -> u32 {
        u32::from(self.intact) + u32::from(self.altered)
    }
}

/// A message in a book: its record, and who has it.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) record: &'a mut Record,
    number: u64,
    recipients: &'a Recipients,
    served: &'a mut [u8],
}

impl Entry<'_> {
    /// Takes down that somebody has it; `false` if it is not for them.
    pub(super) fn serve(&mut self, address: &str) -> bool {
        let Some(place) = self.recipients.place_of(self.number, address) else {
            return false;
        };
        if let Some(octet) = self.served.get_mut(place as usize / 8) {
            *octet |= 1 << (place % 8);
        }
        true
    }

    /// Those who do not have it.
    pub(super) fn unserved(&self) -> impl Iterator<Item = String> {
        let is_served = |place: &u32| {
            let octet = self.served.get(*place as usize / 8);
            octet.is_some_and(|octet| octet & 1 << (place % 8) != 0)
        };
        let places = (0..self.recipients.each().get()).filter(move |place| !is_served(place));
        places.map(|place| self.recipients.address_in(self.number, place))
    }

    /// Whether anybody does not have it, as far as it is known who has.
    pub(super) fn lacks_somebody(&self) -> bool {
        !self.record.is_for_unknown && self.unserved().next().is_some()
    }
}

impl Book {
    /// A book without messages, for a run whose messages go to these.
    pub(super) fn new(recipients: Recipients) -> Self {
        Self {
            recipients,
            pages: HashMap::new(),
        }
    }

    /// Whom messages are for.
    pub(super) fn recipients(&self) -> &Recipients {
        &self.recipients
    }

    /// What a message takes, in octets.
    pub(super) fn octets_each(recipients: &Recipients) -> usize {
        RECORD_OCTETS + served_octets(recipients)
    }

    /// What is known of a message; `None` if there is none near its number.
    pub(super) fn entry(&mut self, number: u64) -> Option<Entry<'_>> {
        let each = served_octets(&self.recipients);
        let page = self.pages.get_mut(&(number / PAGE_LENGTH as u64))?;
        let place = place(number);
        Some(Entry {
            record: page.records.get_mut(place)?,
            number,
            recipients: &self.recipients,
            served: page.served.get_mut(place * each..(place + 1) * each)?,
        })
    }

    /// The same, with a new page taken from `octets_left` if there has to be one.
    pub(super) fn entry_or_new(&mut self, number: u64, octets_left: &mut u64) -> Option<Entry<'_>> {
        let page = number / PAGE_LENGTH as u64;
        if !self.pages.contains_key(&page) {
            let octets = PAGE_LENGTH * Self::octets_each(&self.recipients);
            *octets_left = octets_left.checked_sub(octets as u64)?;
            let page_of = Page {
                records: Box::new([Record::default(); PAGE_LENGTH]),
                served: vec![0; PAGE_LENGTH * served_octets(&self.recipients)].into(),
            };
            self.pages.insert(page, page_of);
        }
        self.entry(number)
    }
}

/// How many octets have a bit for each recipient of a message.
fn served_octets(recipients: &Recipients) -> usize {
    recipients.each().get().div_ceil(8) as usize
}

#[allow(clippy::cast_possible_truncation, reason = "less than 1,024")]
fn place(number: u64) -> usize {
    (number % PAGE_LENGTH as u64) as usize
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    fn book(each: u32) -> Book {
        let each = NonZeroU32::new(each).unwrap();
        Book::new(Recipients::new("a@b.example", each, each).unwrap())
    }

    #[test]
    fn a_book_has_pages_for_the_numbers_that_there_are_and_no_more_than_it_may() {
        let mut book = book(1);
        let mut octets_left = 2 * 1024 * 7 + 100;
        for number in [0, 1023, u64::MAX] {
            assert!(book.entry_or_new(number, &mut octets_left).is_some());
        }
        assert_eq!(octets_left, 100);
        assert!(book.entry_or_new(1024, &mut octets_left).is_none());
        assert!(book.entry(1024).is_none());
        assert!(book.entry(1).is_some());
    }

    #[test]
    fn each_recipient_of_each_message_is_served_alone() {
        for each in [1, 8, 9, 70] {
            let mut book = book(each);
            let all: Vec<String> = book.recipients().addresses(0).collect();
            let mut octets_left = 1 << 20;
            for number in [0, 1, 1023] {
                let mut entry = book.entry_or_new(number, &mut octets_left).unwrap();
                for (served, address) in all.iter().enumerate() {
                    assert!(entry.lacks_somebody());
                    assert!(entry.unserved().eq(all[served..].iter().cloned()));
                    assert!(entry.serve(address));
                }
                assert!(!entry.lacks_somebody());
                assert!(!entry.serve("b@b.example"));
            }
            assert_eq!(book.entry(2).unwrap().unserved().count(), all.len());
        }
    }
}
