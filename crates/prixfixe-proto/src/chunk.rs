//! The chunks of BDAT (RFC 3030): their octets are counted, and nothing in them ends anything.

use memchr::memchr3;

use crate::{
    BodyType, Limits, Quirks,
    body::Decoded,
    command::{Command, SyntaxError},
    inspect::Inspector,
};

/// The arguments of BDAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Octets that follow the command.
    pub octets: u64,
    /// They end the message.
    pub last: bool,
}

/// Takes the chunks of one body as they come, without copying them. CR, LF, NUL and dots are
/// content and nothing else.
#[derive(Debug)]
pub(crate) struct ChunkReader {
    inspector: Inspector,
    chunk: Chunk,
    /// Octets of the chunk that are still to come.
    left: u64,
    /// The octet before was a CR.
    after_cr: bool,
}

impl Chunk {
    /// `chunk-size [SP "LAST"]`. Digits are taken however many there are, but no sign.
    pub(crate) fn parse(argument: &[u8]) -> Result<Self, SyntaxError> {
        let mut words = argument.split(|b| *b == b' ').filter(|w| !w.is_empty());
        let size = words.next().and_then(chunk_size);
        let octets = size.ok_or(SyntaxError::ChunkSize)?;
        match (words.next(), words.next()) {
            (None, _) => Ok(Self {
                octets,
                last: false,
            }),
            (Some(word), None) if word.eq_ignore_ascii_case(b"LAST") => {
                Ok(Self { octets, last: true })
            }
            _ => Err(SyntaxError::ChunkEnd(octets)),
        }
    }

    /// The chunk that follows a line, whether the command is carried out or not.
    pub(crate) fn behind(parsed: &Result<Command, SyntaxError>) -> Option<Self> {
        match parsed {
            Ok(Command::Bdat(chunk)) => Some(*chunk),
            Err(SyntaxError::ChunkEnd(octets)) => Some(Self {
                octets: *octets,
                last: false,
            }),
            _ => None,
        }
    }
}

fn chunk_size(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    // `parse` would take a plus sign.
    let plain = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

impl ChunkReader {
    /// A reader at the start of a body of this type.
    pub(crate) fn new(limits: &Limits, quirks: Quirks, body: Option<BodyType>) -> Self {
        let binary = body == Some(BodyType::BinaryMime);
        let mut inspector = Inspector::new(limits, quirks.refuse_nul && !binary);
        if binary {
            // What is not text has no lines.
            inspector.line_max = usize::MAX;
        }
        Self {
            inspector,
            chunk: Chunk {
                octets: 0,
                last: false,
            },
            left: 0,
            after_cr: false,
        }
    }

    /// Begins the next chunk. One that would make the body too big is refused for its announced
    /// size, before it has come.
    pub(crate) fn begin(&mut self, chunk: Chunk) {
        self.chunk = chunk;
        self.left = chunk.octets;
        self.inspector.announce(chunk.octets);
    }

    /// The chunk that is coming in, or the last one that did.
    pub(crate) fn chunk(&self) -> Chunk {
        self.chunk
    }

    pub(crate) fn inspector(&self) -> &Inspector {
        &self.inspector
    }

    /// Takes the start of `input`; returns how many octets that used up and what it gave. The end
    /// is that of the chunk.
    pub(crate) fn decode<'i>(&mut self, input: &'i [u8]) -> (usize, Decoded<'i>) {
        let bytes = up_to(input, self.left);
        if !bytes.is_empty() {
            self.left -= bytes.len() as u64;
            self.inspect(bytes);
            return (bytes.len(), Decoded::Bytes(bytes));
        }
        if self.left > 0 {
            return (0, Decoded::NeedInput);
        }
        if self.chunk.last {
            // The last line need not have an end.
            self.inspector.facts.bare_cr |= std::mem::take(&mut self.after_cr);
            self.inspector.end_line(0);
        }
        (0, Decoded::End)
    }

    /// Notes what is in these octets. A CR at their end waits for what follows, even if that is
    /// in the next chunk.
    fn inspect(&mut self, bytes: &[u8]) {
        let (mut line_start, mut at) = (0, 0);
        let inspector = &mut self.inspector;
        inspector.facts.bare_cr |= self.after_cr && bytes.first() != Some(&b'\n');
        while let Some(found) = memchr3(b'\r', b'\n', 0, &bytes[at..]) {
            let found = at + found;
            at = found + 1;
            match (bytes[found], bytes.get(at)) {
                (b'\n', _) => {
                    let after_cr = match found.checked_sub(1) {
                        Some(before) => bytes[before] == b'\r',
                        None => self.after_cr,
                    };
                    inspector.facts.bare_lf |= !after_cr;
                    inspector.end_line(at - line_start);
                    line_start = at;
                }
                (b'\r', next) => inspector.facts.bare_cr |= next.is_some_and(|b| *b != b'\n'),
                _ => inspector.note_nul(),
            }
        }
        inspector.grow_line(bytes.len() - line_start);
        inspector.hand_out(bytes);
        self.after_cr = bytes.last() == Some(&b'\r');
    }
}

/// The part of `input` that is within the next `octets`.
pub(crate) fn up_to(input: &[u8], octets: u64) -> &[u8] {
    let octets = usize::try_from(octets).unwrap_or(usize::MAX);
    &input[..octets.min(input.len())]
}

#[cfg(test)]
mod tests;
