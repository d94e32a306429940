//! The session machine: what a driver calls, and in which order things happen.

mod view;

use std::{sync::Arc, time::Instant};

use crate::{
    AuthMessage, AuthVerdict, CloseReason, Config, DateTime, Envelope, Expiry, HeloName,
    MessageVerdict, Misuse, Progress, Recipient, Refusal, SessionFacts, Stage, Step, TlsMode,
    Verdict, Xclient,
    bdat::{self, Discard},
    body_phase::BodyPhase,
    check,
    chunk::Chunk,
    command, effect,
    exchange::{self, Exchange},
    line::{AUTH_LINE_MAX, Framed, Framer},
    state::{Event, State},
    xclient,
};

/// One SMTP session, from the banner to the end of the connection.
///
/// The driver keeps an input and an output buffer and loops over [`process`](Self::process):
///
/// * [`Step::Ask`]: it puts [`question`](Self::question) to the application and hands the verdict
///   to [`answer`](Self::answer); meanwhile nothing is consumed, so TCP pushes back. A second
///   [`Stage::Connect`] is about the client that a proxy speaks for: [`xclient`](Self::xclient).
///   A step of AUTH is answered with [`answer_auth`](Self::answer_auth).
/// * [`Step::BodyStart`], then any number of [`Step::Body`], then [`Step::BodyEnd`]: a message,
///   answered with [`answer_message`](Self::answer_message). [`Step::BodyRefused`] in between
///   means that the session itself refuses it; the rest is drained inside. An application that
///   has seen enough is heard with [`refuse_body`](Self::refuse_body).
/// * [`Step::NeedInput`]: it writes the output, all of it at once, and reads more input.
/// * [`Step::Flush`]: it writes the output before it goes on.
/// * [`Step::StartTls`]: it writes the output, makes the handshake and calls
///   [`secured`](Self::secured). Where TLS is implicit the session is made after the handshake.
/// * [`Step::Close`]: it writes the output and closes.
///
/// Time comes in as an argument; when [`deadline`](Self::deadline) has passed the driver calls
/// [`expire`](Self::expire).
#[derive(Debug)]
pub struct Session {
    pub(crate) config: Arc<Config>,
    pub(crate) state: State,
    framer: Framer,
    pub(crate) pending: Option<Pending>,
    pub(crate) helo: Option<HeloName>,
    /// EHLO was said, not HELO.
    pub(crate) extended: bool,
    /// The connection is encrypted.
    pub(crate) secure: bool,
    /// The client has logged in.
    pub(crate) authenticated: bool,
    /// What a proxy has said about the client.
    pub(crate) xclient: Option<Arc<Xclient>>,
    /// The AUTH exchange under way.
    pub(crate) exchange: Option<Exchange>,
    pub(crate) envelope: Option<Envelope>,
    pub(crate) body: Option<BodyPhase>,
    /// A chunk that belongs to no body is coming in.
    pub(crate) discard: Option<Discard>,
    /// A chunk of a message was refused; others of it may be under way.
    pub(crate) chunk_refused: bool,
    /// Recipients of the transaction, also when its envelope was handed out.
    pub(crate) recipients: usize,
    /// The transaction asked for PRDR.
    pub(crate) prdr: bool,
    pub(crate) facts: SessionFacts,
    pub(crate) closed: Option<CloseReason>,
    pub(crate) deadline: Instant,
    /// When the session began, by the clock on the wall.
    pub(crate) began: Option<DateTime>,
}

/// A question to the application, with what a positive answer brings about.
#[derive(Debug)]
pub(crate) enum Pending {
    Connect,
    Helo { name: HeloName, extended: bool },
    Auth(AuthMessage),
    Mail(Envelope),
    Rcpt(Recipient),
    Message,
}

impl Session {
    /// Octets that the driver's input buffer must be able to hold: the longest line but those of
    /// a body, which is a response in an AUTH exchange.
    pub const INPUT_MIN: usize = AUTH_LINE_MAX;

    /// A session that is about to ask whether the client may connect.
    pub fn new(config: Arc<Config>, now: Instant) -> Self {
        Self {
            deadline: now + config.timeouts.banner,
            began: None,
            secure: config.tls == TlsMode::Implicit,
            config,
            state: State::Greeting,
            framer: Framer::default(),
            pending: None,
            helo: None,
            extended: false,
            authenticated: false,
            xclient: None,
            exchange: None,
            envelope: None,
            body: None,
            discard: None,
            chunk_refused: false,
            recipients: 0,
            prdr: false,
            facts: SessionFacts::default(),
            closed: None,
        }
    }

    /// Tells the time by the clock on the wall, which FUTURERELEASE (RFC 4865) needs to be offered.
    #[must_use]
    pub fn beginning_at(self, time: DateTime) -> Self {
        let began = Some(time);
        Self { began, ..self }
    }

    /// Goes on with `input`, which starts behind what the last call consumed, and appends replies
    /// to `output`.
    pub fn process<'i>(
        &mut self,
        input: &'i [u8],
        output: &mut Vec<u8>,
        now: Instant,
    ) -> Progress<'i> {
        let mut consumed = 0;
        let step = loop {
            let rest = &input[consumed..];
            let (used, step) = match self.state {
                _ if self.pending.is_some() => (0, Some(Step::Waiting)),
                State::Closed => (
                    0,
                    Some(Step::Close(self.closed.unwrap_or(CloseReason::Quit))),
                ),
                _ if self.discard.is_some() => bdat::discard(self, rest, output, now),
                State::Greeting => {
                    // What is pipelined behind XCLIENT is not early.
                    self.facts.early_talk |= self.xclient.is_none() && !rest.is_empty();
                    if effect::refuses_early_talk(self, output) {
                        continue;
                    }
                    (0, Some(self.ask(Pending::Connect, now)))
                }
                State::Body | State::Chunk => self.take_body(rest, output, now),
                State::Handshake => (0, Some(Step::StartTls)),
                State::Greeted
                | State::Ready
                | State::Sender
                | State::Recipients
                | State::Chunks => self.take_command(rest, output, now),
                State::Auth => {
                    let framed = self.framer.next_response(rest);
                    exchange::take_line(self, &framed, output, now)
                }
            };
            consumed += used;
            if let Some(step) = step {
                break step;
            }
            if output.len() >= self.config.limits.reply_buffer {
                break Step::Flush;
            }
        };
        Progress { consumed, step }
    }

    /// Answers the question of a [`Step::Ask`].
    pub fn answer(
        &mut self,
        verdict: Verdict,
        output: &mut Vec<u8>,
        now: Instant,
    ) -> Result<(), Misuse> {
        let pending = match self.pending.take() {
            None => return Err(Misuse::NoQuestion),
            other @ Some(Pending::Message | Pending::Auth(_)) => {
                self.pending = other;
                return Err(Misuse::NoQuestion);
            }
            Some(pending) => pending,
        };
        self.deadline = now + self.config.timeouts.command;
        match verdict {
            Verdict::Accept => effect::accept(self, pending, output),
            Verdict::Refuse(refusal) => effect::refuse(self, &pending, &refusal, output),
        }
        Ok(())
    }

    /// The handshake that a [`Step::StartTls`] asked for is over. Nothing that was said before
    /// counts any more (RFC 3207 section 4.2) but for whom a proxy speaks, less its HELO and login;
    /// the client says EHLO again.
    pub fn secured(&mut self, now: Instant) -> Result<(), Misuse> {
        if self.state != State::Handshake {
            return Err(Misuse::NoHandshake);
        }
        self.secure = true;
        self.helo = None;
        self.extended = false;
        self.authenticated = false;
        self.envelope = None;
        self.chunk_refused = false;
        xclient::forget_session(self);
        self.framer = Framer::default();
        self.deadline = now + self.config.timeouts.command;
        self.go(Event::Secured);
        Ok(())
    }

    /// Answers a [`Step::BodyEnd`].
    pub fn answer_message(
        &mut self,
        verdict: &MessageVerdict,
        output: &mut Vec<u8>,
        now: Instant,
    ) -> Result<(), Misuse> {
        if !matches!(self.pending, Some(Pending::Message)) {
            return Err(Misuse::NoQuestion);
        }
        self.pending = None;
        self.deadline = now + self.config.timeouts.command;
        effect::end_message(self, verdict, output);
        Ok(())
    }

    /// Refuses the body that is coming in: the rest of it is drained, then the client gets this
    /// answer. The first refusal is the one that counts.
    pub fn refuse_body(&mut self, refusal: Refusal) -> Result<(), Misuse> {
        match &mut self.body {
            Some(phase) if self.pending.is_none() => {
                phase.refuse(refusal);
                Ok(())
            }
            _ => Err(Misuse::NoBody),
        }
    }

    /// When [`expire`](Self::expire) is due.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Acts on a deadline that has passed: an open question is answered with 451, one of AUTH with
    /// 454, the one before the banner with 421; without a question the client gets 421 and the session is over.
    pub fn expire(&mut self, output: &mut Vec<u8>, now: Instant) -> Expiry {
        self.deadline = now + self.config.timeouts.command;
        match self.pending.take() {
            None => {
                // Whose body was refused hears why, though it has not come to its end.
                let refusal = match (&mut self.body, &self.discard) {
                    (Some(phase), _) if phase.is_refused() => phase.take_refusal(),
                    (_, Some(discard)) => discard.refusal().clone(),
                    _ => Refusal::fixed(421, 4, 2, "Timeout, closing"),
                };
                effect::close(self, CloseReason::Timeout, Some(&refusal), output);
                Expiry::Client
            }
            Some(Pending::Message) => {
                let refused = MessageVerdict::Refuse(Refusal::try_later());
                effect::end_message(self, &refused, output);
                Expiry::Verdict(Stage::Message)
            }
            Some(Pending::Auth(_)) => {
                let refused = AuthVerdict::Refuse(Refusal::authentication_unavailable());
                exchange::go_on(self, refused, output);
                Expiry::Verdict(Stage::Auth)
            }
            Some(pending) => {
                // A banner is 220, 554 or 421 (RFC 5321 section 3.1).
                let refusal = match pending {
                    Pending::Connect => Refusal::fixed(421, 3, 0, "Local error, try again later"),
                    _ => Refusal::try_later(),
                };
                effect::refuse(self, &pending, &refusal, output);
                Expiry::Verdict(pending.stage())
            }
        }
    }

    /// Ends the session with 421 because the server is stopping.
    pub fn shut_down(&mut self, output: &mut Vec<u8>) {
        self.pending = None;
        effect::close(
            self,
            CloseReason::Shutdown,
            Some(&Refusal::shutting_down()),
            output,
        );
    }

    pub(crate) fn ask(&mut self, pending: Pending, now: Instant) -> Step<'static> {
        let stage = pending.stage();
        let timeouts = &self.config.timeouts;
        let patience = match stage {
            Stage::Connect => timeouts.banner,
            Stage::Message => timeouts.message_verdict,
            Stage::Helo | Stage::Auth | Stage::Mail | Stage::Rcpt => timeouts.verdict,
        };
        self.deadline = now + patience;
        self.pending = Some(pending);
        Step::Ask(stage)
    }

    pub(crate) fn go(&mut self, event: Event) {
        // `check` lets through what the table allows, so an event that it does not is not here.
        if let Some(state) = self.state.after(event) {
            self.state = state;
        }
    }

    /// A line was heard. Between two chunks it wins no time, since the application holds on to a
    /// message meanwhile: only octets of that do.
    fn wait_for_command(&mut self, now: Instant) {
        if self.state != State::Chunks {
            self.deadline = now + self.config.timeouts.command;
        }
    }

    fn take_command(
        &mut self,
        input: &[u8],
        output: &mut Vec<u8>,
        now: Instant,
    ) -> (usize, Option<Step<'static>>) {
        let at_start = self.framer.is_at_start();
        if at_start && command::is_of_other_protocol(input) {
            effect::close(self, CloseReason::WrongProtocol, None, output);
            return (0, None);
        }
        let framed = self.framer.next(input);
        if at_start && bdat::size_is_lost(&framed, input) {
            bdat::lose(self, output);
            return (0, None);
        }
        let (used, line) = match framed {
            Framed::Line(used, line) => (used, line),
            Framed::Incomplete(used) => return (used, Some(Step::NeedInput)),
            Framed::TooLong(used) => {
                self.wait_for_command(now);
                let refusal = Refusal::fixed(500, 5, 2, "Line too long");
                effect::protocol_error(self, &refusal, output);
                return (used, None);
            }
            Framed::Endless => {
                let refusal = Refusal::fixed(421, 5, 2, "Line without an end, closing");
                effect::close(self, CloseReason::EndlessLine, Some(&refusal), output);
                return (0, None);
            }
        };
        self.wait_for_command(now);
        let parsed = command::parse(line, self.config.quirks.missing_brackets);
        if self.state == State::Chunks && bdat::gives_up(self, &parsed) {
            // The line is taken once more, when the body is gone.
            return (0, bdat::abort(self));
        }
        let chunk = Chunk::behind(&parsed);
        let checked = parsed
            .map_err(check::objection_to)
            .and_then(|command| check::check(self, &command).map(|()| command));
        let step = match (checked, chunk) {
            (Ok(command), _) => effect::proceed(self, command, used < input.len(), output, now),
            (Err(objection), Some(chunk)) => {
                // What is refused is consumed all the same.
                bdat::refuse(self, chunk, objection, now);
                None
            }
            (Err(objection), None) => {
                effect::object(self, &objection, output);
                None
            }
        };
        (used, step)
    }
}

impl Pending {
    fn stage(&self) -> Stage {
        match self {
            Self::Connect => Stage::Connect,
            Self::Helo { .. } => Stage::Helo,
            Self::Auth(_) => Stage::Auth,
            Self::Mail(_) => Stage::Mail,
            Self::Rcpt(_) => Stage::Rcpt,
            Self::Message => Stage::Message,
        }
    }
}
