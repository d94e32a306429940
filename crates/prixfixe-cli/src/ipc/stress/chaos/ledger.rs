//! What a caller wrote down of its calls, so that nothing of it is lost when it is killed.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use crate::ipc::clock::Nanos;
use crate::ipc::stress::told::Ending;

/// The ledger of one caller: an octet when a call begins, and a record when it has ended, each by one
/// system call.
#[derive(Debug)]
pub(super) struct Ledger(File);

/// A call that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) ending: Ending,
    /// When it began, counted from the start of the level.
    pub(super) began: Nanos,
    pub(super) took: Nanos,
    /// Octets of the request.
    pub(super) length: u32,
}

/// All that a ledger says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entries {
    pub(super) ended: Vec<Entry>,
    /// Whether the caller was killed under a call.
    pub(super) is_under_way: bool,
}

impl Ledger {
    /// A new one for the caller of this number.
    pub(super) fn create(folder: &Path, caller: u32) -> io::Result<Self> {
        let path = Self::path(folder, caller);
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)?;
        Ok(Self(file))
    }

    /// A call begins.
    pub(super) fn begin(&mut self) -> io::Result<()> {
        self.0.write_all(&[BEGUN])
    }

    /// It has ended.
    pub(super) fn end(&mut self, entry: Entry) -> io::Result<()> {
        let mut record = [0; RECORD_OCTETS];
        record[0] = entry.ending.octet();
        record[1..9].copy_from_slice(&entry.began.0.to_le_bytes());
        record[9..17].copy_from_slice(&entry.took.0.to_le_bytes());
        record[17..].copy_from_slice(&entry.length.to_le_bytes());
        self.0.write_all(&record)
    }

    /// Reads that of a caller, which may have been killed before it began one.
    pub(super) fn read(folder: &Path, caller: u32) -> io::Result<Entries> {
        let mut entries = Entries::default();
        let mut file = match File::open(Self::path(folder, caller)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(entries),
            opened => BufReader::new(opened?),
        };
        let mut begun = [0];
        while !file.fill_buf()?.is_empty() {
            file.read_exact(&mut begun)?;
            if begun != [BEGUN] {
                return Err(io::Error::other("a ledger is damaged"));
            }
            if file.fill_buf()?.is_empty() {
                entries.is_under_way = true;
                break;
            }
            let mut record = [0; RECORD_OCTETS];
            file.read_exact(&mut record)?;
            entries.ended.push(Entry::of(&record)?);
        }
        Ok(entries)
    }

    fn path(folder: &Path, caller: u32) -> PathBuf {
        folder.join(format!("ledger-{caller}"))
    }
}

impl Entry {
    fn of(record: &[u8; RECORD_OCTETS]) -> io::Result<Self> {
        let word = |place: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&record[place..place + 8]);
            u64::from_le_bytes(word)
        };
        let mut length = [0; 4];
        length.copy_from_slice(&record[17..]);
        Ok(Self {
            ending: Ending::try_from(record[0]).map_err(io::Error::other)?,
            began: Nanos(word(1)),
            took: Nanos(word(9)),
            length: u32::from_le_bytes(length),
        })
    }
}

/// No ending is this octet.
const BEGUN: u8 = 0xff;
const RECORD_OCTETS: usize = 21;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_caller_leaves_all_that_it_was_told_and_whether_it_was_under_a_call() {
        let folder = tempfile::tempdir().unwrap();
        let entry = Entry {
            ending: Ending::ALTERED,
            began: Nanos(1 << 40),
            took: Nanos(77),
            length: 1 << 20,
        };
        let read = || Ledger::read(folder.path(), 3).unwrap();
        assert_eq!(read(), Entries::default());
        let mut ledger = Ledger::create(folder.path(), 3).unwrap();
        for _ in 0..2 {
            ledger.begin().unwrap();
            ledger.end(entry).unwrap();
        }
        assert_eq!(read().ended, [entry, entry]);
        assert!(!read().is_under_way);
        ledger.begin().unwrap();
        assert!(read().is_under_way);
        ledger.begin().unwrap();
        assert!(Ledger::read(folder.path(), 3).is_err());
    }
}
