//! Messages that stand in one file, one after the other.

use std::io::{self, BufRead, Read};

/// How messages stand in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileForm {
    /// Each after a line that begins with `From ` (RFC 4155). A line of a message that begins so, or
    /// with `>From `, `>>From `, …, has one `>` more.
    Mboxrd,
    /// The same, but only lines that begin with `From ` have a `>` more, as Postfix, Exim and Python
    /// write it. The two cannot be told apart by looking; they differ for messages with `>From ` in
    /// them, and are taken for the first.
    Mboxo,
    /// As `smtp-sink -D` writes it: each begins with `X-Client-Addr:`, after an empty line.
    SinkDump,
}

impl FileForm {
    /// The form of a file that begins like this, if it is one of them. An empty file is a mailbox.
    pub(super) fn detect(start: &[u8]) -> Option<Self> {
        if start.is_empty() || start.starts_with(FROM) {
            Some(Self::Mboxrd)
        } else if start.starts_with(CLIENT_ADDRESS) {
            Some(Self::SinkDump)
        } else {
            None
        }
    }
}

/// How a message of a mailbox begins.
const FROM: &[u8] = b"From ";
/// How a message of a dump begins.
const CLIENT_ADDRESS: &[u8] = b"X-Client-Addr: ";

/// The messages of a file, each with the number of the line at which it begins. After a fault there
/// are no more.
#[derive(Debug)]
pub(super) struct Joined<R> {
    reader: R,
    form: FileForm,
    most_octets: usize,
    /// The line read last; between two messages the first one of the next, empty at the end.
    line: Vec<u8>,
    line_number: u64,
    begun: bool,
}

impl<R: BufRead> Joined<R> {
    /// Reads from the start of a file. A message has at most `most_octets`.
    pub(super) fn new(reader: R, form: FileForm, most_octets: usize) -> Self {
        Self {
            reader,
            form,
            most_octets,
            line: Vec::new(),
            line_number: 0,
            begun: false,
        }
    }

    fn message(&mut self) -> Result<Option<(u64, Vec<u8>)>, JoinedError> {
        if !self.begun {
            self.begun = true;
            self.read_line(1)?;
            if !self.line.is_empty() && !self.begins_message(true) {
                return Err(JoinedError::NoMessage);
            }
        }
        if self.line.is_empty() {
            return Ok(None);
        }
        let begins_at = self.line_number;
        let mut octets = Vec::new();
        let mut after_empty_line = false;
        // The first line of a mailbox is about the message, that of a dump is in it.
        if self.form != FileForm::SinkDump {
            self.read_line(begins_at)?;
        }
        while !self.line.is_empty() && !self.begins_message(after_empty_line) {
            let line = self.unquoted();
            if octets.len() + line.len() > self.most_octets {
                return Err(JoinedError::TooLarge(begins_at));
            }
            octets.extend_from_slice(line);
            after_empty_line = matches!(line, b"\n" | b"\r\n");
            self.read_line(begins_at)?;
        }
        if after_empty_line {
            // It is the form's and not the message's.
            let end = octets.strip_suffix(b"\n").unwrap_or(&octets);
            let end = end.strip_suffix(b"\r").unwrap_or(end).len();
            octets.truncate(end);
        }
        Ok(Some((begins_at, octets)))
    }

    /// Reads a line, of a message that began at another; none is left at the end of the file.
    fn read_line(&mut self, begins_at: u64) -> Result<(), JoinedError> {
        self.line.clear();
        // No line is longer than a message, with a `>` and one octet more that says so.
        let limit = u64::try_from(self.most_octets).map_or(u64::MAX, |most| most.saturating_add(2));
        (&mut self.reader)
            .take(limit)
            .read_until(b'\n', &mut self.line)?;
        self.line_number += 1;
        if self.line.len() as u64 == limit {
            return Err(JoinedError::TooLarge(begins_at));
        }
        Ok(())
    }

    fn begins_message(&self, after_empty_line: bool) -> bool {
        match self.form {
            FileForm::SinkDump => after_empty_line && self.line.starts_with(CLIENT_ADDRESS),
            // Every writer quotes these, after an empty line or not.
            FileForm::Mboxrd | FileForm::Mboxo => self.line.starts_with(FROM),
        }
    }

    fn unquoted(&self) -> &[u8] {
        let quotes = self.line.iter().take_while(|octet| **octet == b'>').count();
        let is_quoted = match self.form {
            FileForm::Mboxrd => quotes > 0,
            FileForm::Mboxo => quotes == 1,
            FileForm::SinkDump => false,
        };
        if is_quoted && self.line[quotes..].starts_with(FROM) {
            &self.line[1..]
        } else {
            &self.line
        }
    }
}

impl<R: BufRead> Iterator for Joined<R> {
    type Item = Result<(u64, Vec<u8>), JoinedError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.message();
        if next.is_err() {
            self.begun = true;
            self.line.clear();
        }
        next.transpose()
    }
}

/// A file that cannot be read, or not any further.
#[derive(Debug, thiserror::Error)]
pub(super) enum JoinedError {
    /// The system does not give it.
    #[error(transparent)]
    Unreadable(#[from] io::Error),
    /// It begins with something else than a message.
    #[error("no message begins here")]
    NoMessage,
    /// The message that begins at this line is larger than it may be.
    #[error("the message at line {0} is too large")]
    TooLarge(u64),
}
