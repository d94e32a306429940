//! Counting `Received:` fields, by which a mail loop is seen (RFC 5321 section 6.3).

use memchr::memchr;

const FIELD_NAME: &[u8] = b"received:";

/// Counts the fields while the header passes by in pieces of any size.
#[derive(Debug)]
pub(crate) struct ReceivedCounter {
    place: Place,
    fields: u32,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    /// In a line of the header whose first octets all matched the field name so far.
    Matching(usize),
    /// In a header line that is something else.
    Elsewhere,
    /// Behind a line that holds only a CR so far.
    EmptyLine,
    Body,
}

impl ReceivedCounter {
    pub(crate) fn new() -> Self {
        Self {
            place: Place::Matching(0),
            fields: 0,
        }
    }

    /// Reads on and returns the number of fields so far.
    pub(crate) fn feed(&mut self, mut piece: &[u8]) -> u32 {
        while let (Some((&first, rest)), false) = (piece.split_first(), self.in_body()) {
            (self.place, piece) = match self.place {
                Place::Elsewhere => match memchr(b'\n', piece) {
                    Some(at) => (Place::Matching(0), &piece[at + 1..]),
                    None => return self.fields,
                },
                Place::Matching(0) if first == b'\r' => (Place::EmptyLine, rest),
                Place::Matching(len) if first.eq_ignore_ascii_case(&FIELD_NAME[len]) => {
                    if len + 1 == FIELD_NAME.len() {
                        self.fields = self.fields.saturating_add(1);
                        (Place::Elsewhere, rest)
                    } else {
                        (Place::Matching(len + 1), rest)
                    }
                }
                Place::Matching(0) | Place::EmptyLine if first == b'\n' => (Place::Body, rest),
                // The octet may be the end of this line, so it is looked at once more.
                Place::Matching(_) | Place::EmptyLine => (Place::Elsewhere, piece),
                Place::Body => return self.fields,
            };
        }
        self.fields
    }

    fn in_body(&self) -> bool {
        matches!(self.place, Place::Body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_at_every_split() {
        let message = b"Received: a\r\n Received: folded\r\nRECEIVED:b\r\nReceivedX: c\r\n\
            Rec\r\nX-Received: d\r\nreceived: e\r\n\r\nReceived: in the body\r\n";
        for split in 0..message.len() {
            let mut counter = ReceivedCounter::new();
            counter.feed(&message[..split]);
            assert_eq!(counter.feed(&message[split..]), 3, "split at {split}");
        }
        let mut counter = ReceivedCounter::new();
        let fields = message.iter().map(|b| counter.feed(&[*b])).last();
        assert_eq!(fields, Some(3));
    }

    #[test]
    fn a_message_without_a_header_has_none() {
        assert_eq!(ReceivedCounter::new().feed(b"\r\nReceived: x\r\n"), 0);
        assert_eq!(ReceivedCounter::new().feed(b"\nReceived: x\r\n"), 0);
    }
}
