//! The header line by which a message says who it is and what it must look like.
//!
//! ```text
//! Prixfixe-Load: run=00000000000000ab message=000000000007 size=0000009862 sha256=9f86d0…
//! ```
//!
//! `size` octets follow the line's own CRLF, and `sha256` is their hash. Servers put trace lines in
//! front of a message and may store lines with LF alone or empty lines behind it; none of that
//! changes what the label says. Anything else is an alteration, a header line in front that is no
//! trace included.

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

/// Looks at a stored message, with trace lines in front of it.
pub fn inspect(message: &[u8]) -> Inspected {
    let Some(found) = find(message) else {
        return Inspected::Unlabelled;
    };
    let label = found.label;
    let hash = match found.line_end {
        LineEnd::CrLf => take(found.behind, label.size).map(Sha256::digest),
        LineEnd::Lf => {
            let restored = with_crlf(found.behind);
            take(&restored, label.size).map(Sha256::digest)
        }
    };
    let has_its_content = hash.is_some_and(|hash| hash[..] == label.hash);
    if has_its_content && is_as_sent(found.in_front, &label, found.line_end) {
        Inspected::Intact(label)
    } else {
        Inspected::Altered(label)
    }
}

/// A label among the header lines.
struct Found<'a> {
    label: Label,
    /// The lines before its own.
    in_front: &'a [u8],
    /// How its own line ends.
    line_end: LineEnd,
    behind: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineEnd {
    CrLf,
    Lf,
}

fn find(message: &[u8]) -> Option<Found<'_>> {
    let mut at = 0;
    loop {
        let (line, line_end, length) = first_line(&message[at..])?;
        if line.is_empty() {
            return None;
        }
        if let Some(label) = Label::parse(line) {
            return Some(Found {
                label,
                in_front: &message[..at],
                line_end,
                behind: &message[at + length..],
            });
        }
        at += length;
    }
}

/// A line without its end, its end, and the length of both.
fn first_line(text: &[u8]) -> Option<(&[u8], LineEnd, usize)> {
    let end = memchr::memchr(b'\n', text)?;
    Some(match text[..end].strip_suffix(b"\r") {
        Some(line) => (line, LineEnd::CrLf, end + 1),
        None => (&text[..end], LineEnd::Lf, end + 1),
    })
}

/// Appends the header field by which other programs tell messages apart, without its CRLF. It stands
/// in front of the label, whose hash does not cover it.
pub(crate) fn write_message_id(run: RunId, number: u64, head: &mut Vec<u8>) {
    // Writing into a vector cannot fail.
    let _ = write!(head, "Message-ID: <{run}.{number:012}@load.example>");
}

/// The header fields that servers put in front of a message, in lower case: the trace of RFC 5321,
/// section 4.4; the results of checks and the signatures that go with it (RFC 8601, section 2.2; RFC
/// 7208, section 9.1; RFC 6376, section 3.5; RFC 8617, section 4.1), which are to stand above all
/// else; and what Postfix and Exim write on delivery. Fields that begin with `X-` are nobody's but
/// the server's.
const TRACE_FIELDS: [&str; 11] = [
    "received",
    "return-path",
    "authentication-results",
    "received-spf",
    "dkim-signature",
    "arc-seal",
    "arc-message-signature",
    "arc-authentication-results",
    "delivered-to",
    "envelope-to",
    "delivery-date",
];

/// Whether the lines in front of a label are its Message-ID, once and as it was sent, and trace
/// lines.
fn is_as_sent(in_front: &[u8], label: &Label, line_end: LineEnd) -> bool {
    let mut message_id = Vec::new();
    write_message_id(label.run, label.number, &mut message_id);
    let mut message_ids = 0;
    let mut follows_trace = false;
    let mut rest = in_front;
    while let Some((line, end, length)) = first_line(rest) {
        rest = &rest[length..];
        if line == message_id && end == line_end {
            message_ids += 1;
            follows_trace = false;
        } else if line.starts_with(b" ") || line.starts_with(b"\t") {
            if !follows_trace {
                return false;
            }
        } else if is_trace(line) {
            follows_trace = true;
        } else {
            return false;
        }
        // Some programs take a CR alone for the end of a line, and what follows for another field.
        if line.contains(&b'\r') {
            return false;
        }
    }
    message_ids == 1
}

fn is_trace(line: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', line) else {
        return false;
    };
    let name = line[..colon].trim_ascii_end();
    let begins_with_x = name.len() > 2 && name[..2].eq_ignore_ascii_case(b"X-");
    begins_with_x
        || TRACE_FIELDS
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

/// The `size` octets, if what is left over is nothing but empty lines.
fn take(rest: &[u8], size: u64) -> Option<&[u8]> {
    let (content, mut left) = rest.split_at_checked(usize::try_from(size).ok()?)?;
    while let Some((line, _, length)) = first_line(left) {
        if !line.is_empty() {
            return None;
        }
        left = &left[length..];
    }
    left.is_empty().then_some(content)
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
        let mut message = Vec::new();
        write_message_id(label.run, label.number, &mut message);
        message.extend_from_slice(b"\r\n");
        label.write_to(&mut message);
        message.extend_from_slice(content);
        (label, message)
    }

    #[test]
    fn a_message_as_it_was_sent_is_intact_whatever_trace_stands_in_front() {
        let (label, message) = labelled(CONTENT);
        assert_eq!(inspect(&message), Inspected::Intact(label));
        for trace in [
            "Received: from a\r\n\tby b\r\n",
            "Return-Path: <a@b.example>\nX-Original-To: c\nDelivered-To: c\n",
            "x-client-addr: 1\r\nReceived-SPF: none\r\nAuthentication-Results: a;\r\n none\r\n",
        ] {
            let traced = [trace.as_bytes(), &message[..]].concat();
            assert_eq!(inspect(&traced), Inspected::Intact(label), "{trace}");
        }
    }

    #[test]
    fn a_line_in_front_that_is_no_trace_is_an_alteration() {
        let (label, message) = labelled(CONTENT);
        let (_, other) = labelled(b"other\r\n");
        let message_id = &other[..=memchr::memchr(b'\n', &other).unwrap()];
        for line in [
            &b"From: attacker@evil.example\r\n"[..],
            b"Content-Type: text/html\r\n",
            b"garbage\r\n",
            b" folded\r\n",
            b"Message-ID: <another@load.example>\r\n",
            b"Received: a\rFrom: attacker@evil.example\r\n",
            b"Receive: a\r\n",
            b"X-: a\r\n",
            message_id,
        ] {
            let text = String::from_utf8_lossy(line);
            let altered = [line, &message[..]].concat();
            assert_eq!(inspect(&altered), Inspected::Altered(label), "{text}");
        }
        let without_id = &message[message_id.len()..];
        assert_eq!(inspect(without_id), Inspected::Altered(label));
    }

    #[test]
    fn what_is_no_empty_line_behind_is_an_alteration() {
        let (label, message) = labelled(CONTENT);
        for (behind, is_intact) in [
            ("\r\n", true),
            ("\n\r\n\n", true),
            ("\r", false),
            ("\r\r\r\n\n\n\r", false),
            ("\r\r\n", false),
            (" \r\n", false),
        ] {
            let expected = if is_intact {
                Inspected::Intact(label)
            } else {
                Inspected::Altered(label)
            };
            let found = inspect(&[&message[..], behind.as_bytes()].concat());
            assert_eq!(found, expected, "{behind:?}");
        }
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
