//! Foreign text on a terminal. A message may hold whatever its sender likes, also what moves the
//! cursor, renames the window or answers questions that nobody asked.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::utf8_pieces::{Utf8Piece, Utf8Pieces};

/// Writes the bytes of a message so that a terminal shows them and does nothing else.
///
/// Line ends and tabs pass; all other control characters, and bytes that are no UTF-8, become
/// visible escapes.
#[derive(Debug)]
pub(crate) struct VisibleWriter<W> {
    out: W,
    pieces: Utf8Pieces,
    /// A CR that may be half of a line end.
    after_cr: bool,
    in_line: bool,
}

impl<W: Write> VisibleWriter<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            pieces: Utf8Pieces::default(),
            after_cr: false,
            in_line: false,
        }
    }

    /// Writes what is left and ends the last line.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let mut text = String::new();
        let (after_cr, in_line) = (&mut self.after_cr, &mut self.in_line);
        self.pieces.finish(|piece| {
            escape(piece, after_cr, in_line, &mut text);
            Ok(())
        })?;
        if self.after_cr {
            text.push_str("\\r");
        }
        if self.in_line || self.after_cr {
            text.push('\n');
        }
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

impl<W: Write> Write for VisibleWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut text = String::new();
        let (after_cr, in_line) = (&mut self.after_cr, &mut self.in_line);
        self.pieces.push(bytes, |piece| {
            escape(piece, after_cr, in_line, &mut text);
            Ok(())
        })?;
        self.out.write_all(text.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn escape(piece: Utf8Piece<'_>, after_cr: &mut bool, in_line: &mut bool, text: &mut String) {
    match piece {
        Utf8Piece::Text(valid) => {
            for character in valid.chars() {
                if *after_cr && character != '\n' {
                    text.push_str("\\r");
                }
                *after_cr = character == '\r';
                match character {
                    '\r' => {}
                    '\n' | '\t' => text.push(character),
                    _ => push_visible(character, text),
                }
                *in_line = character != '\n';
            }
        }
        Utf8Piece::Invalid(bytes) => {
            if std::mem::take(after_cr) {
                text.push_str("\\r");
            }
            for byte in bytes {
                // Writing to a string cannot fail.
                let _ = write!(text, "\\x{byte:02x}");
            }
            *in_line = true;
        }
    }
}

/// A text on one line: line ends and tabs become spaces, control characters visible escapes.
pub(crate) fn line(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\r' | '\n' | '\t' => visible.push(' '),
            _ => push_visible(character, &mut visible),
        }
    }
    visible
}

/// Whether a terminal may do something else with it than show it in its place.
///
/// Beside the control characters these are the separators of lines and paragraphs, and the
/// marks that turn the direction of writing, by which one text can pass for another.
pub(crate) fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

fn push_visible(character: char, text: &mut String) {
    if is_active(character) {
        text.extend(character.escape_unicode());
    } else {
        text.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pieces: &[&[u8]]) -> String {
        let mut out = Vec::new();
        let mut writer = VisibleWriter::new(&mut out);
        for piece in pieces {
            writer.write_all(piece).unwrap();
        }
        writer.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_line_ends_and_tabs_pass() {
        let bytes =
            b"Subject: caf\xc3\xa9\r\n\r\n\ta\x1b[2Jb\x00\x07c\rd\xe9\xc2\x9b31m\xe2\x80\xae\nend";
        let expected =
            "Subject: café\n\n\ta\\u{1b}[2Jb\\u{0}\\u{7}c\\rd\\xe9\\u{9b}31m\\u{202e}\nend\n";
        assert_eq!(shown(&[bytes]), expected);
        for at in 0..=bytes.len() {
            assert_eq!(shown(&[&bytes[..at], &bytes[at..]]), expected, "{at}");
        }
    }

    #[test]
    fn the_last_line_is_ended_once() {
        assert_eq!(shown(&[b""]), "");
        assert_eq!(shown(&[b"a\r\n"]), "a\n");
        assert_eq!(shown(&[b"a\r"]), "a\\r\n");
        assert_eq!(shown(&[b"a\xe2\x82"]), "a\\xe2\\x82\n");
    }

    #[test]
    fn a_line_stays_one() {
        assert_eq!(line("a\tb\r\nc\u{1b}]0;x\u{7}"), "a b  c\\u{1b}]0;x\\u{7}");
        assert_eq!(line("über\u{2028}"), "über\\u{2028}");
    }
}
