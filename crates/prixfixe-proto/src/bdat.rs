//! What BDAT brings about, and what becomes of a chunk that belongs to no body: it is dropped, since
//! its octets are no commands.

use std::time::Instant;

use crate::{
    CloseReason, Protocol, Refusal, Session, Step, TlsMode,
    body_phase::BodyPhase,
    check::{self, Objection},
    chunk::{Chunk, up_to},
    command::{Command, SyntaxError},
    effect,
    line::Framed,
    reply::write,
    state::{Event, State},
};

/// A chunk that is dropped as it comes.
#[derive(Debug)]
pub(crate) struct Discard {
    /// Octets of it that are still to come.
    left: u64,
    /// Octets of it that are still read.
    bound: u64,
    /// What is said behind it.
    objection: Objection,
}

/// Begins a chunk, and with the first one a body.
pub(crate) fn begin(session: &mut Session, chunk: Chunk, now: Instant) -> Option<Step<'static>> {
    if chunk.octets > 0 {
        session.deadline = now + session.config.timeouts.body;
    }
    session.go(Event::Chunk);
    let body_type = session.envelope.as_ref().and_then(|e| e.parameters.body);
    let first = session.body.is_none();
    let phase = match &mut session.body {
        Some(phase) => phase,
        None => session
            .body
            .insert(BodyPhase::chunked(&session.config, body_type)),
    };
    phase.begin_chunk(chunk);
    first.then_some(Step::BodyStart)
}

/// Acknowledges a chunk behind which others follow.
pub(crate) fn end(session: &mut Session, chunk: Chunk, output: &mut Vec<u8>, now: Instant) {
    session.go(Event::ChunkEnd);
    if chunk.octets > 0 {
        session.deadline = now + session.config.timeouts.command;
    }
    write(
        output,
        format_args!("250 2.0.0 {} octets received", chunk.octets),
    );
}

/// Whether this line ends the transaction of a body that waits for its next chunk.
pub(crate) fn gives_up(session: &Session, parsed: &Result<Command, SyntaxError>) -> bool {
    match parsed {
        Ok(Command::Rset | Command::Quit)
        // The octets of a chunk that is refused would be missing in the message.
        | Err(SyntaxError::ChunkEnd(_)) => true,
        // What is refused changes nothing.
        Ok(Command::Helo(_) | Command::Ehlo(_)) => session.config.protocol == Protocol::Smtp,
        Ok(Command::Lhlo(_)) => session.config.protocol == Protocol::Lmtp,
        Ok(Command::StartTls) => session.config.tls == TlsMode::StartTls && !session.secure,
        _ => false,
    }
}

/// Gives up a body that waits for its next chunk; says so unless it was refused before.
pub(crate) fn abort(session: &mut Session) -> Option<Step<'static>> {
    session.envelope = None;
    session.go(Event::BodyEnd);
    let phase = session.body.take()?;
    (!phase.is_refused()).then_some(Step::BodyAborted)
}

/// Refuses a chunk that belongs to no body: the reply comes behind its octets.
pub(crate) fn refuse(session: &mut Session, chunk: Chunk, objection: Objection, now: Instant) {
    if session.state == State::Recipients {
        // What was refused would be missing in the message.
        session.envelope = None;
        session.go(Event::Rset);
    }
    session.chunk_refused &= !chunk.last;
    let limits = &session.config.limits;
    session.discard = Some(Discard {
        left: chunk.octets,
        bound: limits.message_size.saturating_add(limits.drain),
        objection,
    });
    session.deadline = now + session.config.timeouts.body;
}

/// Drops octets of a chunk that was refused; returns how many.
pub(crate) fn discard(
    session: &mut Session,
    input: &[u8],
    output: &mut Vec<u8>,
    now: Instant,
) -> (usize, Option<Step<'static>>) {
    let Some(mut discard) = session.discard.take() else {
        return (0, None);
    };
    let dropped = up_to(input, discard.left.min(discard.bound)).len();
    discard.left -= dropped as u64;
    discard.bound -= dropped as u64;
    let step = if discard.left == 0 {
        session.deadline = now + session.config.timeouts.command;
        effect::object(session, &discard.objection, output);
        None
    } else if discard.bound == 0 {
        let refusal = discard.refusal();
        effect::close(session, CloseReason::EndlessBody, Some(refusal), output);
        None
    } else {
        session.discard = Some(discard);
        Some(Step::NeedInput)
    };
    (dropped, step)
}

impl Discard {
    /// What is said behind the chunk.
    pub(crate) fn refusal(&self) -> &Refusal {
        match &self.objection {
            Objection::Error(refusal)
            | Objection::Refused(refusal)
            | Objection::Enough(_, refusal) => refusal,
        }
    }
}

/// Whether the line that begins here is BDAT and too long to be read, so that nobody knows where
/// the next command is.
pub(crate) fn size_is_lost(framed: &Framed<'_>, line: &[u8]) -> bool {
    const VERB: &[u8] = b"BDAT ";
    let skipped = match framed {
        Framed::TooLong(_) | Framed::Endless => true,
        Framed::Incomplete(used) => *used > 0,
        Framed::Line(..) => false,
    };
    skipped
        && line
            .get(..VERB.len())
            .is_some_and(|verb| verb.eq_ignore_ascii_case(VERB))
}

/// Ends a session whose next command cannot be found.
pub(crate) fn lose(session: &mut Session, output: &mut Vec<u8>) {
    effect::object(
        session,
        &check::objection_to(SyntaxError::ChunkSize),
        output,
    );
}

#[cfg(test)]
mod tests;
