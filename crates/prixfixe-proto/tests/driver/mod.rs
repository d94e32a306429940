//! A driver without IO: it brings input in pieces and answers for the application.

use std::{sync::Arc, time::Instant};

mod shown;

use prixfixe_proto::{
    AuthMessage, AuthVerdict, BodyFacts, CloseReason, Config, DateTime, Mechanism, MessageVerdict,
    Question, QueueId, Refusal, Session, Stage, Step, Verdict,
};

/// What a session came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) replies: Vec<u8>,
    pub(crate) messages: Vec<Accepted>,
    pub(crate) closed: Option<CloseReason>,
}

/// A message that was answered with 250.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// `<sender> to <recipient> <recipient>`
    pub(crate) envelope: String,
    pub(crate) body: Vec<u8>,
    pub(crate) facts: BodyFacts,
}

/// The application: a refusal for a question such as `RCPT <no@example.com>`,
/// `CONNECT 192.0.2.1` for the client that XCLIENT names, or
/// `MESSAGE <no@example.com>` for one of several recipients; or none.
pub(crate) type Application<'a> = &'a dyn Fn(&str) -> Option<Refusal>;

/// One session under way.
pub(crate) struct Driver<'a> {
    session: Session,
    application: Application<'a>,
    now: Instant,
    input: Vec<u8>,
    envelope: String,
    recipients: Vec<String>,
    body: Vec<u8>,
    /// What came so far.
    pub(crate) outcome: Outcome,
}

/// Runs a session over input that comes in these pieces.
pub(crate) fn run<'p>(
    config: &Arc<Config>,
    application: Application<'_>,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> Outcome {
    let mut driver = Driver::new(config, application);
    for piece in pieces {
        driver.send(piece);
    }
    driver.outcome
}

/// More steps than this for an octet of input are no progress.
const STEPS_PER_OCTET: usize = 4;

/// Every session begins at 2026-01-01T00:00:00Z.
const BEGINNING: i64 = 1_767_225_600;

impl<'a> Driver<'a> {
    /// A session before its first octet; the banner is sent.
    pub(crate) fn new(config: &Arc<Config>, application: Application<'a>) -> Self {
        let now = Instant::now();
        let mut driver = Self {
            session: Session::new(Arc::clone(config), now)
                .beginning_at(DateTime::from_unix(BEGINNING)),
            application,
            now,
            input: Vec::new(),
            envelope: String::new(),
            recipients: Vec::new(),
            body: Vec::new(),
            outcome: Outcome::default(),
        };
        driver.send(b"");
        driver
    }

    /// Brings a piece of input and goes on until the session needs more.
    pub(crate) fn send(&mut self, piece: &[u8]) {
        self.input.extend_from_slice(piece);
        let input = std::mem::take(&mut self.input);
        let (mut at, mut steps) = (0, 0);
        loop {
            let progress = self
                .session
                .process(&input[at..], &mut self.outcome.replies, self.now);
            at += progress.consumed;
            steps += 1;
            assert!(
                steps <= STEPS_PER_OCTET * (input.len() + 1),
                "the session goes round in circles"
            );
            match progress.step {
                Step::NeedInput | Step::StartTls => break,
                Step::Close(reason) => {
                    self.outcome.closed = Some(reason);
                    break;
                }
                Step::Ask(Stage::Auth) => self.answer_auth(),
                Step::Ask(_) => self.answer(),
                Step::BodyStart => self.begin_body(),
                Step::Body(bytes) => {
                    assert!(!bytes.is_empty(), "a piece of a body is never empty");
                    self.body.extend_from_slice(bytes);
                }
                Step::BodyEnd => self.answer_message(),
                Step::BodyAborted => self.body.clear(),
                Step::Flush | Step::BodyRefused(_) => {}
                Step::Waiting => panic!("a question is open that was never asked"),
            }
        }
        self.input = input[at..].to_vec();
        assert!(
            self.outcome.closed.is_some() || self.input.len() < Session::INPUT_MIN,
            "more input is asked for than the driver must be able to hold"
        );
    }

    fn answer(&mut self) {
        let question = match self.session.question() {
            Some(Question::Connect) => self.connect_question(),
            Some(Question::Helo(name)) => format!("HELO {name}"),
            Some(Question::Mail(envelope)) => format!("MAIL {}", envelope.reverse_path),
            Some(Question::Rcpt(_, path)) => format!("RCPT {path}"),
            other => panic!("asked for an answer to {other:?}"),
        };
        let verdict = (self.application)(&question).map_or(Verdict::Accept, Verdict::Refuse);
        let answered = self
            .session
            .answer(verdict, &mut self.outcome.replies, self.now);
        assert_eq!(answered, Ok(()), "{question}");
    }

    /// Behind XCLIENT with the address that a proxy speaks for.
    fn connect_question(&self) -> String {
        let told = self.session.xclient();
        match told.and_then(|told| told.address.as_ref()?.known()) {
            Some(address) => format!("CONNECT {address}"),
            None => "CONNECT".to_owned(),
        }
    }

    fn answer_auth(&mut self) {
        let verdict = match self.session.question() {
            Some(Question::Auth(message)) => auth_verdict(message),
            other => panic!("asked for a step of AUTH, and it is {other:?}"),
        };
        let answered = self
            .session
            .answer_auth(verdict, &mut self.outcome.replies, self.now);
        assert_eq!(answered, Ok(()));
    }

    fn begin_body(&mut self) {
        let Some(envelope) = self.session.take_envelope() else {
            panic!("a body begins without an envelope");
        };
        let recipients: Vec<_> = envelope.recipients.iter().map(shown::recipient).collect();
        assert!(!recipients.is_empty(), "a body begins without a recipient");
        self.envelope = format!("{} to {}", shown::sender(&envelope), recipients.join(" "));
        self.recipients = envelope
            .recipients
            .iter()
            .map(|r| r.path.to_string())
            .collect();
        self.body.clear();
    }

    fn answer_message(&mut self) {
        assert_eq!(self.session.question(), Some(Question::Message));
        let id = queue_id(self.outcome.messages.len() + 1);
        let ask = |path: &String| (self.application)(&format!("MESSAGE {path}"));
        let refusals: Vec<_> = self.recipients.iter().map(ask).collect();
        let verdict = match (self.application)("MESSAGE") {
            Some(refusal) => MessageVerdict::Refuse(refusal),
            None if refusals.iter().all(Option::is_none) => MessageVerdict::Accept(id),
            None => MessageVerdict::Each(id, refusals),
        };
        let accepted = self.session.facts().messages;
        let facts = self.session.body_facts().copied().unwrap_or_default();
        let answered = self
            .session
            .answer_message(&verdict, &mut self.outcome.replies, self.now);
        assert_eq!(answered, Ok(()));
        if self.session.facts().messages > accepted {
            self.outcome.messages.push(Accepted {
                envelope: std::mem::take(&mut self.envelope),
                body: std::mem::take(&mut self.body),
                facts,
            });
        }
    }
}

/// A verifier that knows no mechanism, but a few words in what the client says.
fn auth_verdict(message: &AuthMessage) -> AuthVerdict {
    let said = |word: &[u8]| {
        let response = message.response.as_deref().unwrap_or_default();
        response.windows(word.len()).any(|window| window == word)
    };
    let prompt = match (message.mechanism, message.first) {
        (Mechanism::Login, true) if message.response.is_none() => "Username:",
        (Mechanism::Login, _) => "Password:",
        _ => "",
    };
    if said(b"right") {
        AuthVerdict::Success
    } else if said(b"wrong") {
        AuthVerdict::Refuse(Refusal::authentication_failed())
    } else if said(b"why") {
        AuthVerdict::Explain(b"because".to_vec())
    } else if said(b"later") {
        AuthVerdict::Refuse(Refusal::authentication_unavailable())
    } else if said(b"close") {
        AuthVerdict::Refuse(Refusal::shutting_down())
    } else {
        AuthVerdict::Challenge(prompt.into())
    }
}

fn queue_id(number: usize) -> QueueId {
    format!("M{number}")
        .parse()
        .unwrap_or_else(|e| panic!("{e}"))
}
