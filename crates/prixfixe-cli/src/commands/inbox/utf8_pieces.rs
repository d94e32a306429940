//! Bytes that arrive in arbitrary pieces, as text.

use std::io;

/// Cuts bytes that arrive in arbitrary pieces into text and what is none, without cutting a
/// character in two. It keeps at most three bytes between pieces.
#[derive(Debug, Default)]
pub(crate) struct Utf8Pieces {
    held: Vec<u8>,
}

/// Some of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Utf8Piece<'a> {
    /// Valid, and never empty.
    Text(&'a str),
    /// Bytes that are no character.
    Invalid(&'a [u8]),
}

impl Utf8Pieces {
    /// Hands on all that is certain after `bytes`.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(Utf8Piece<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.held.extend_from_slice(bytes);
        let mut taken = 0;
        for chunk in self.held.utf8_chunks() {
            if !chunk.valid().is_empty() {
                take(Utf8Piece::Text(chunk.valid()))?;
                taken += chunk.valid().len();
            }
            let invalid = chunk.invalid();
            let is_last = taken + invalid.len() == self.held.len();
            if is_last && may_go_on(invalid) {
                break;
            }
            if !invalid.is_empty() {
                take(Utf8Piece::Invalid(invalid))?;
                taken += invalid.len();
            }
        }
        self.held.drain(..taken);
        Ok(())
    }

    /// Hands on the rest: a character that was never finished.
    pub(super) fn finish(
        &mut self,
        mut take: impl FnMut(Utf8Piece<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        take(Utf8Piece::Invalid(&std::mem::take(&mut self.held)))
    }
}

/// Whether these bytes can be the start of a character.
fn may_go_on(invalid: &[u8]) -> bool {
    std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn cut(pieces: &[&[u8]]) -> String {
        let mut cutter = Utf8Pieces::default();
        let mut text = String::new();
        let mut take = |piece: Utf8Piece<'_>| {
            match piece {
                Utf8Piece::Text(valid) => text.push_str(valid),
                Utf8Piece::Invalid(bytes) => {
                    for byte in bytes {
                        write!(text, "[{byte:02x}]").unwrap();
                    }
                }
            }
            Ok(())
        };
        for piece in pieces {
            cutter.push(piece, &mut take).unwrap();
            assert!(cutter.held.len() <= 3);
        }
        cutter.finish(take).unwrap();
        text
    }

    #[test]
    fn the_cut_makes_no_difference() {
        let bytes = b"a\xe9b\xe2\x82\xacc\xf0\x9f\x98\x80\xf0\x9f\xff\xe2\x82";
        let whole = cut(&[bytes]);
        assert_eq!(whole, "a[e9]b€c😀[f0][9f][ff][e2][82]");
        for at in 0..=bytes.len() {
            assert_eq!(cut(&[&bytes[..at], &bytes[at..]]), whole, "{at}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(cut(&single), whole);
    }
}
