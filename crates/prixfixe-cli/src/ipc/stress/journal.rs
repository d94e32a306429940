//! What the handler executed, call by call.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Every execution by client and call, in little memory: a caller makes its calls one after the other,
/// so what is worth writing down is where the order was broken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Journal {
    /// By the numbers of the clients, which begin with 1.
    books: Vec<Book>,
    /// Executions for nobody: with the id of a client that is none.
    pub(super) strangers: u64,
}

/// The executions of one client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Book {
    /// One above the highest call that was executed.
    next: u64,
    /// Calls below it that were not, as ranges without their ends, in order. No more than the calls of
    /// the client.
    gaps: Vec<(u64, u64)>,
    /// Calls that were executed when they had been already, once for each time too many.
    repeats: Vec<u64>,
    /// Calls whose requests had other bytes than those that belong to them.
    altered: Vec<u64>,
}

impl Journal {
    /// For this many clients, all memory taken at once.
    pub(super) fn new(clients: u32) -> Self {
        Self {
            books: vec![Book::default(); clients as usize + 1],
            ..Self::default()
        }
    }

    /// Writes down an execution; `intact` says whether the bytes of the request were right.
    pub(super) fn record(&mut self, client: u64, call: u64, intact: bool) {
        let place = usize::try_from(client).ok().filter(|client| *client > 0);
        match place.and_then(|place| self.books.get_mut(place)) {
            Some(book) => book.record(call, intact),
            None => self.strangers += 1,
        }
    }

    /// The executions of one client.
    pub(super) fn book(&self, client: u64) -> Option<&Book> {
        self.books.get(usize::try_from(client).ok()?)
    }

    /// Begins anew, in the same memory.
    pub(super) fn clear(&mut self) {
        for book in &mut self.books {
            book.next = 0;
            book.gaps.clear();
            book.repeats.clear();
            book.altered.clear();
        }
        self.strangers = 0;
    }

    /// All that [`JournalFile`]s wrote into a file, for clients up to this number.
    pub(super) fn read(path: &Path, clients: u32) -> io::Result<Self> {
        let mut journal = Self::new(clients);
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(journal),
            opened => BufReader::new(opened?),
        };
        let mut record = [0; RECORD_OCTETS];
        while !file.fill_buf()?.is_empty() {
            file.read_exact(&mut record)?;
            let (client, call) = ids(u128::from_le_bytes(record));
            journal.record(client, call & !ALTERED, call & ALTERED == 0);
        }
        Ok(journal)
    }
}

impl Book {
    fn record(&mut self, call: u64, intact: bool) {
        if !intact {
            self.altered.push(call);
        }
        if call >= self.next {
            if call > self.next {
                self.gaps.push((self.next, call));
            }
            self.next = call + 1;
            return;
        }
        let place = self.gaps.partition_point(|gap| gap.1 <= call);
        match self.gaps.get(place).copied() {
            Some((from, to)) if from <= call => {
                let parts = [(from, call), (call + 1, to)];
                let parts = parts.into_iter().filter(|(from, to)| from < to);
                self.gaps.splice(place..=place, parts);
            }
            _ => self.repeats.push(call),
        }
    }

    /// How often this call was executed.
    pub(super) fn executions(&self, call: u64) -> u64 {
        if call >= self.next || self.is_in_gap(call) {
            return 0;
        }
        1 + self.repeats.iter().filter(|other| **other == call).count() as u64
    }

    /// All executions.
    pub(super) fn total(&self) -> u64 {
        let left_out: u64 = self.gaps.iter().map(|(from, to)| to - from).sum();
        self.next - left_out + self.repeats.len() as u64
    }

    /// Calls below `calls` that were not executed, as ranges.
    pub(super) fn unexecuted(&self, calls: u64) -> impl Iterator<Item = (u64, u64)> {
        let beyond = (self.next, calls);
        let gaps = self.gaps.iter().copied().chain([beyond]);
        gaps.map(move |(from, to)| (from, to.min(calls)))
            .filter(|(from, to)| from < to)
    }

    /// Calls that were executed too often.
    pub(super) fn repeats(&self) -> &[u64] {
        &self.repeats
    }

    /// Calls whose requests were altered.
    pub(super) fn altered(&self) -> &[u64] {
        &self.altered
    }

    /// Executions of calls from this number on.
    pub(super) fn from(&self, calls: u64) -> u64 {
        let within: u64 = self
            .gaps
            .iter()
            .map(|(from, to)| to.saturating_sub((*from).max(calls)))
            .sum();
        self.next.saturating_sub(calls) - within
    }

    fn is_in_gap(&self, call: u64) -> bool {
        let place = self.gaps.partition_point(|gap| gap.1 <= call);
        self.gaps.get(place).is_some_and(|gap| gap.0 <= call)
    }
}

/// A journal that outlives whoever writes it: a record of 16 octets for each execution, appended by one
/// system call, so that a server can be killed at any instant.
#[derive(Debug)]
pub(super) struct JournalFile(File);

impl JournalFile {
    /// Goes on with the journal in this file.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        Ok(Self(file))
    }

    /// Writes down an execution.
    pub(super) fn record(&mut self, client: u64, call: u64, intact: bool) -> io::Result<()> {
        let call = call | if intact { 0 } else { ALTERED };
        let record = caller_id(client, call).to_le_bytes();
        self.0.write_all(&record)
    }
}

/// The id that a call carries for the handler.
pub(super) fn caller_id(client: u64, call: u64) -> u128 {
    u128::from(client) << 64 | u128::from(call)
}

/// Client and call of an id.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the lower half is the call"
)]
pub(super) fn ids(caller_id: u128) -> (u64, u64) {
    ((caller_id >> 64) as u64, caller_id as u64)
}

/// Beside the number of a call, that its request was altered. No level makes 2^63 calls.
const ALTERED: u64 = 1 << 63;
const RECORD_OCTETS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn book_of(calls: &[u64]) -> Book {
        let mut book = Book::default();
        for call in calls {
            book.record(*call, true);
        }
        book
    }

    #[test]
    fn every_execution_is_counted_in_whatever_order_they_come() {
        for calls in [
            &[0, 1, 2, 3][..],
            &[0, 2, 1, 3],
            &[3, 0, 5, 1, 9, 4],
            &[2, 2, 0, 2],
            &[],
        ] {
            let book = book_of(calls);
            assert_eq!(book.total(), calls.len() as u64, "{calls:?}");
            for call in 0..12 {
                let count = calls.iter().filter(|other| **other == call).count();
                assert_eq!(book.executions(call), count as u64, "{call} in {calls:?}");
            }
            for bound in 0..12 {
                let left_out: Vec<u64> = book
                    .unexecuted(bound)
                    .flat_map(|(from, to)| from..to)
                    .collect();
                let expected: Vec<u64> = (0..bound).filter(|call| !calls.contains(call)).collect();
                assert_eq!(left_out, expected, "below {bound} of {calls:?}");
                let mut above: Vec<u64> = calls.iter().copied().filter(|c| *c >= bound).collect();
                above.sort_unstable();
                above.dedup();
                assert_eq!(book.from(bound), above.len() as u64, "{calls:?}");
            }
        }
    }

    #[test]
    fn a_journal_in_a_file_goes_on_where_a_killed_writer_left_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        assert_eq!(Journal::read(&path, 3).unwrap(), Journal::new(3));
        for (client, call, intact) in [(1, 0, true), (3, 0, false), (1, 1, true)] {
            let mut file = JournalFile::open(&path).unwrap();
            file.record(client, call, intact).unwrap();
        }
        let journal = Journal::read(&path, 3).unwrap();
        assert_eq!(journal.book(1).unwrap().total(), 2);
        assert_eq!(journal.book(3).unwrap().executions(0), 1);
        assert_eq!(journal.book(3).unwrap().altered(), [0]);
        assert_eq!(journal.strangers, 0);
        assert_eq!(Journal::read(&path, 2).unwrap().strangers, 1);
        std::fs::write(&path, [0; 17]).unwrap();
        assert!(Journal::read(&path, 3).is_err());
    }

    #[test]
    fn a_cleared_journal_is_a_new_one() {
        let mut journal = Journal::new(2);
        for (client, call) in [(1, 3), (1, 3), (2, 0), (5, 0)] {
            journal.record(client, call, false);
        }
        journal.clear();
        assert_eq!(journal, Journal::new(2));
    }
}
