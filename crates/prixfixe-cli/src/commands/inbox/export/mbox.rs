//! The mbox format (RFC 4155) in its mboxrd variant.

use std::io::{self, Write};

use jiff::Timestamp;
use prixfixe_delivery::sqlite::{ReadError, StoreReader, StoredMessage};

use super::late_heading::LateHeading;
use crate::commands::inbox::failure::Failure;

/// Appends a message; false if it has been removed from the store meanwhile.
pub(super) fn write(
    reader: &StoreReader,
    message: &StoredMessage,
    as_received: bool,
    out: &mut dyn Write,
) -> Result<bool, Failure> {
    let mut body = MboxBody::new(LateHeading::new(out, from_line(message)));
    let copied = if as_received {
        reader.copy_as_received(message.id, &mut body)
    } else {
        reader.copy_with_trace(message.id, &mut body)
    };
    match copied {
        Ok(_) => {
            body.finish()?.finish()?;
            Ok(true)
        }
        Err(ReadError::NoSuchMessage(_)) if body.out.is_unwritten() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// `From sender date`. Spaces would end the sender, and a line end the line, so a quoted local
/// part loses them; `Return-Path:` has it whole.
fn from_line(message: &StoredMessage) -> String {
    let sender = match message.sender.as_str() {
        "" => "MAILER-DAEMON",
        sender => sender,
    };
    let breaks = |character: char| character.is_whitespace() || character.is_control();
    let received_at = Timestamp::try_from(message.received_at).unwrap_or_default();
    let date = received_at.strftime("%a %b %e %H:%M:%S %Y");
    format!("From {} {date}\n", sender.replace(breaks, "-"))
}

/// Writes a message as mbox has it: lines end with LF, and one that begins with `From ` after
/// any number of `>` gets one `>` more, which a reader takes away again.
#[derive(Debug)]
struct MboxBody<W> {
    out: W,
    place: Place,
    /// A CR that may be half of a line end.
    after_cr: bool,
}

/// Where in a line the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At its start.
    Start,
    /// After nothing but `>`s.
    Quotes,
    /// After so many bytes of `From `, which are held back.
    From(usize),
    Within,
}

impl<W: Write> MboxBody<W> {
    fn new(out: W) -> Self {
        Self {
            out,
            place: Place::Start,
            after_cr: false,
        }
    }

    /// Ends the last line and adds the empty one that separates messages.
    fn finish(mut self) -> io::Result<W> {
        self.flush_cr()?;
        self.leave_start()?;
        if self.place != Place::Start {
            self.out.write_all(b"\n")?;
        }
        self.out.write_all(b"\n")?;
        Ok(self.out)
    }

    fn flush_cr(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.after_cr) {
            self.leave_start()?;
            self.place = Place::Within;
            self.out.write_all(b"\r")?;
        }
        Ok(())
    }

    /// Writes what was held back in the hope of `From `.
    fn leave_start(&mut self) -> io::Result<()> {
        if let Place::From(matched) = self.place {
            self.out.write_all(&FROM[..matched])?;
            self.place = Place::Within;
        }
        Ok(())
    }

    fn at_start(&mut self, byte: u8, matched: usize) -> io::Result<()> {
        if byte == FROM[matched] {
            if matched + 1 < FROM.len() {
                self.place = Place::From(matched + 1);
                return Ok(());
            }
            self.place = Place::Within;
            // Behind the others, which are out already, it is the same as in front of them.
            self.out.write_all(b">")?;
            return self.out.write_all(FROM);
        }
        self.leave_start()?;
        self.place = if matched == 0 && byte == b'>' {
            Place::Quotes
        } else {
            Place::Within
        };
        self.out.write_all(&[byte])
    }

    fn end_line(&mut self) -> io::Result<()> {
        self.after_cr = false;
        self.leave_start()?;
        self.place = Place::Start;
        self.out.write_all(b"\n")
    }
}

impl<W: Write> Write for MboxBody<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while let [byte, after @ ..] = rest {
            if *byte == b'\n' {
                self.end_line()?;
                rest = after;
                continue;
            }
            self.flush_cr()?;
            match self.place {
                _ if *byte == b'\r' => {
                    self.after_cr = true;
                    rest = after;
                }
                Place::Start | Place::Quotes => {
                    self.at_start(*byte, 0)?;
                    rest = after;
                }
                Place::From(matched) => {
                    self.at_start(*byte, matched)?;
                    rest = after;
                }
                Place::Within => {
                    let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
                    let (text, after) = rest.split_at(end.unwrap_or(rest.len()));
                    self.out.write_all(text)?;
                    rest = after;
                }
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

const FROM: &[u8] = b"From ";

#[cfg(test)]
mod tests {
    use super::*;

    fn body(pieces: &[&[u8]]) -> String {
        let mut writer = MboxBody::new(Vec::new());
        for piece in pieces {
            writer.write_all(piece).unwrap();
        }
        String::from_utf8(writer.finish().unwrap()).unwrap()
    }

    #[test]
    fn lines_that_look_like_a_separator_are_quoted() {
        let message = b"From x\r\nFrom: y\r\n\r\n>From z\r\n>>> From\r\n>>From \rFrom \nFro\r\nF\r";
        let expected = ">From x\nFrom: y\n\n>>From z\n>>> From\n>>>From \rFrom \nFro\nF\r\n\n";
        assert_eq!(body(&[message]), expected);
        for at in 0..=message.len() {
            assert_eq!(body(&[&message[..at], &message[at..]]), expected, "{at}");
        }
        let single: Vec<&[u8]> = message.chunks(1).collect();
        assert_eq!(body(&single), expected);
    }

    #[test]
    fn every_message_ends_with_an_empty_line() {
        assert_eq!(body(&[b""]), "\n");
        assert_eq!(body(&[b"a"]), "a\n\n");
        assert_eq!(body(&[b"a\r\n"]), "a\n\n");
        assert_eq!(body(&[b"From"]), "From\n\n");
        assert_eq!(body(&[b">"]), ">\n\n");
    }
}
