//! The header line by which a message says who it is and what it must look like.
//!
//! ```text
//! Prixfixe-Load: run=00000000000000ab message=000000000007 size=0000009862 sha256=9f86d0…
//! ```
//!
//! `size` octets follow the line's own CRLF, and `sha256` is their hash. Servers put trace lines in
//! front of a message and may store lines with LF alone or an empty line behind it; none of that
//! changes what the label says. Anything else that changes it is an alteration.

use std::io::Write;

use memchr::memmem;
use sha2::{Digest, Sha256};

use crate::run_id::RunId;

/// Who a message is, and what must follow its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// The run that sent it.
    pub run: RunId,
    /// Its number within the run, from 0; at most [`Label::MOST_NUMBER`].
    pub number: u64,
    /// How many octets follow.
    pub size: u64,
    /// Their SHA-256.
    pub hash: [u8; 32],
}

impl Label {
    /// The highest number: twelve digits, so that all labels of a size are equally long.
    pub const MOST_NUMBER: u64 = 999_999_999_999;

    /// How long its line is with its CRLF, in octets, for a size of at most ten digits.
    pub const LENGTH: usize = 146;

    /// The name of the header line.
    pub const NAME: &'static str = "Prixfixe-Load";

    /// Appends the header line with its CRLF, without allocating where `line` has room. It is
    /// [`Label::LENGTH`] octets long.
    pub fn write_to(&self, line: &mut Vec<u8>) {
        // Writing into a vector cannot fail.
        let _ = write!(
            line,
            "{}: run={} message={:012} size={:010} sha256=",
            Self::NAME,
            self.run,
            self.number,
            self.size
        );
        for octet in self.hash {
            line.push(HEXADECIMAL[usize::from(octet >> 4)]);
            line.push(HEXADECIMAL[usize::from(octet & 0xf)]);
        }
        line.extend_from_slice(b"\r\n");
    }

    fn parse(line: &[u8]) -> Option<Self> {
        let value = line
            .strip_prefix(Self::NAME.as_bytes())?
            .strip_prefix(b":")?;
        let mut words = std::str::from_utf8(value).ok()?.split_ascii_whitespace();
        let mut field = |name: &str| words.next()?.strip_prefix(name)?.strip_prefix('=');
        let label = Self {
            run: field("run")?.parse().ok()?,
            number: field("message")?.parse().ok()?,
            size: field("size")?.parse().ok()?,
            hash: hash_from_text(field("sha256")?)?,
        };
        words.next().is_none().then_some(label)
    }
}

const HEXADECIMAL: &[u8; 16] = b"0123456789abcdef";

fn hash_from_text(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    let mut hash = [0; 32];
    if digits.len() != 2 * hash.len() {
        return None;
    }
    let digit = |octet: u8| HEXADECIMAL.iter().position(|known| *known == octet);
    for (octet, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *octet = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
    }
    Some(hash)
}

/// What a stored message turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inspected {
    /// It has no label: it is of somebody else, or its label was destroyed.
    Unlabelled,
    /// Its octets are those that were sent.
    Intact(Label),
    /// They are not.
    Altered(Label),
}

/// Looks at a stored message, with whatever trace lines in front of it.
pub fn inspect(message: &[u8]) -> Inspected {
    let Some((label, rest, line_end)) = find(message) else {
        return Inspected::Unlabelled;
    };
    let hash = match line_end {
        LineEnd::CrLf => take(rest, label.size).map(Sha256::digest),
        LineEnd::Lf => {
            let restored = with_crlf(rest);
            take(&restored, label.size).map(Sha256::digest)
        }
    };
    if hash.is_some_and(|hash| hash[..] == label.hash) {
        Inspected::Intact(label)
    } else {
        Inspected::Altered(label)
    }
}

enum LineEnd {
    CrLf,
    Lf,
}

/// The label among the header lines, and what follows it.
fn find(message: &[u8]) -> Option<(Label, &[u8], LineEnd)> {
    let mut rest = message;
    loop {
        let end = memchr::memchr(b'\n', rest)?;
        let (line, line_end) = match rest[..end].strip_suffix(b"\r") {
            Some(line) => (line, LineEnd::CrLf),
            None => (&rest[..end], LineEnd::Lf),
        };
        rest = &rest[end + 1..];
        if line.is_empty() {
            return None;
        }
        if let Some(label) = Label::parse(line) {
            return Some((label, rest, line_end));
        }
    }
}

/// The `size` octets, if what is left over is nothing but the end of a line.
fn take(rest: &[u8], size: u64) -> Option<&[u8]> {
    let (content, left) = rest.split_at_checked(usize::try_from(size).ok()?)?;
    left.iter()
        .all(|octet| matches!(octet, b'\r' | b'\n'))
        .then_some(content)
}

fn with_crlf(lines: &[u8]) -> Vec<u8> {
    let ends = memmem::find_iter(lines, b"\n").count();
    let mut restored = Vec::with_capacity(lines.len() + ends);
    for line in lines.split_inclusive(|octet| *octet == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(line) => {
                restored.extend_from_slice(line);
                restored.extend_from_slice(b"\r\n");
            }
            None => restored.extend_from_slice(line),
        }
    }
    restored
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    const CONTENT: &[u8] = b"Subject: x\r\n\r\n.one\r\ntwo\r\n";

    fn labelled(content: &[u8]) -> (Label, Vec<u8>) {
        let label = Label {
            run: RunId::from_seed(1),
            number: 7,
            size: content.len() as u64,
            hash: Sha256::digest(content).into(),
        };
        let mut message = b"Message-ID: <7@x>\r\n".to_vec();
        label.write_to(&mut message);
        message.extend_from_slice(content);
        (label, message)
    }

    #[test]
    fn a_message_as_it_was_sent_is_intact_whatever_stands_in_front() {
        let (label, message) = labelled(CONTENT);
        assert_eq!(inspect(&message), Inspected::Intact(label));
        let traced = [b"Received: from a\r\n\tby b\r\n", &message[..]].concat();
        assert_eq!(inspect(&traced), Inspected::Intact(label));
    }

    #[test]
    fn line_ends_of_a_mailbox_and_an_empty_line_behind_it_change_nothing() {
        let (label, message) = labelled(CONTENT);
        let text = String::from_utf8(message).unwrap().replace("\r\n", "\n") + "\n";
        assert_eq!(inspect(text.as_bytes()), Inspected::Intact(label));
    }

    #[test]
    fn all_labels_are_equally_long() {
        for (number, size) in [(0, 0), (Label::MOST_NUMBER, 1 << 30)] {
            let label = Label {
                run: RunId::from_seed(number),
                number,
                size,
                hash: [0xff; 32],
            };
            let mut line = Vec::new();
            label.write_to(&mut line);
            assert_eq!(line.len(), Label::LENGTH);
            assert_eq!(Label::parse(line.trim_ascii_end()), Some(label));
        }
    }

    #[test]
    fn every_octet_counts() {
        let (label, message) = labelled(CONTENT);
        let start = message.len() - CONTENT.len();
        for at in start..message.len() {
            let mut altered = message.clone();
            altered[at] ^= 0x20;
            assert_eq!(inspect(&altered), Inspected::Altered(label), "octet {at}");
            let mut cut = message.clone();
            cut.remove(at);
            assert_eq!(
                inspect(&cut),
                Inspected::Altered(label),
                "without octet {at}"
            );
        }
        let longer = [&message[..], b"."].concat();
        assert_eq!(inspect(&longer), Inspected::Altered(label));
    }

    #[test]
    fn a_label_in_a_body_is_none() {
        let (_, message) = labelled(CONTENT);
        let quoted = [b"Subject: look\r\n\r\n", &message[..]].concat();
        assert_eq!(inspect(&quoted), Inspected::Unlabelled);
        assert_eq!(inspect(b""), Inspected::Unlabelled);
    }

    #[test]
    fn a_damaged_label_is_none() {
        let (_, message) = labelled(CONTENT);
        let text = String::from_utf8(message).unwrap();
        for (from, to) in [
            ("run=0", "run=g"),
            ("size=0", "size=-"),
            ("sha256=", "sha255="),
        ] {
            let damaged = text.replacen(from, to, 1);
            assert_eq!(inspect(damaged.as_bytes()), Inspected::Unlabelled, "{to}");
        }
    }
}
