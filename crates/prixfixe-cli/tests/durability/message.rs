//! The messages that the tests send: made from their number alone, so that whoever finds one in a
//! store can say what it must be.

use std::fmt::Write as _;

/// The bytes of message `number`, which ends in a line end and has no line that begins with a dot.
///
/// A marker stands every few KiB, so that nearly every page of the database has one.
pub(crate) fn bytes(number: u32) -> Vec<u8> {
    let size = size(number);
    let mut text = format!("Subject: {SUBJECT}{number}\r\n\r\n");
    let mut place = 0;
    while text.len() < size {
        // Writing to a string cannot fail.
        let _ = write!(text, "@{number}.{place}@\r\n");
        place += 1;
        let line = &FILLING[(number as usize + place) % 7..];
        while text.len() < size && text.len() % MARKER_DISTANCE < MARKER_DISTANCE - FILLING.len() {
            text.push_str(line);
        }
        text.push_str(line);
    }
    text.into_bytes()
}

/// The number of the message that has this subject.
pub(crate) fn number_in(subject: &str) -> Option<u32> {
    subject.strip_prefix(SUBJECT)?.parse().ok()
}

/// Message numbers and places of all whole markers in some bytes.
pub(crate) fn markers(bytes: &[u8]) -> impl Iterator<Item = (u32, u32)> {
    bytes.split(|byte| *byte == b'@').filter_map(|between| {
        let (number, place) = std::str::from_utf8(between).ok()?.split_once('.')?;
        Some((number.parse().ok()?, place.parse().ok()?))
    })
}

/// Mostly small, some of a few hundred KB that are stored in a few chunks, a few of 3 MiB.
fn size(number: u32) -> usize {
    let number = number as usize;
    if number % 40 == 13 {
        3 << 20
    } else if number % 10 == 7 {
        100_000 + number * 7919 % 500_000
    } else {
        200 + number * 7919 % 9000
    }
}

const SUBJECT: &str = "message ";
const MARKER_DISTANCE: usize = 4096;
const FILLING: &str = "The quick brown fox jumps over the lazy dog, and the dog sleeps on.\r\n";

#[test]
fn markers_are_found_in_their_messages() {
    for number in [0, 7, 13] {
        let bytes = bytes(number);
        assert!(bytes.ends_with(b"\r\n") && !bytes.windows(3).any(|line| line == b"\r\n."));
        let found: Vec<_> = markers(&bytes).collect();
        assert!(found.len() >= bytes.len() / MARKER_DISTANCE);
        assert!(
            (0..)
                .zip(&found)
                .all(|(place, marker)| *marker == (number, place))
        );
    }
}
