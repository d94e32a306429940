//! JSON that a terminal can show as it is, a line for each object.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serialize;

use super::utf8_pieces::{Utf8Piece, Utf8Pieces};
use super::visible::is_active;

/// A value as JSON on one line, with every control character escaped: the standard asks for the
/// first 32 only.
pub(super) fn line(value: &impl Serialize) -> io::Result<String> {
    let text = serde_json::to_string(value)?;
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if is_active(character) {
            // All of them are in the basic plane. Writing to a string cannot fail.
            let _ = write!(line, "\\u{:04x}", u32::from(character));
        } else {
            line.push(character);
        }
    }
    Ok(line)
}

/// Writes UTF-8 that arrives in pieces as the inside of a JSON string.
#[derive(Debug)]
pub(crate) struct StringWriter<W> {
    out: W,
    pieces: Utf8Pieces,
}

impl<W: Write> StringWriter<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            pieces: Utf8Pieces::default(),
        }
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) -> io::Result<W> {
        let out = &mut self.out;
        self.pieces.finish(|piece| write_piece(piece, out))?;
        Ok(self.out)
    }
}

impl<W: Write> Write for StringWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let out = &mut self.out;
        self.pieces.push(bytes, |piece| write_piece(piece, out))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn write_piece(piece: Utf8Piece<'_>, out: &mut impl Write) -> io::Result<()> {
    let Utf8Piece::Text(text) = piece else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not UTF-8"));
    };
    let quoted = line(&text)?;
    let inside = quoted.get(1..quoted.len() - 1).unwrap_or_default();
    out.write_all(inside.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_come_back() {
        let text = "a\"\\\n\u{1b}\u{7f}\u{9b}\u{202e}é😀\0";
        let json = line(&text).unwrap();
        assert_eq!(json, r#""a\"\\\n\u001b\u007f\u009b\u202eé😀\u0000""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn pieces_make_the_same_string() {
        let text = "a\"é€😀\r\n\u{9b}";
        for at in 0..=text.len() {
            let mut writer = StringWriter::new(Vec::new());
            writer.write_all(&text.as_bytes()[..at]).unwrap();
            writer.write_all(&text.as_bytes()[at..]).unwrap();
            let inside = String::from_utf8(writer.finish().unwrap()).unwrap();
            assert_eq!(format!("\"{inside}\""), line(&text).unwrap());
        }
    }

    #[test]
    fn what_is_no_utf8_is_an_error() {
        let mut writer = StringWriter::new(Vec::new());
        assert!(writer.write_all(b"\xff").is_err());
        let mut writer = StringWriter::new(Vec::new());
        writer.write_all(b"\xe2\x82").unwrap();
        assert!(writer.finish().is_err());
    }
}
