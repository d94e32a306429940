//! One message: MAIL, RCPT, and DATA or BDAT.

use std::io::Write;
use std::time::Instant;

use super::connection::{Connection, State};
use super::course::Course;
use super::fault::Fault;
use crate::contents::Message;
use crate::failure::{Failure, FailureKind};
use crate::ledger::Answer;
use crate::stage::Stage;

/// How many chunks are sent ahead of their replies: those replies fit a socket's buffer, so a
/// server that answers before it reads on never blocks while we do.
const MOST_CHUNKS_AHEAD: usize = 64;

/// Why a message was not delivered.
#[derive(Debug)]
pub(crate) enum Undelivered {
    /// The connection carried messages before, and the server had ended it in between: nobody's
    /// failure if a new one carries this one.
    Stale(Failure),
    /// The message failed.
    Failed(Failure),
}

impl From<Failure> for Undelivered {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Connection {
    /// Says MAIL and takes it back: whether mail would be taken on these terms, without sending any.
    pub async fn ask(&mut self) -> Result<(), Failure> {
        let terms = self.terms.clone();
        let mail = self.exchange(&terms.commands.mail, Instant::now(), Stage::Mail);
        match mail.await? {
            250 => {
                let reset = self.exchange(b"RSET\r\n", Instant::now(), Stage::Mail);
                reset.await.map(|_| ())
            }
            code => Err(self.unwelcome(code, Stage::Mail)),
        }
    }

    /// Sends a message to all its recipients, or fails: one that is refused fails the message, and
    /// nobody gets it. How far it came, and what each step took, is in `course`. After a failure,
    /// [`Connection::recover`] says whether another message can follow.
    pub async fn deliver(
        &mut self,
        message: &Message<'_>,
        course: &mut Course,
    ) -> Result<(), Failure> {
        self.attempt(message, course)
            .await
            .map_err(|undelivered| match undelivered {
                Undelivered::Stale(failure) | Undelivered::Failed(failure) => failure,
            })
    }

    /// The same, which tells apart a connection that the server had ended before.
    pub(crate) async fn attempt(
        &mut self,
        message: &Message<'_>,
        course: &mut Course,
    ) -> Result<(), Undelivered> {
        let reused = std::mem::replace(&mut self.used, true);
        course.begin_message();
        let start = Instant::now();
        let pipelining = self.terms.pipelining && self.offers.pipelining;
        if let Err(failure) = self.nothing_unasked(Stage::Mail).await {
            return Err(if reused && failure.kind == FailureKind::Transient(421) {
                Undelivered::Stale(failure)
            } else {
                Undelivered::Failed(failure)
            });
        }
        let mail = self.mail(message, pipelining, start).await;
        let code = match mail {
            Ok(code) => code,
            Err(fault) => {
                self.state = State::Broken;
                let stale = reused && fault.is_end();
                let failure = fault.at(Stage::Mail);
                return Err(if stale {
                    Undelivered::Stale(failure)
                } else {
                    Undelivered::Failed(failure)
                });
            }
        };
        if code == 421 && reused {
            return Err(Undelivered::Stale(self.unwelcome(code, Stage::Mail)));
        }
        let delivered = if pipelining {
            self.pipelined(code, message, start, course).await
        } else {
            self.in_turn(code, message, start, course).await
        };
        if delivered.is_ok() {
            course.took(Stage::Total, start.elapsed());
        }
        Ok(delivered?)
    }

    /// Sends MAIL, with PIPELINING all of the envelope, and reads the first reply.
    async fn mail(
        &mut self,
        message: &Message<'_>,
        pipelining: bool,
        start: Instant,
    ) -> Result<u16, Fault> {
        let commands = &self.terms.commands;
        let mail = if message.eight_bit && self.offers.eight_bit {
            &commands.mail_eight_bit[..]
        } else {
            &commands.mail[..]
        };
        let patience = self.terms.timeouts.command;
        if pipelining {
            let data: &[u8] = match self.terms.chunk {
                None => b"DATA\r\n",
                Some(_) => b"",
            };
            let recipients = commands.recipients.all_of(message.number);
            let pieces = [mail, recipients, data];
            self.wire.write(pieces, start, patience).await?;
        } else {
            self.wire.write([mail], start, patience).await?;
        }
        self.wire.reply(start + patience).await
    }

    /// Each command waits for the reply to the one before.
    async fn in_turn(
        &mut self,
        mail: u16,
        message: &Message<'_>,
        start: Instant,
        course: &mut Course,
    ) -> Result<(), Failure> {
        if mail != 250 {
            return Err(self.unwelcome(mail, Stage::Mail));
        }
        self.state = State::Open;
        let mut now = course.done(start);
        course.enter(Stage::Rcpt);
        let begun = now;
        let terms = self.terms.clone();
        for recipient in terms.commands.recipients.of(message.number) {
            let code = self.exchange(recipient, now, Stage::Rcpt).await?;
            if !matches!(code, 250 | 251) {
                return Err(self.unwelcome(code, Stage::Rcpt));
            }
            now = Instant::now();
        }
        course.took(Stage::Rcpt, now - begun);
        if let Some(chunk) = self.terms.chunk {
            return self.chunks(message, chunk, 1, now, course).await;
        }
        course.enter(Stage::DataStart);
        let code = self.exchange(b"DATA\r\n", now, Stage::DataStart).await?;
        if code != 354 {
            return Err(self.unwelcome(code, Stage::DataStart));
        }
        let now = course.done(now);
        self.body(message, now, course).await
    }

    /// All commands are sent; their replies come in order (RFC 2920, section 3.1).
    async fn pipelined(
        &mut self,
        mail: u16,
        message: &Message<'_>,
        start: Instant,
        course: &mut Course,
    ) -> Result<(), Failure> {
        let mut refused = None;
        let mut now = start;
        // What became of the commands behind a refused one is not worth guessing: RSET is right.
        self.state = State::Open;
        if mail == 250 {
            now = course.done(start);
        } else {
            refused = Some(self.unwelcome(mail, Stage::Mail));
        }
        course.enter(Stage::Rcpt);
        let begun = now;
        let recipients = self.terms.commands.recipients.each();
        let mut taken = 0;
        for _ in 0..recipients {
            let code = self.next_reply(Stage::Rcpt, refused.as_ref()).await?;
            if matches!(code, 250 | 251) {
                taken += 1;
            } else if refused.is_none() {
                refused = Some(self.unwelcome(code, Stage::Rcpt));
            }
        }
        now = Instant::now();
        if refused.is_none() {
            course.took(Stage::Rcpt, now - begun);
        }
        if let Some(chunk) = self.terms.chunk {
            return match refused {
                Some(failure) => Err(failure),
                None => {
                    self.chunks(message, chunk, MOST_CHUNKS_AHEAD, now, course)
                        .await
                }
            };
        }
        course.enter(Stage::DataStart);
        let code = self.next_reply(Stage::DataStart, refused.as_ref()).await?;
        match (code, refused) {
            (354, None) => {
                now = course.done(now);
                self.body(message, now, course).await
            }
            (code, None) => Err(self.unwelcome(code, Stage::DataStart)),
            (354, Some(failure)) => {
                self.empty_body(taken).await;
                course.enter(failure.stage);
                Err(failure)
            }
            (_, Some(failure)) => {
                course.enter(failure.stage);
                Err(failure)
            }
        }
    }

    /// A 354 though not all of the envelope was taken. Without any recipient a lone dot ends it (RFC
    /// 2920, section 3.1); with some, only the end of the connection keeps the message from them.
    async fn empty_body(&mut self, taken: usize) {
        let patience = self.terms.timeouts.command;
        self.state = State::Broken;
        if taken > 0 {
            return;
        }
        let now = Instant::now();
        if self.wire.write([b".\r\n"], now, patience).await.is_err() {
            return;
        }
        let reply = self.wire.reply(now + self.terms.timeouts.data_end).await;
        if matches!(reply, Ok(code) if code != 421) {
            self.state = State::Open;
        }
    }

    /// The message in DATA: what is left of it, the dot, and the reply.
    async fn body(
        &mut self,
        message: &Message<'_>,
        start: Instant,
        course: &mut Course,
    ) -> Result<(), Failure> {
        course.enter(Stage::DataEnd);
        self.nothing_unasked(Stage::DataEnd).await?;
        let pieces = [message.head, message.body, message.tail, b".\r\n"];
        let patience = self.terms.timeouts.command;
        if let Err(fault) = self.wire.write(pieces, start, patience).await {
            return Err(self.broken(fault, Stage::DataEnd));
        }
        course.answered(Answer::Unknown);
        let code = self.end_reply(course).await?;
        self.verdict(code, start, course)
    }

    /// The message in chunks (RFC 3030, section 2), `ahead` of which wait for their replies. The last
    /// one goes when all others are answered: else a reply too many to one of them would pass for the
    /// answer to the message.
    async fn chunks(
        &mut self,
        message: &Message<'_>,
        chunk: usize,
        ahead: usize,
        start: Instant,
        course: &mut Course,
    ) -> Result<(), Failure> {
        course.enter(Stage::DataEnd);
        let patience = self.terms.timeouts.command;
        let pieces = [message.head, message.raw, message.tail];
        let mut left: usize = pieces.iter().map(|piece| piece.len()).sum();
        let mut from = 0;
        let mut outstanding = 0;
        let mut refused = None;
        let mut now = start;
        while left > 0 && refused.is_none() {
            let length = left.min(chunk);
            if length == left {
                refused = self.chunk_replies(&mut outstanding, 0).await?;
                if refused.is_some() {
                    break;
                }
            }
            if outstanding == 0 {
                self.nothing_unasked(Stage::DataEnd).await?;
            }
            left -= length;
            let mut command = [0; MOST_BDAT];
            let command = bdat(&mut command, length, left == 0);
            let [head, body, tail] = cut(pieces, from, length);
            from += length;
            let written = self.wire.write([command, head, body, tail], now, patience);
            if let Err(fault) = written.await {
                return Err(self.broken(fault, Stage::DataEnd));
            }
            now = Instant::now();
            if left == 0 {
                course.answered(Answer::Unknown);
                break;
            }
            outstanding += 1;
            refused = self.chunk_replies(&mut outstanding, ahead - 1).await?;
        }
        if let Some(failure) = refused {
            // Nothing was sent that ends the message.
            let _ = self.chunk_replies(&mut outstanding, 0).await;
            return Err(failure);
        }
        let code = self.end_reply(course).await?;
        self.verdict(code, start, course)
    }

    /// Reads replies to chunks until no more than `most` are outstanding; the first one that refuses
    /// its chunk.
    async fn chunk_replies(
        &mut self,
        outstanding: &mut usize,
        most: usize,
    ) -> Result<Option<Failure>, Failure> {
        let mut refused = None;
        while *outstanding > most {
            let code = self.next_reply(Stage::DataEnd, refused.as_ref()).await?;
            *outstanding -= 1;
            if code != 250 && refused.is_none() {
                refused = Some(self.unwelcome(code, Stage::DataEnd));
            }
        }
        Ok(refused)
    }

    /// The reply to the end of the message.
    async fn end_reply(&mut self, course: &mut Course) -> Result<u16, Failure> {
        let deadline = Instant::now() + self.terms.timeouts.data_end;
        let reply = self.wire.reply(deadline).await;
        let code = reply.map_err(|fault| self.broken(fault, Stage::DataEnd))?;
        course.answered(match code {
            250 => Answer::Accepted,
            400..=599 => Answer::Refused,
            _ => Answer::Unknown,
        });
        Ok(code)
    }

    fn verdict(&mut self, code: u16, start: Instant, course: &mut Course) -> Result<(), Failure> {
        // Whatever it says, the transaction is over (RFC 5321, section 4.1.1.4).
        self.state = State::Ready;
        if code != 250 {
            return Err(self.unwelcome(code, Stage::DataEnd));
        }
        course.done(start);
        Ok(())
    }

    async fn exchange(
        &mut self,
        command: &[u8],
        now: Instant,
        stage: Stage,
    ) -> Result<u16, Failure> {
        self.nothing_unasked(stage).await?;
        let patience = self.terms.timeouts.command;
        if let Err(fault) = self.wire.write([command], now, patience).await {
            return Err(self.broken(fault, stage));
        }
        let reply = self.wire.reply(now + patience).await;
        reply.map_err(|fault| self.broken(fault, stage))
    }

    /// The next one of several replies. If it does not come, that is told only if nothing went wrong
    /// before.
    async fn next_reply(&mut self, stage: Stage, before: Option<&Failure>) -> Result<u16, Failure> {
        let deadline = Instant::now() + self.terms.timeouts.command;
        let reply = self.wire.reply(deadline).await;
        reply.map_err(|fault| {
            let failure = self.broken(fault, stage);
            before.cloned().unwrap_or(failure)
        })
    }

    fn broken(&mut self, fault: Fault, stage: Stage) -> Failure {
        self.state = State::Broken;
        fault.at(stage)
    }
}

/// The longest BDAT command in octets, with a number of twenty digits.
const MOST_BDAT: usize = 5 + 20 + 5 + 2;

fn bdat(command: &mut [u8; MOST_BDAT], length: usize, last: bool) -> &[u8] {
    let mut rest = &mut command[..];
    // There is room for the longest.
    let _ = write!(rest, "BDAT {length}{}\r\n", if last { " LAST" } else { "" });
    let unused = rest.len();
    &command[..MOST_BDAT - unused]
}

/// What lies between two positions of pieces that follow each other.
fn cut(pieces: [&[u8]; 3], from: usize, length: usize) -> [&[u8]; 3] {
    let mut start = 0;
    pieces.map(|piece| {
        let first = from.saturating_sub(start).min(piece.len());
        let end = (from + length).saturating_sub(start).min(piece.len());
        start += piece.len();
        &piece[first..end]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_of_any_size_are_the_message() {
        let pieces: [&[u8]; 3] = [b"head", b"the body", b"end"];
        let whole = pieces.concat();
        for chunk in 1..=whole.len() {
            let mut sent = Vec::new();
            for from in (0..whole.len()).step_by(chunk) {
                let length = chunk.min(whole.len() - from);
                let cut = cut(pieces, from, length).concat();
                assert_eq!(cut.len(), length);
                sent.extend(cut);
            }
            assert_eq!(sent, whole, "chunks of {chunk}");
        }
    }

    #[test]
    fn the_longest_chunk_has_a_command() {
        let mut command = [0; MOST_BDAT];
        assert_eq!(bdat(&mut command, 5, false), b"BDAT 5\r\n");
        let longest = bdat(&mut command, usize::MAX, true);
        assert_eq!(longest, b"BDAT 18446744073709551615 LAST\r\n");
    }
}
