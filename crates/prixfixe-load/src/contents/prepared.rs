//! A content in the forms in which it is sent.

use bytes::Bytes;
use sha2::{Digest, Sha256};

/// What many messages have in common.
#[derive(Debug)]
pub(super) struct Prepared {
    raw: Bytes,
    stuffed: Bytes,
    /// After `raw`.
    hash: Sha256,
    is_eight_bit: bool,
}

impl Prepared {
    /// Prepares a content, which ends with CRLF and has no other line ends.
    pub(super) fn new(raw: Vec<u8>) -> Self {
        let raw = Bytes::from(raw);
        let stuffed = stuff_dots(&raw).map_or_else(|| raw.clone(), Bytes::from);
        Self {
            hash: Sha256::new_with_prefix(&raw),
            is_eight_bit: !raw.is_ascii(),
            stuffed,
            raw,
        }
    }

    /// As it is.
    pub(super) fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// With leading dots doubled.
    pub(super) fn stuffed(&self) -> &Bytes {
        &self.stuffed
    }

    /// Its size as it is.
    pub(super) fn octets(&self) -> u64 {
        self.raw.len() as u64
    }

    /// What it takes in memory.
    pub(super) fn memory(&self) -> u64 {
        if self.raw.as_ptr() == self.stuffed.as_ptr() {
            self.octets()
        } else {
            self.octets() + self.stuffed.len() as u64
        }
    }

    /// The SHA-256 of it with something behind it.
    pub(super) fn hash_with(&self, tail: &[u8]) -> [u8; 32] {
        self.hash.clone().chain_update(tail).finalize().into()
    }

    pub(super) fn is_eight_bit(&self) -> bool {
        self.is_eight_bit
    }
}

/// Doubles the dots at the beginnings of lines; `None` if there are none.
fn stuff_dots(raw: &[u8]) -> Option<Vec<u8>> {
    let dots: Vec<usize> = raw
        .starts_with(b".")
        .then_some(0)
        .into_iter()
        .chain(memchr::memmem::find_iter(raw, b"\r\n.").map(|at| at + 2))
        .collect();
    if dots.is_empty() {
        return None;
    }
    let mut stuffed = Vec::with_capacity(raw.len() + dots.len());
    let mut from = 0;
    for dot in dots {
        stuffed.extend_from_slice(&raw[from..=dot]);
        from = dot;
    }
    stuffed.extend_from_slice(&raw[from..]);
    Some(stuffed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_doubled_where_a_line_begins_with_one() {
        let prepared = Prepared::new(b".\r\na.b.\r\n..c\r\n\r\n.d\r\n".to_vec());
        assert_eq!(
            &prepared.stuffed()[..],
            b"..\r\na.b.\r\n...c\r\n\r\n..d\r\n"
        );
        assert_eq!(prepared.memory(), 20 + 23);
    }

    #[test]
    fn a_content_without_such_lines_is_kept_once() {
        let prepared = Prepared::new(b"a.\r\nb\r\n".to_vec());
        assert_eq!(prepared.memory(), prepared.octets());
        assert_eq!(prepared.stuffed(), prepared.raw());
    }
}
