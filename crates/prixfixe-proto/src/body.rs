//! The body of DATA: finding its end and undoing dot-stuffing (RFC 5321 section 4.5.2).
//!
//! Only CRLF "." CRLF ends a body. Whatever else resembles it (a bare LF or CR around the dot,
//! the basis of SMTP smuggling) is content in every mode, and never an end.

use memchr::memchr3;

use crate::{BodyFacts, Limits, Quirks, inspect::Inspector};

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
    inspector: Inspector,
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
            inspector: Inspector::new(limits, quirks.refuse_nul),
        }
    }

    /// What was noticed so far.
    pub fn facts(&self) -> &BodyFacts {
        &self.inspector.facts
    }

    /// The gravest reason to refuse this body so far, if there is one.
    pub fn fault(&self) -> Option<BodyFault> {
        self.inspector.fault()
    }

    pub(crate) fn inspector(&self) -> &Inspector {
        &self.inspector
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
                    self.inspector.end_line(2);
                    return (at + 1, self.hand_out(b"\r\n"));
                }
                (DataState::Cr, _) => {
                    self.note_bare_cr();
                    match (self.bare_newline, octet) {
                        // A run of CRs is one line end; the last one is held back.
                        (BareNewline::Normalise, b'\r') => {
                            at += 1;
                            self.inspector.swallow();
                        }
                        (BareNewline::Normalise, _) => {
                            self.state = DataState::Text;
                            self.inspector.end_line(2);
                            return (at, self.hand_out(b"\r\n"));
                        }
                        (BareNewline::Reject | BareNewline::Accept, _) => {
                            self.state = DataState::Text;
                            self.inspector.grow_line(1);
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
                    self.inspector.end_line(at - line_start);
                    line_start = at;
                    if matches!(input.get(at), None | Some(b'.')) {
                        self.state = DataState::LineStart;
                        return (at, &input[start..at]);
                    }
                }
                (b'\r', next) if next.is_none() || self.bare_newline == BareNewline::Normalise => {
                    self.inspector.grow_line(found - line_start);
                    self.state = DataState::Cr;
                    return (at, &input[start..found]);
                }
                (b'\r', _) => self.note_bare_cr(),
                (b'\n', _) => {
                    self.inspector.facts.bare_lf = true;
                    match self.bare_newline {
                        BareNewline::Accept => {
                            // It ends no line of SMTP, but one of the text, whose length counts.
                            self.inspector.end_line(at - line_start);
                            line_start = at;
                        }
                        BareNewline::Reject => self.inspector.refuse(BodyFault::BareNewline),
                        BareNewline::Normalise if found == start => {
                            self.inspector.end_line(2);
                            return (at, b"\r\n");
                        }
                        BareNewline::Normalise => {
                            self.inspector.grow_line(found - line_start);
                            return (found, &input[start..found]);
                        }
                    }
                }
                _ => {
                    self.inspector.note_nul();
                }
            }
        }
        self.inspector.grow_line(input.len() - line_start);
        (input.len(), &input[start..])
    }

    fn hand_out<'i>(&mut self, bytes: &'i [u8]) -> Decoded<'i> {
        self.inspector.hand_out(bytes);
        Decoded::Bytes(bytes)
    }

    fn note_bare_cr(&mut self) {
        self.inspector.facts.bare_cr = true;
        if self.bare_newline == BareNewline::Reject {
            self.inspector.refuse(BodyFault::BareNewline);
        }
    }
}

#[cfg(test)]
mod tests;
