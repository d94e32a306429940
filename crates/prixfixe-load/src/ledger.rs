//! What became of each message, as the sender knows it: the one side of an account whose other side
//! is what arrived.
//!
//! A text file, so that it is still there when the run ended badly and other programs can read it:
//!
//! ```text
//! prixfixe-load-ledger 2 run=00000000000000ab recipients=1 mailboxes=100 first=a@b.example
//! 0 accepted 250 2.0.0 stored id=0a1b
//! 1 refused 452 4.3.1 no room
//! 2 unknown
//! end 3
//! ```
//!
//! Its heading says for whom each message is: it was answered for all its recipients alike, since one
//! that is refused fails the message. A message that is not in it never came to the end of its body. That is so only if it has its
//! last line, which counts the others: without it the ledger broke off, and what is missing may
//! have been acknowledged.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::plan::Recipients;
use crate::run_id::RunId;

/// How the end of a body was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// 250: the message must be there, once.
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
    writing: Mutex<Writing>,
}

#[derive(Debug)]
struct Writing {
    file: BufWriter<File>,
    entries: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Something could not be written; nothing that is written from then on would tell so.
    Broken,
    /// It has its last line.
    Closed,
}

/// How much of a reply is kept, in octets: far more than replies say, and less than a line may have.
const MOST_REPLY_OCTETS: usize = 1024;

impl Ledger {
    /// Makes the file, or empties it, for a run whose messages go to these.
    pub fn create(path: &Path, run: RunId, recipients: &Recipients) -> io::Result<Self> {
        let mut file = BufWriter::new(File::create(path)?);
        let (each, mailboxes) = (recipients.each(), recipients.mailboxes());
        let first = recipients.first();
        writeln!(
            file,
            "{HEADING} {VERSION} run={run} recipients={each} mailboxes={mailboxes} first={first}"
        )?;
        file.flush()?;
        Ok(Self {
            writing: Mutex::new(Writing {
                file,
                entries: 0,
                state: State::Open,
            }),
        })
    }

    /// Writes down how the body of a message was answered; `reply` is its first line. After an error
    /// it takes nothing more and gets no last line.
    pub fn record(&self, number: u64, answer: Answer, reply: &str) -> io::Result<()> {
        // A reply that a hostile server sends must not become a line of its own.
        let reply = reply.split(['\r', '\n']).next().unwrap_or_default();
        let reply = &reply[..reply.floor_char_boundary(MOST_REPLY_OCTETS)];
        self.write(|writing| {
            let name = answer.name();
            if reply.is_empty() {
                writeln!(writing.file, "{number} {name}")?;
            } else {
                writeln!(writing.file, "{number} {name} {reply}")?;
            }
            writing.entries += 1;
            Ok(())
        })
    }

    /// Brings all that there is so far to the file.
    pub fn flush(&self) -> io::Result<()> {
        self.write(|writing| writing.file.flush())
    }

    /// Writes the last line, after which there are no more entries, and brings all of it to the
    /// file. Without it a ledger counts as broken off.
    pub fn close(&self) -> io::Result<()> {
        self.write(|writing| {
            writeln!(writing.file, "{END} {}", writing.entries)?;
            writing.file.flush()?;
            writing.state = State::Closed;
            Ok(())
        })
    }

    fn write(&self, what: impl FnOnce(&mut Writing) -> io::Result<()>) -> io::Result<()> {
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        match writing.state {
            State::Open => {}
            State::Broken => return Err(io::Error::other("a part of it could not be written")),
            State::Closed => return Err(io::Error::other("it is closed")),
        }
        let written = what(&mut writing);
        if written.is_err() {
            writing.state = State::Broken;
        }
        written
    }
}

const HEADING: &str = "prixfixe-load-ledger";
/// It grows when what a ledger says changes. The first did not say for whom messages were.
const VERSION: &str = "2";
/// How the last line begins.
const END: &str = "end";
/// The longest line that is read, in octets with its end: a number, an answer and
/// [`MOST_REPLY_OCTETS`] are less.
const MOST_LINE_OCTETS: u64 = 4096;

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

/// A ledger that is being read. After a fault there are no more entries.
#[derive(Debug)]
pub struct LedgerReader {
    /// The run that wrote it.
    pub run: RunId,
    /// Whom its messages are for.
    pub recipients: Recipients,
    file: BufReader<File>,
    line: Vec<u8>,
    line_number: u64,
    entries: u64,
    reading: Reading,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Entries,
    /// The file is over, or has a fault.
    Over,
    /// The last line was read, and counts what is there.
    Complete,
}

impl LedgerReader {
    /// Opens a ledger.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = BufReader::new(File::open(path)?);
        let mut line = Vec::new();
        (&mut file)
            .take(MOST_LINE_OCTETS)
            .read_until(b'\n', &mut line)?;
        let (run, recipients) = std::str::from_utf8(&line)
            .ok()
            .and_then(|line| line.strip_suffix('\n')?.strip_prefix(HEADING))
            .ok_or_else(|| invalid("this is not a ledger"))
            .and_then(parse_heading)?;
        Ok(Self {
            run,
            recipients,
            file,
            line,
            line_number: 1,
            entries: 0,
            reading: Reading::Entries,
        })
    }

    /// Whether all entries were read and the last line was there. Otherwise, once there are no more,
    /// the ledger broke off: its run goes on, was killed, or could not write it.
    pub fn is_complete(&self) -> bool {
        self.reading == Reading::Complete
    }

    fn entry(&mut self) -> io::Result<Option<Entry>> {
        self.line.clear();
        (&mut self.file)
            .take(MOST_LINE_OCTETS)
            .read_until(b'\n', &mut self.line)?;
        self.line_number += 1;
        let Some(line) = self.line.strip_suffix(b"\n") else {
            if self.line.len() as u64 == MOST_LINE_OCTETS {
                return Err(self.damaged());
            }
            // What was cut off may read as something else, such as another number.
            return Ok(None);
        };
        let line = std::str::from_utf8(line).map_err(|_| self.damaged())?;
        if let Some(count) = line.strip_prefix(END) {
            let count: u64 = count.trim().parse().map_err(|_| self.damaged())?;
            if count != self.entries {
                let fault = format!(
                    "the ledger should have {count} entries, and has {}",
                    self.entries
                );
                return Err(invalid(fault));
            }
            if !self.file.fill_buf()?.is_empty() {
                return Err(invalid("something stands behind the end of the ledger"));
            }
            self.reading = Reading::Complete;
            return Ok(None);
        }
        let entry = parse(line).ok_or_else(|| self.damaged())?;
        self.entries += 1;
        Ok(Some(entry))
    }

    fn damaged(&self) -> io::Error {
        invalid(format!(
            "line {} of the ledger is damaged",
            self.line_number
        ))
    }
}

impl Iterator for LedgerReader {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<io::Result<Entry>> {
        if self.reading != Reading::Entries {
            return None;
        }
        let entry = self.entry().transpose();
        if self.reading == Reading::Entries && !matches!(entry, Some(Ok(_))) {
            self.reading = Reading::Over;
        }
        entry
    }
}

fn invalid(fault: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, fault.into())
}

/// What stands behind the word by which a ledger is known.
fn parse_heading(heading: &str) -> io::Result<(RunId, Recipients)> {
    let mut words = heading.split(' ').skip(1);
    match words.next() {
        Some(VERSION) => {}
        version => {
            let version = version.unwrap_or("none");
            return Err(invalid(format!(
                "this is a ledger of version {version}, and this program reads {VERSION}"
            )));
        }
    }
    let mut field = |name: &str| words.next()?.strip_prefix(name)?.strip_prefix('=');
    let parsed = (|| {
        let run = field("run")?.parse().ok()?;
        let each = field("recipients")?.parse().ok()?;
        let mailboxes = field("mailboxes")?.parse().ok()?;
        let recipients = Recipients::new(field("first")?, each, mailboxes).ok()?;
        Some((run, recipients))
    })();
    parsed.ok_or_else(|| invalid("line 1 of the ledger is damaged"))
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
    use std::num::NonZeroU32;

    const HEADING: &str =
        "prixfixe-load-ledger 2 run=0000000000000005 recipients=2 mailboxes=7 first=ü@b.example\n";

    fn create(path: &Path) -> Ledger {
        Ledger::create(path, RunId::from_seed(5), &recipients()).unwrap()
    }

    fn recipients() -> Recipients {
        let count = |count| NonZeroU32::new(count).unwrap();
        Recipients::new("ü@b.example", count(2), count(7)).unwrap()
    }

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.ledger");
        let ledger = create(&path);
        ledger
            .record(0, Answer::Accepted, "250 2.0.0 id=abc")
            .unwrap();
        ledger.record(2, Answer::Unknown, "").unwrap();
        ledger
            .record(1, Answer::Refused, "451 no\r\n9 accepted")
            .unwrap();
        ledger.close().unwrap();
        assert!(ledger.record(3, Answer::Accepted, "250").is_err());

        let mut reader = LedgerReader::open(&path).unwrap();
        assert_eq!(reader.run, RunId::from_seed(5));
        assert_eq!(reader.recipients, recipients());
        let entries: Vec<Entry> = reader.by_ref().map(Result::unwrap).collect();
        assert!(reader.is_complete());
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
        for (text, fault) in [
            ("something else\n", "this is not a ledger"),
            ("", "this is not a ledger"),
            ("prixfixe-load-ledger 1 run=0000000000000005\n", "version 1"),
            ("prixfixe-load-ledger\n", "version none"),
            (&HEADING.replace("mailboxes=7", "mailboxes=1"), "line 1"),
            (&HEADING.replace("recipients=2", "recipients=0"), "line 1"),
            (&HEADING.replace("first=ü@", "first=ü"), "line 1"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = LedgerReader::open(&path).unwrap_err().to_string();
            assert!(error.contains(fault), "{text}: {error}");
        }
        std::fs::write(&path, format!("{HEADING}0 accepted\n1 acc\n")).unwrap();
        let mut reader = LedgerReader::open(&path).unwrap();
        assert!(reader.next().unwrap().is_ok());
        let error = reader.next().unwrap().unwrap_err();
        assert!(error.to_string().contains("line 3"), "{error}");
    }

    /// Reads a file with these lines behind its heading: how many entries it gives, whether it is
    /// complete, and its fault.
    fn read(lines: &str) -> (usize, bool, Option<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.ledger");
        std::fs::write(&path, format!("{HEADING}{lines}")).unwrap();
        let mut reader = LedgerReader::open(&path).unwrap();
        let mut entries = 0;
        let fault = reader.by_ref().find_map(|entry| {
            entries += usize::from(entry.is_ok());
            entry.err().map(|error| error.to_string())
        });
        assert!(reader.next().is_none());
        (entries, reader.is_complete(), fault)
    }

    #[test]
    fn a_ledger_that_was_cut_anywhere_is_not_complete() {
        let whole = "0 accepted 250\n12 accepted 250 ok\nend 2\n";
        assert_eq!(read(whole), (2, true, None));
        for cut in 0..whole.len() {
            let (entries, is_complete, fault) = read(&whole[..cut]);
            assert!(!is_complete, "after {cut} octets");
            assert_eq!(fault, None, "after {cut} octets");
            let whole_lines = whole[..cut].matches('\n').count();
            assert_eq!(entries, whole_lines, "after {cut} octets");
        }
    }

    #[test]
    fn an_end_that_counts_otherwise_or_is_not_the_end_is_a_fault() {
        for (lines, fault) in [
            ("0 accepted\nend 2\n", "should have 2 entries, and has 1"),
            ("end 0\n0 accepted\n", "stands behind the end"),
            ("end x\n", "line 2 of the ledger is damaged"),
        ] {
            let (_, is_complete, said) = read(lines);
            assert!(!is_complete);
            assert!(said.unwrap().contains(fault), "{fault}");
        }
    }

    #[test]
    fn a_line_without_end_is_not_read_to_its_end() {
        let endless = "0 accepted ".to_owned() + &"x".repeat(1 << 20);
        let (entries, is_complete, fault) = read(&endless);
        assert_eq!((entries, is_complete), (0, false));
        assert!(fault.unwrap().contains("line 2"));
    }

    #[test]
    fn a_reply_of_any_length_is_one_line_that_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.ledger");
        let ledger = create(&path);
        ledger
            .record(u64::MAX, Answer::Accepted, &"ü".repeat(5000))
            .unwrap();
        ledger.close().unwrap();
        let entry = LedgerReader::open(&path).unwrap().next().unwrap().unwrap();
        assert_eq!(entry.reply.len(), MOST_REPLY_OCTETS);
    }

    #[test]
    fn a_ledger_that_could_not_be_written_gets_no_end() {
        let ledger = Ledger {
            writing: Mutex::new(Writing {
                file: BufWriter::with_capacity(0, File::open("/dev/null").unwrap()),
                entries: 0,
                state: State::Open,
            }),
        };
        assert!(ledger.record(0, Answer::Accepted, "250").is_err());
        let later = ledger.close().unwrap_err().to_string();
        assert!(later.contains("could not be written"), "{later}");
    }
}
