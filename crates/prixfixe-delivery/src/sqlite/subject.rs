//! Finds the `Subject:` of a message, so that a list of messages can show it.

use memchr::memchr;

/// The value of the first `Subject:` header in `start`, the first bytes of a message.
///
/// It is unfolded (RFC 5322, 2.2.3) and otherwise raw: encoded words stay as they are, bytes
/// that are no UTF-8 become U+FFFD, and beyond [`SUBJECT_MAX_BYTES`] it is cut. Only the first
/// [`SEARCHED_MAX_BYTES`] are looked at, and never the body.
pub(crate) fn find_subject(start: &[u8]) -> Option<String> {
    let mut rest = &start[..start.len().min(SEARCHED_MAX_BYTES)];
    loop {
        let (line, after) = split_line(rest);
        if line.is_empty() {
            return None;
        }
        if let Some(value) = value_of_subject(line) {
            return Some(unfold(value, after));
        }
        rest = after;
    }
}

/// The first line without its CRLF or LF, and what follows it.
fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (line, rest) = match memchr(b'\n', bytes) {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[][..]),
    };
    (line.strip_suffix(b"\r").unwrap_or(line), rest)
}

fn value_of_subject(line: &[u8]) -> Option<&[u8]> {
    let (name, value) = line.split_at_checked(NAME.len())?;
    let rest = name
        .eq_ignore_ascii_case(NAME)
        .then_some(value)?
        .trim_ascii_start();
    rest.strip_prefix(b":")
}

fn unfold(value: &[u8], mut rest: &[u8]) -> String {
    let mut unfolded = value.trim_ascii().to_vec();
    while rest
        .first()
        .is_some_and(|byte| matches!(byte, b' ' | b'\t'))
        && unfolded.len() < SUBJECT_MAX_BYTES
    {
        let (line, after) = split_line(rest);
        unfolded.push(b' ');
        unfolded.extend_from_slice(line.trim_ascii());
        rest = after;
    }
    let mut text = String::from_utf8_lossy(&unfolded).into_owned();
    text.truncate(text.floor_char_boundary(SUBJECT_MAX_BYTES));
    text
}

const NAME: &[u8] = b"Subject";
/// Two lines of the 998 bytes that RFC 5322 allows.
const SUBJECT_MAX_BYTES: usize = 2 * 998;
/// Headers in front of the subject seldom pass 8 KiB; this bounds the time on hostile ones.
const SEARCHED_MAX_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &[u8], subject: Option<&str>) {
        assert_eq!(find_subject(message).as_deref(), subject);
    }

    #[test]
    fn subjects_are_found_and_unfolded() {
        check(b"Subject: one\r\n\r\n", Some("one"));
        check(
            b"From: a\r\nsUBJECT :two\r\n\tand more \r\n  still\r\nTo: b\r\n",
            Some("two and more still"),
        );
        check(b"Subject:\n\nbody", Some(""));
        check(
            b"Subject: =?utf-8?q?caf=C3=A9?=",
            Some("=?utf-8?q?caf=C3=A9?="),
        );
        check(b"Subject: caf\xe9\r\n", Some("caf\u{fffd}"));
    }

    #[test]
    fn what_is_no_subject_header_is_passed_over() {
        check(b"", None);
        check(b"Subjective: no\r\n\r\nSubject: in the body\r\n", None);
        check(b"\r\nSubject: in the body\r\n", None);
        check(b"Subj", None);
    }

    #[test]
    fn a_long_subject_is_cut_between_characters() {
        let message = format!("Subject: x{}\r\n", "é".repeat(4000));
        let subject = find_subject(message.as_bytes()).unwrap();
        assert_eq!(subject.len(), 1995);
        let folded = format!("Subject: a\r\n{}", " b\r\n".repeat(4000));
        assert!(find_subject(folded.as_bytes()).unwrap().len() <= SUBJECT_MAX_BYTES);
    }
}
