//! The body of DATA: finding its end and undoing dot-stuffing (RFC 5321 section 4.5.2).
//!
//! Only CRLF "." CRLF ends a body. Whatever else resembles it (a bare LF or CR around the dot,
//! the basis of SMTP smuggling) is content in every mode, and never an end.

use memchr::memchr3;

use crate::{BodyFacts, Limits, Quirks, received::ReceivedCounter};

/// What becomes of a CR or an LF that stands alone in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BareNewline {
    /// The message is refused after its true end.
    #[default]
    Reject,
    /// It becomes CRLF and the message is marked. A run of CRs is one line end, with or without
    /// an LF behind it.
    Normalise,
    /// It is kept and the message is marked.
    Accept,
}

/// Why the receiver itself refuses a body, the gravest reason last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum BodyFault {
    /// A text line above the limit.
    LineTooLong,
    /// A NUL where that is refused.
    Nul,
    /// A CR or LF stands alone where that is refused.
    BareNewline,
    /// So many `Received:` fields that it must be a loop.
    Loop,
    /// Larger than the limit.
    TooBig,
}

/// Takes a body apart without copying it.
#[derive(Debug)]
pub struct Decoder {
    state: DataState,
    bare_newline: BareNewline,
    refuse_nul: bool,
    size_max: u64,
    line_max: usize,
    received_max: u32,
    line_len: usize,
    received: ReceivedCounter,
    facts: BodyFacts,
    fault: Option<BodyFault>,
}

/// Where in CRLF "." CRLF the input stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DataState {
    /// Behind a CRLF, or at the start of the body.
    LineStart,
    /// Behind a dot that began a line: a stuffed dot, or the first octet of the end.
    Dot,
    /// Behind that dot and a CR, which is held back.
    DotCr,
    /// Inside a line.
    Text,
    /// Behind a CR inside a line, which is held back.
    Cr,
    /// The body has ended.
    End,
}

/// A step of decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoded<'i> {
    /// The input is used up.
    NeedInput,
    /// Octets of the body, never empty.
    Bytes(&'i [u8]),
    /// The body has ended.
    End,
}

impl Decoder {
    /// A decoder at the start of a body.
    pub fn new(limits: &Limits, quirks: &Quirks) -> Self {
        Self {
            state: DataState::LineStart,
            bare_newline: quirks.bare_newline,
            refuse_nul: quirks.refuse_nul,
            size_max: limits.message_size,
            line_max: limits.text_line,
            received_max: limits.received_fields,
            line_len: 0,
            received: ReceivedCounter::new(),
            facts: BodyFacts::default(),
            fault: None,
        }
    }

    /// What was noticed so far.
    pub fn facts(&self) -> &BodyFacts {
        &self.facts
    }

    /// The gravest reason to refuse this body so far, if there is one.
    pub fn fault(&self) -> Option<BodyFault> {
        self.fault
    }

    /// Decodes the start of `input`; returns how many octets that used up and what it gave.
    pub fn decode<'i>(&mut self, input: &'i [u8]) -> (usize, Decoded<'i>) {
        let mut at = 0;
        while let Some(&octet) = input.get(at) {
            match (self.state, octet) {
                (DataState::LineStart, b'.') => {
                    self.state = DataState::Dot;
                    at += 1;
                }
                (DataState::Dot, b'\r') => {
                    self.state = DataState::DotCr;
                    at += 1;
                }
                (DataState::DotCr, b'\n') => {
                    self.state = DataState::End;
                    return (at + 1, Decoded::End);
                }
                // The dot was a stuffed one, and the CR behind it is like any other.
                (DataState::DotCr, _) => self.state = DataState::Cr,
                (DataState::Cr, b'\n') => {
                    self.state = DataState::LineStart;
                    self.end_line(2);
                    return (at + 1, self.hand_out(b"\r\n"));
                }
                (DataState::Cr, _) => {
                    self.note_bare_cr();
                    match (self.bare_newline, octet) {
                        // A run of CRs is one line end; the last one is held back.
                        (BareNewline::Normalise, b'\r') => at += 1,
                        (BareNewline::Normalise, _) => {
                            self.state = DataState::Text;
                            self.end_line(2);
                            return (at, self.hand_out(b"\r\n"));
                        }
                        (BareNewline::Reject | BareNewline::Accept, _) => {
                            self.state = DataState::Text;
                            self.grow_line(1);
                            return (at, self.hand_out(b"\r"));
                        }
                    }
                }
                (DataState::LineStart | DataState::Dot | DataState::Text, _) => {
                    let (end, bytes) = self.scan(input, at);
                    at = end;
                    if !bytes.is_empty() {
                        return (at, self.hand_out(bytes));
                    }
                }
                (DataState::End, _) => return (at, Decoded::End),
            }
        }
        (
            at,
            if self.state == DataState::End {
                Decoded::End
            } else {
                Decoded::NeedInput
            },
        )
    }

    /// Takes text from `start` on: as many lines as can be handed out in one piece. Returns where
    /// it stopped and the piece, which is empty if a line end that is held back comes first.
    fn scan<'i>(&mut self, input: &'i [u8], start: usize) -> (usize, &'i [u8]) {
        let (mut line_start, mut at) = (start, start);
        self.state = DataState::Text;
        while let Some(found) = memchr3(b'\r', b'\n', 0, &input[at..]) {
            let found = at + found;
            at = found + 1;
            match (input[found], input.get(at)) {
                (b'\r', Some(b'\n')) => {
                    at += 1;
                    self.end_line(at - line_start);
                    line_start = at;
                    if matches!(input.get(at), None | Some(b'.')) {
                        self.state = DataState::LineStart;
                        return (at, &input[start..at]);
                    }
                }
                (b'\r', next) if next.is_none() || self.bare_newline == BareNewline::Normalise => {
                    self.grow_line(found - line_start);
                    self.state = DataState::Cr;
                    return (at, &input[start..found]);
                }
                (b'\r', _) => self.note_bare_cr(),
                (b'\n', _) => {
                    self.facts.bare_lf = true;
                    match self.bare_newline {
                        BareNewline::Accept => {}
                        BareNewline::Reject => self.refuse(BodyFault::BareNewline),
                        BareNewline::Normalise if found == start => {
                            self.end_line(2);
                            return (at, b"\r\n");
                        }
                        BareNewline::Normalise => {
                            self.grow_line(found - line_start);
                            return (found, &input[start..found]);
                        }
                    }
                }
                _ => {
                    self.facts.nul = true;
                    if self.refuse_nul {
                        self.refuse(BodyFault::Nul);
                    }
                }
            }
        }
        self.grow_line(input.len() - line_start);
        (input.len(), &input[start..])
    }

    fn hand_out<'i>(&mut self, bytes: &'i [u8]) -> Decoded<'i> {
        self.facts.size += bytes.len() as u64;
        if self.facts.size > self.size_max {
            self.refuse(BodyFault::TooBig);
        }
        self.facts.eight_bit = self.facts.eight_bit || !bytes.is_ascii();
        self.facts.received_fields = self.received.feed(bytes);
        if self.facts.received_fields > self.received_max {
            self.refuse(BodyFault::Loop);
        }
        Decoded::Bytes(bytes)
    }

    /// Ends a line of which the last `len` octets, CRLF included, were just seen.
    fn end_line(&mut self, len: usize) {
        self.grow_line(len);
        self.facts.longest_line = self.facts.longest_line.max(self.line_len);
        self.line_len = 0;
    }

    fn grow_line(&mut self, len: usize) {
        self.line_len += len;
        if self.line_len > self.line_max {
            self.refuse(BodyFault::LineTooLong);
        }
    }

    fn note_bare_cr(&mut self) {
        self.facts.bare_cr = true;
        if self.bare_newline == BareNewline::Reject {
            self.refuse(BodyFault::BareNewline);
        }
    }

    /// The gravest fault is the one that is told. The first one would depend on how the input was
    /// cut, since a whole piece is looked at for one fault after the other.
    fn refuse(&mut self, fault: BodyFault) {
        self.fault = self.fault.max(Some(fault));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODES: [BareNewline; 3] = [
        BareNewline::Reject,
        BareNewline::Normalise,
        BareNewline::Accept,
    ];

    fn decoder(bare_newline: BareNewline) -> Decoder {
        Decoder::new(
            &Limits::default(),
            &Quirks {
                bare_newline,
                ..Quirks::default()
            },
        )
    }

    /// What a body came to: its octets, what follows it if it ended, and what was noticed.
    #[derive(Debug, PartialEq)]
    struct Outcome {
        bytes: Vec<u8>,
        rest: Option<usize>,
        bare_cr: bool,
        bare_lf: bool,
        longest_line: usize,
    }

    fn decode(bare_newline: BareNewline, chunks: &[&[u8]]) -> Outcome {
        let mut decoder = decoder(bare_newline);
        let (mut bytes, mut rest) = (Vec::new(), None);
        'chunks: for (number, chunk) in chunks.iter().enumerate() {
            let mut input = *chunk;
            loop {
                let (consumed, decoded) = decoder.decode(input);
                input = &input[consumed..];
                match decoded {
                    Decoded::Bytes(piece) => bytes.extend_from_slice(piece),
                    Decoded::NeedInput => break,
                    Decoded::End => {
                        let later: usize = chunks[number + 1..].iter().map(|c| c.len()).sum();
                        rest = Some(input.len() + later);
                        break 'chunks;
                    }
                }
            }
        }
        let facts = decoder.facts();
        let (bare_cr, bare_lf) = (facts.bare_cr, facts.bare_lf);
        Outcome {
            bytes,
            rest,
            bare_cr,
            bare_lf,
            longest_line: facts.longest_line,
        }
    }

    /// Octet by octet and by the words of the RFC: lines end at CRLF, a line of one dot ends the
    /// body, a dot that begins another line is dropped.
    fn naive(bare_newline: BareNewline, input: &[u8]) -> (Vec<u8>, Option<usize>) {
        let (mut bytes, mut line_start) = (Vec::new(), 0);
        let mut end = None;
        while let Some(len) = input[line_start..]
            .windows(2)
            .position(|pair| pair == b"\r\n")
        {
            let line = &input[line_start..line_start + len + 2];
            line_start += line.len();
            if line == b".\r\n" {
                end = Some(input.len() - line_start);
                break;
            }
            bytes.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        }
        if end.is_none() {
            let tail = &input[line_start..];
            bytes.extend_from_slice(tail.strip_prefix(b".").unwrap_or(tail));
            // What might still become CRLF is not handed out yet.
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        if bare_newline == BareNewline::Normalise {
            bytes = naive_normalise(&bytes, end.is_none() && input.ends_with(b"\r"));
        }
        (bytes, end)
    }

    fn naive_normalise(bytes: &[u8], cr_held_back: bool) -> Vec<u8> {
        let (mut out, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            let run = bytes[at..].iter().take_while(|b| **b == b'\r').count();
            let open_end = at + run == bytes.len() && cr_held_back;
            match (run, bytes.get(at + run)) {
                (0, Some(b'\n')) => {
                    out.extend_from_slice(b"\r\n");
                    at += 1;
                }
                (0, Some(octet)) => {
                    out.push(*octet);
                    at += 1;
                }
                (_, Some(b'\n')) => {
                    out.extend_from_slice(b"\r\n");
                    at += run + 1;
                }
                _ if open_end => at += run,
                _ => {
                    out.extend_from_slice(b"\r\n");
                    at += run;
                }
            }
        }
        out
    }

    #[test]
    fn all_short_strings_agree_with_the_naive_model() {
        let alphabet = [b'\r', b'\n', b'.', b'x'];
        for length in 0..=8_u32 {
            for number in 0..4_usize.pow(length) {
                let input: Vec<u8> = (0..length)
                    .map(|place| alphabet[number >> (2 * place) & 3])
                    .collect();
                for mode in MODES {
                    let whole = decode(mode, &[&input]);
                    let (bytes, rest) = naive(mode, &input);
                    assert_eq!(
                        (&whole.bytes, whole.rest),
                        (&bytes, rest),
                        "{mode:?} {input:?}"
                    );
                    let octets: Vec<&[u8]> = input.chunks(1).collect();
                    assert_eq!(decode(mode, &octets), whole, "{mode:?} {input:?} by octets");
                }
            }
        }
    }

    #[test]
    fn every_split_gives_the_same() {
        let input = b".\r.x\r\n..dot\r\nbare\nlf\rcr\r\r\n\r\n.\r\r\n\n.\r\n\0end\r\n.\r\nNOOP\r\n";
        for mode in MODES {
            let whole = decode(mode, &[input]);
            assert_eq!(whole.rest, Some(6), "{mode:?}");
            for first in 0..input.len() {
                for second in first..input.len() {
                    let chunks = [&input[..first], &input[first..second], &input[second..]];
                    assert_eq!(decode(mode, &chunks), whole, "{mode:?} {first} {second}");
                }
            }
        }
    }

    #[test]
    fn a_sound_body_is_handed_out_in_one_piece() {
        let input = b"Subject: x\r\n\r\none\r\ntwo\r\n.\r\n";
        let mut decoder = decoder(BareNewline::Reject);
        let (consumed, decoded) = decoder.decode(input);
        assert_eq!(decoded, Decoded::Bytes(&input[..input.len() - 3]));
        assert_eq!(decoder.decode(&input[consumed..]), (3, Decoded::End));
        assert_eq!(decoder.fault(), None);
    }

    #[test]
    fn faults() {
        let limits = Limits {
            message_size: 40,
            text_line: 11,
            received_fields: 1,
            ..Limits::default()
        };
        let quirks = Quirks {
            refuse_nul: true,
            ..Quirks::default()
        };
        for (input, fault) in [
            (&b"123456789\r\n..23456789\r\n.\r\n"[..], None),
            (b"1234567890\r\n.\r\n", Some(BodyFault::LineTooLong)),
            (b"1234567890xx", Some(BodyFault::LineTooLong)),
            (b"a\nb\r\n.\r\n", Some(BodyFault::BareNewline)),
            (b"a\rb\r\n.\r\n", Some(BodyFault::BareNewline)),
            (b"a\0b\r\n.\r\n", Some(BodyFault::Nul)),
            (
                b"1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n9\r\n1\r\n2\r\n3\r\n4\r\n5\r\n",
                Some(BodyFault::TooBig),
            ),
            (b"Received:\r\nReceived:\r\n", Some(BodyFault::Loop)),
        ] {
            let mut decoder = Decoder::new(&limits, &quirks);
            let mut rest = input;
            while let (consumed, Decoded::Bytes(_)) = decoder.decode(rest) {
                rest = &rest[consumed..];
            }
            assert_eq!(
                decoder.fault(),
                fault,
                "{:?}",
                String::from_utf8_lossy(input)
            );
        }
    }
}
