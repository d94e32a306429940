//! What became of each message, as the sender knows it: the one side of an account whose other side
//! is what arrived.
//!
//! A text file, so that it is still there when the run ended badly and other programs can read it:
//!
//! ```text
//! prixfixe-load-ledger 1 run=00000000000000ab
//! 0 accepted 250 2.0.0 stored id=0a1b
//! 1 refused 452 4.3.1 no room
//! 2 unknown
//! ```
//!
//! A message that is not in it never came to the end of its body.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::run_id::RunId;

/// How the end of a body was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// 2xx: the message must be there, once.
    Accepted,
    /// 4xx or 5xx: it must not be there.
    Refused,
    /// The connection was lost or the time-out passed before a reply: it may be there, once.
    Unknown,
}

impl Answer {
    fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Accepted, Self::Refused, Self::Unknown]
            .into_iter()
            .find(|answer| answer.name() == name)
    }
}

/// A ledger that is being written, by any number of threads.
#[derive(Debug)]
pub struct Ledger {
    file: Mutex<BufWriter<File>>,
}

impl Ledger {
    /// Makes the file, or empties it.
    pub fn create(path: &Path, run: RunId) -> io::Result<Self> {
        let mut file = BufWriter::new(File::create(path)?);
        writeln!(file, "{HEADING} run={run}")?;
        file.flush()?;
        Ok(Self {
            file: Mutex::new(file),
        })
    }

    /// Writes down how the body of a message was answered; `reply` is its first line.
    pub fn record(&self, number: u64, answer: Answer, reply: &str) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // A reply that a hostile server sends must not become a line of its own.
        let reply = reply.split(['\r', '\n']).next().unwrap_or_default();
        if reply.is_empty() {
            writeln!(file, "{number} {}", answer.name())
        } else {
            writeln!(file, "{number} {} {reply}", answer.name())
        }
    }

    /// Brings all of it to the file.
    pub fn flush(&self) -> io::Result<()> {
        self.file
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .flush()
    }
}

const HEADING: &str = "prixfixe-load-ledger 1";

/// A line of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The number of the message.
    pub number: u64,
    /// How its body was answered.
    pub answer: Answer,
    /// The first line of the reply, without its end; empty if there was none.
    pub reply: String,
}

/// A ledger that is being read.
#[derive(Debug)]
pub struct LedgerReader {
    /// The run that wrote it.
    pub run: RunId,
    lines: io::Lines<BufReader<File>>,
    line_number: u64,
}

impl LedgerReader {
    /// Opens a ledger.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut lines = BufReader::new(File::open(path)?).lines();
        let heading = lines.next().transpose()?.unwrap_or_default();
        let run = heading
            .strip_prefix(HEADING)
            .and_then(|rest| rest.strip_prefix(" run="))
            .and_then(|run| run.parse().ok())
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "this is not a ledger"))?;
        Ok(Self {
            run,
            lines,
            line_number: 1,
        })
    }
}

impl Iterator for LedgerReader {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<io::Result<Entry>> {
        let line = match self.lines.next()? {
            Ok(line) => line,
            Err(error) => return Some(Err(error)),
        };
        self.line_number += 1;
        Some(parse(&line).ok_or_else(|| {
            let fault = format!("line {} of the ledger is damaged", self.line_number);
            io::Error::new(io::ErrorKind::InvalidData, fault)
        }))
    }
}

fn parse(line: &str) -> Option<Entry> {
    let (number, rest) = line.split_once(' ')?;
    let (answer, reply) = rest.split_once(' ').unwrap_or((rest, ""));
    Some(Entry {
        number: number.parse().ok()?,
        answer: Answer::from_name(answer)?,
        reply: reply.to_owned(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.ledger");
        let ledger = Ledger::create(&path, RunId::from_seed(5)).unwrap();
        ledger
            .record(0, Answer::Accepted, "250 2.0.0 id=abc")
            .unwrap();
        ledger.record(2, Answer::Unknown, "").unwrap();
        ledger
            .record(1, Answer::Refused, "451 no\r\n9 accepted")
            .unwrap();
        ledger.flush().unwrap();

        let reader = LedgerReader::open(&path).unwrap();
        assert_eq!(reader.run, RunId::from_seed(5));
        let entries: Vec<Entry> = reader.map(Result::unwrap).collect();
        let entry = |number, answer, reply: &str| Entry {
            number,
            answer,
            reply: reply.to_owned(),
        };
        assert_eq!(
            entries,
            [
                entry(0, Answer::Accepted, "250 2.0.0 id=abc"),
                entry(2, Answer::Unknown, ""),
                entry(1, Answer::Refused, "451 no"),
            ]
        );
    }

    #[test]
    fn what_is_no_ledger_is_refused_and_damage_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.ledger");
        std::fs::write(&path, "something else\n").unwrap();
        assert!(LedgerReader::open(&path).is_err());
        std::fs::write(
            &path,
            "prixfixe-load-ledger 1 run=0000000000000005\n0 accepted\n1 acc\n",
        )
        .unwrap();
        let mut reader = LedgerReader::open(&path).unwrap();
        assert!(reader.next().unwrap().is_ok());
        let error = reader.next().unwrap().unwrap_err();
        assert!(error.to_string().contains("line 3"), "{error}");
    }
}
