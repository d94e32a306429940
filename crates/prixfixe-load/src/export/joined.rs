//! Messages that stand in one file, one after the other.

use std::io::{self, BufRead, Read};
use std::path::PathBuf;

use super::{ExportError, Exported, FileForm, MOST_OCTETS};

/// How a message of a mailbox begins.
pub(super) const FROM: &[u8] = b"From ";
/// How a message of a dump begins.
pub(super) const CLIENT_ADDRESS: &[u8] = b"X-Client-Addr: ";

/// The messages of a mailbox or a dump. After a fault there are no more.
#[derive(Debug)]
pub struct Joined<R> {
    reader: R,
    form: FileForm,
    name: String,
    /// The line read last; at the start of a message its first one, and empty after the last.
    line: Vec<u8>,
    line_number: u64,
    begun: bool,
}

impl<R: BufRead> Joined<R> {
    /// Reads from the start of a file; `name` is what its messages are named by.
    pub fn new(reader: R, form: FileForm, name: &str) -> Self {
        Self {
            reader,
            form,
            name: name.to_owned(),
            line: Vec::new(),
            line_number: 0,
            begun: false,
        }
    }

    fn message(&mut self) -> Result<Option<Exported>, ExportError> {
        if !self.begun {
            self.begun = true;
            self.read_line(MOST_OCTETS)?;
            if !self.line.is_empty() && !self.begins_message(true) {
                return Err(ExportError::NoMessage(self.place()));
            }
        }
        if self.line.is_empty() {
            return Ok(None);
        }
        let place = self.place();
        let mut octets = Vec::new();
        if self.form == FileForm::SinkDump {
            octets.append(&mut self.line);
        }
        let mut after_empty_line = false;
        loop {
            let room = MOST_OCTETS.saturating_sub(octets.len());
            self.read_line(room).map_err(|error| match error {
                ExportError::TooLarge(_) => ExportError::TooLarge(place.clone()),
                other => other,
            })?;
            if self.line.is_empty() || self.begins_message(after_empty_line) {
                break;
            }
            after_empty_line = is_empty(&self.line);
            octets.extend_from_slice(self.unquoted());
        }
        if after_empty_line {
            // It is the form's and not the message's.
            let end = octets.strip_suffix(b"\n").unwrap_or(&octets);
            let end = end.strip_suffix(b"\r").unwrap_or(end).len();
            octets.truncate(end);
        }
        Ok(Some(Exported { place, octets }))
    }

    /// Reads a line of at most `most` octets, its end included; none is left at the end of the file.
    fn read_line(&mut self, most: usize) -> Result<(), ExportError> {
        self.line.clear();
        let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        (&mut self.reader)
            .take(limit)
            .read_until(b'\n', &mut self.line)
            .map_err(|error| self.unreadable(error))?;
        self.line_number += 1;
        if self.line.len() > most {
            return Err(ExportError::TooLarge(self.place()));
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

    fn place(&self) -> String {
        format!("{}:{}", self.name, self.line_number)
    }

    fn unreadable(&self, error: io::Error) -> ExportError {
        ExportError::Unreadable {
            path: PathBuf::from(&self.name),
            error,
        }
    }
}

impl<R: BufRead> Iterator for Joined<R> {
    type Item = Result<Exported, ExportError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.message();
        if next.is_err() {
            self.begun = true;
            self.line.clear();
        }
        next.transpose()
    }
}

fn is_empty(line: &[u8]) -> bool {
    line == b"\n" || line == b"\r\n"
}
