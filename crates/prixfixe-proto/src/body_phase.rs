//! A body that is coming in, by DATA or by BDAT, until it is answered.

use std::time::Instant;

use crate::{
    BodyType, CloseReason, Config, MessageVerdict, Refusal, Session, Step, bdat,
    body::{Decoded, Decoder},
    check,
    chunk::{Chunk, ChunkReader},
    effect,
    inspect::Inspector,
    session::Pending,
    state::Event,
};

/// A body that is coming in.
#[derive(Debug)]
pub(crate) struct BodyPhase {
    reader: Reader,
    /// The body is refused, and the rest of it is drained.
    refused: bool,
    /// The answer at its end, if it was the application that refused it.
    refusal: Option<Refusal>,
    /// When draining ends, wherever the body is by then.
    drain_until: Option<Instant>,
}

#[derive(Debug)]
enum Reader {
    Data(Decoder),
    Chunks(ChunkReader),
}

impl BodyPhase {
    /// A body of DATA.
    pub(crate) fn dotted(config: &Config) -> Self {
        Self::new(Reader::Data(Decoder::new(&config.limits, &config.quirks)))
    }

    /// A body of BDAT, before its first chunk.
    pub(crate) fn chunked(config: &Config, body: Option<BodyType>) -> Self {
        let reader = ChunkReader::new(&config.limits, config.quirks, body);
        Self::new(Reader::Chunks(reader))
    }

    fn new(reader: Reader) -> Self {
        Self {
            reader,
            refused: false,
            refusal: None,
            drain_until: None,
        }
    }

    pub(crate) fn begin_chunk(&mut self, chunk: Chunk) {
        if let Reader::Chunks(reader) = &mut self.reader {
            reader.begin(chunk);
        }
    }

    pub(crate) fn is_chunked(&self) -> bool {
        matches!(self.reader, Reader::Chunks(_))
    }

    pub(crate) fn is_refused(&self) -> bool {
        self.refused
    }

    /// The first refusal is the one that counts.
    pub(crate) fn refuse(&mut self, refusal: Refusal) {
        if !self.refused {
            self.refused = true;
            self.refusal = Some(refusal);
        }
    }

    /// What a refused body is answered with.
    pub(crate) fn take_refusal(&mut self) -> Refusal {
        let fault = self.inspector().fault();
        let told = self.refusal.take().or(fault.map(check::refusal_of_body));
        told.unwrap_or_else(Refusal::try_later)
    }

    pub(crate) fn inspector(&self) -> &Inspector {
        match &self.reader {
            Reader::Data(decoder) => decoder.inspector(),
            Reader::Chunks(reader) => reader.inspector(),
        }
    }

    fn decode<'i>(&mut self, input: &'i [u8]) -> (usize, Decoded<'i>) {
        match &mut self.reader {
            Reader::Data(decoder) => decoder.decode(input),
            Reader::Chunks(reader) => reader.decode(input),
        }
    }

    /// The present chunk, if others follow it.
    fn chunk_before_others(&self) -> Option<Chunk> {
        match &self.reader {
            Reader::Data(_) => None,
            Reader::Chunks(reader) => Some(reader.chunk()).filter(|chunk| !chunk.last),
        }
    }
}

impl Session {
    pub(crate) fn take_body<'i>(
        &mut self,
        input: &'i [u8],
        output: &mut Vec<u8>,
        now: Instant,
    ) -> (usize, Option<Step<'i>>) {
        let Some(phase) = &mut self.body else {
            // A body phase begins and ends with its state.
            self.go(Event::BodyEnd);
            return (0, None);
        };
        let limits = &self.config.limits;
        if phase.inspector().octets() > limits.message_size.saturating_add(limits.drain) {
            let refusal = phase.take_refusal();
            effect::close(self, CloseReason::EndlessBody, Some(&refusal), output);
            return (0, None);
        }
        let (used, decoded) = phase.decode(input);
        if phase.refused {
            // What is refused is read on for the client's sake, and no longer than for a block.
            let end = now + self.config.timeouts.body;
            self.deadline = *phase.drain_until.get_or_insert(end);
        } else if used > 0 {
            self.deadline = now + self.config.timeouts.body;
        }
        if let (false, Some(fault)) = (phase.refused, phase.inspector().fault()) {
            phase.refused = true;
            return (used, Some(Step::BodyRefused(fault)));
        }
        let more = phase.chunk_before_others();
        let step = match (decoded, phase.refused) {
            (Decoded::NeedInput, _) => Some(Step::NeedInput),
            (Decoded::Bytes(bytes), false) => Some(Step::Body(bytes)),
            (Decoded::Bytes(_), true) => None,
            (Decoded::End, true) => {
                let refused = MessageVerdict::Refuse(phase.take_refusal());
                self.deadline = now + self.config.timeouts.command;
                self.chunk_refused = more.is_some();
                if more.is_some() {
                    // A chunk is answered once; only the last one for each recipient.
                    self.recipients = 1;
                }
                effect::end_message(self, &refused, output);
                None
            }
            (Decoded::End, false) => match more {
                Some(chunk) => {
                    bdat::end(self, chunk, output, now);
                    None
                }
                None => {
                    self.ask(Pending::Message, now);
                    Some(Step::BodyEnd)
                }
            },
        };
        (used, step)
    }
}
