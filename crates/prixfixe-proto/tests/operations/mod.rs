//! Anything that a client, an application and a clock can do to a session, in any order, and what
//! holds all the same.

use std::{sync::Arc, time::Instant};

use prixfixe_proto::{
    AuthVerdict, CloseReason, Config, Expiry, MessageVerdict, Misuse, Protocol, Question, Refusal,
    Session, Stage, Step, Verdict,
};

/// One thing that happens.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    /// Input arrives. A question that is open is answered with yes first.
    Input(Vec<u8>),
    /// The application says yes, whether it was asked or not.
    Accept,
    /// The application says no with this code.
    Refuse(u16),
    /// The application says no to those recipients of a message whose bits are set, and nothing of
    /// those that have none.
    Each(u8),
    /// The application has seen enough of a body.
    RefuseBody,
    /// The deadline passes.
    Expire,
    /// The server stops.
    ShutDown,
}

/// Octets from here on are operations, those below are input.
const OPERATIONS: u8 = 0xf8;

impl Operation {
    /// What these octets stand for: input, with operations in between.
    pub(crate) fn decode(mut octets: &[u8]) -> Vec<Self> {
        let mut operations = Vec::new();
        while let Some((&first, rest)) = octets.split_first() {
            let (operation, behind) = match first {
                0xf8 => (Self::Accept, rest),
                0xf9 => (Self::Refuse(550), rest),
                0xfa => (Self::Refuse(421), rest),
                0xfb => (Self::RefuseBody, rest),
                0xfc => (Self::Expire, rest),
                0xfd => (Self::ShutDown, rest),
                // These two only end the piece of input before them.
                0xfe if !rest.is_empty() => (Self::Each(rest[0]), &rest[1..]),
                0xfe | 0xff => (Self::Input(Vec::new()), rest),
                _ => {
                    let length = octets.iter().take_while(|o| **o < OPERATIONS).count();
                    let (input, behind) = octets.split_at(length);
                    (Self::Input(input.to_vec()), behind)
                }
            };
            operations.push(operation);
            octets = behind;
        }
        operations
    }
}

/// Carries out the operations, and checks after each what must hold.
pub(crate) fn check(config: &Arc<Config>, operations: &[Operation]) {
    let mut run = Run::new(config);
    run.process();
    for operation in operations {
        run.apply(operation);
        run.process();
    }
}

struct Run {
    session: Session,
    now: Instant,
    input: Vec<u8>,
    /// Octets of the body that is handed out, if one is.
    body: Option<u64>,
    /// Recipients of that body.
    recipients: usize,
    acknowledged: u32,
    closed: Option<CloseReason>,
}

/// Octets of output for one of input: an empty line, two octets, is answered with 27.
const GROWTH_MAX: usize = 14;
/// The longest reply and the 421 that may follow it.
const REPLY_MAX: usize = 600;
/// The answer to EHLO has a line for each extension; any other has one for each recipient.
const ANSWER_MAX: usize = 1024;

impl Run {
    fn new(config: &Arc<Config>) -> Self {
        let now = Instant::now();
        Self {
            session: Session::new(Arc::clone(config), now),
            now,
            input: Vec::new(),
            body: None,
            recipients: 0,
            acknowledged: 0,
            closed: None,
        }
    }

    fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Input(octets) => {
                if self.session.question().is_some() {
                    self.answer(None);
                }
                self.input.extend_from_slice(octets);
            }
            Operation::Accept => self.answer(None),
            Operation::Refuse(code) => {
                self.answer(Some(
                    Refusal::new(*code, 0, 0, "no").unwrap_or_else(|e| panic!("{e}")),
                ));
            }
            Operation::Each(bits) if self.asks_about_message() => self.answer_each(*bits),
            Operation::Each(_) => {}
            Operation::RefuseBody => {
                let possible = self.body.is_some() && self.session.question().is_none();
                let refused = self.session.refuse_body(Refusal::try_later());
                // A body that the session itself refuses may be refused once more.
                assert!(refused.is_ok() || !possible);
                self.body = self.body.filter(|_| refused.is_err());
            }
            Operation::Expire => self.expire(),
            Operation::ShutDown => {
                let mut output = Vec::new();
                self.session.shut_down(&mut output);
                self.check_output(&output, REPLY_MAX);
                self.body = None;
            }
        }
    }

    fn answer(&mut self, refusal: Option<Refusal>) {
        let mut output = Vec::new();
        let question = self.session.question().map(|_| ());
        let greets = matches!(self.session.question(), Some(Question::Helo(_)));
        let forgets = greets && refusal.is_none();
        let answered = if self.asks_about_message() {
            let accepts = refusal.is_none();
            let id = "1".parse().unwrap_or_else(|e| panic!("{e}"));
            let verdict = refusal.map_or(MessageVerdict::Accept(id), MessageVerdict::Refuse);
            self.acknowledged += u32::from(accepts);
            self.body = None;
            self.session.answer_message(&verdict, &mut output, self.now)
        } else if matches!(self.session.question(), Some(Question::Auth(_))) {
            self.answer_auth(refusal, &mut output)
        } else {
            let verdict = refusal.map_or(Verdict::Accept, Verdict::Refuse);
            self.session.answer(verdict, &mut output, self.now)
        };
        match question {
            Some(()) => assert_eq!(answered, Ok(())),
            None => {
                assert_eq!((answered, &output[..]), (Err(Misuse::NoQuestion), &b""[..]));
                let wrong = AuthVerdict::Success;
                let answered = self.session.answer_auth(wrong, &mut output, self.now);
                assert_eq!(answered, Err(Misuse::NoQuestion));
            }
        }
        assert_eq!(self.session.question(), None);
        assert!(!(forgets && self.session.in_transaction()), "EHLO resets");
        self.check_output(&output, ANSWER_MAX + REPLY_MAX * self.recipients);
    }

    fn answer_each(&mut self, bits: u8) {
        let refusal = Refusal::new(452, 2, 2, "full").unwrap_or_else(|e| panic!("{e}"));
        let refused = |bit: u8| (bits >> bit & 1 == 1).then(|| refusal.clone());
        // The highest bit says that the list is too short.
        let said = if bits & 128 != 0 { 1 } else { 7 };
        let refusals: Vec<_> = (0..said).map(refused).collect();
        let verdicts: Vec<_> = (0..self.recipients)
            .map(|at| matches!(refusals.get(at), Some(None)))
            .collect();
        let id = "1".parse().unwrap_or_else(|e| panic!("{e}"));
        let each = self.session.replies_per_recipient();
        let mut output = Vec::new();
        let verdict = MessageVerdict::Each(id, refusals);
        let answered = self.session.answer_message(&verdict, &mut output, self.now);
        assert_eq!(answered, Ok(()));
        let text = String::from_utf8_lossy(&output).into_owned();
        let told: Vec<_> = text.lines().map(|line| line.starts_with("250")).collect();
        let agree = verdicts.iter().all(|accepted| *accepted == verdicts[0]);
        match self.session.config().protocol {
            Protocol::Lmtp => assert_eq!(told, verdicts),
            _ if each && !agree => assert_eq!(told[1..told.len() - 1], verdicts),
            _ => assert_eq!(told, [verdicts.iter().all(|accepted| *accepted)], "{text}"),
        }
        self.acknowledged += u32::from(told.contains(&true));
        self.body = None;
        self.check_output(&output, REPLY_MAX * (verdicts.len() + 2));
    }

    /// A yes is a challenge at first, and then success.
    fn answer_auth(
        &mut self,
        refusal: Option<Refusal>,
        output: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        let wrong = self.session.answer(Verdict::Accept, output, self.now);
        assert_eq!(wrong, Err(Misuse::NoQuestion));
        let first = matches!(self.session.question(), Some(Question::Auth(m)) if m.first);
        let verdict = match refusal {
            Some(refusal) if first && refusal.is_temporary() => {
                AuthVerdict::Explain(b"no".to_vec())
            }
            Some(refusal) => AuthVerdict::Refuse(refusal),
            None if first => AuthVerdict::Challenge(b"and?".to_vec()),
            None => AuthVerdict::Success,
        };
        let succeeds = verdict == AuthVerdict::Success;
        let failures = self.session.facts().auth_failures;
        assert!(!self.session.is_authenticated(), "asked once more");
        let answered = self.session.answer_auth(verdict, output, self.now);
        assert_eq!(self.session.is_authenticated(), succeeds);
        let counted = self.session.facts().auth_failures - failures;
        assert!(counted <= 1 && !(succeeds && counted == 1));
        answered
    }

    fn expire(&mut self) {
        self.now = self.now.max(self.session.deadline());
        let asked = self.session.question().is_some();
        let about_message = self.asks_about_message();
        let mut output = Vec::new();
        let expiry = self.session.expire(&mut output, self.now);
        assert_eq!(asked, matches!(expiry, Expiry::Verdict(_)));
        assert_eq!(
            about_message,
            expiry == Expiry::Verdict(Stage::Message),
            "{expiry:?}"
        );
        if about_message || expiry == Expiry::Client {
            self.body = None;
        }
        self.check_output(&output, REPLY_MAX * (self.recipients + 1));
    }

    fn asks_about_message(&self) -> bool {
        self.session.question() == Some(Question::Message)
    }

    /// Goes on until the session waits for something.
    fn process(&mut self) {
        loop {
            let mut output = Vec::new();
            let asked = self.session.question().is_some();
            let progress = self.session.process(&self.input, &mut output, self.now);
            let (consumed, step) = (progress.consumed, progress.step);
            assert!(consumed <= self.input.len());
            let body = match step {
                Step::Body(octets) => octets.len(),
                _ => 0,
            };
            let paused = matches!(
                step,
                Step::NeedInput | Step::Ask(_) | Step::Waiting | Step::BodyEnd | Step::Close(_)
            );
            let starts = matches!(step, Step::BodyStart);
            let refused = matches!(step, Step::BodyRefused(_));
            let aborted = matches!(step, Step::BodyAborted);
            let over = refused || aborted;
            let moved = consumed + body > 0 || !output.is_empty() || paused || starts || over;
            assert!(moved, "neither progress nor a pause: {step:?}");
            match step {
                Step::NeedInput => {
                    assert!(self.input.len() - consumed < Session::INPUT_MIN);
                }
                Step::Waiting => assert!(asked && consumed == 0),
                Step::Ask(stage) => {
                    assert!(!asked);
                    if stage == Stage::Connect {
                        self.check_beginning();
                    }
                }
                Step::BodyEnd => assert!(!asked),
                Step::Body(octets) => assert!(!octets.is_empty()),
                Step::Close(reason) => assert_eq!(self.closed.unwrap_or(reason), reason),
                Step::Flush
                | Step::BodyStart
                | Step::BodyRefused(_)
                | Step::BodyAborted
                | Step::StartTls => {}
            }
            if matches!(step, Step::BodyEnd | Step::BodyAborted) {
                assert!(self.body.is_some(), "a body ends that is not handed out");
            }
            let closed = match step {
                Step::Close(reason) => Some(reason),
                _ => None,
            };
            self.input.drain(..consumed);
            self.check_output(
                &output,
                GROWTH_MAX * consumed + REPLY_MAX * (self.recipients + 1),
            );
            self.note_body(starts, body, over || closed.is_some());
            self.closed = self.closed.or(closed);
            if paused {
                break;
            }
        }
        let waits = self.session.question().is_some();
        assert!(
            !(waits && self.closed.is_some()),
            "a question after the end"
        );
        assert_eq!(self.session.facts().messages, self.acknowledged);
    }

    /// A session that begins, at first or behind XCLIENT, knows nothing but what a proxy says.
    fn check_beginning(&self) {
        let session = &self.session;
        assert!(self.body.is_none() && !session.in_transaction());
        assert_eq!((session.helo(), session.is_extended()), (None, false));
        let login = session.xclient().and_then(|told| told.login.as_ref());
        let vouched = login.is_some_and(|login| login.known().is_some());
        assert_eq!(session.is_authenticated(), vouched);
        assert!(session.xclient().is_none() || session.config().xclient);
    }

    fn note_body(&mut self, starts: bool, octets: usize, over: bool) {
        if starts {
            let envelope = self.session.take_envelope();
            let recipients = envelope.map_or(0, |envelope| envelope.recipients.len());
            self.recipients = recipients;
            let most = self.session.config().limits.recipients;
            assert!((1..=most).contains(&recipients), "{recipients} recipients");
            assert_eq!(self.body.replace(0), None, "two bodies at once");
        }
        if octets > 0 {
            let size = self.body.map(|size| size + octets as u64);
            assert!(
                size.is_some_and(|size| size <= self.session.config().limits.message_size),
                "{size:?} octets handed out"
            );
            self.body = size;
        }
        if over {
            self.body = None;
        }
    }

    /// Whole reply lines, as RFC 5321 section 4.2 has them, within a bound, and none after the end.
    fn check_output(&self, output: &[u8], most: usize) {
        assert!(output.len() <= most, "{} octets of output", output.len());
        let silent = self.closed.is_none() || output.is_empty();
        assert!(silent, "a session that is over speaks");
        assert!(output.is_empty() || output.ends_with(b"\r\n"));
        let text = String::from_utf8_lossy(output);
        for line in text.split_terminator("\r\n") {
            let (code, rest) = line.split_at(3);
            assert!(code.bytes().all(|b| b.is_ascii_digit()), "{line:?}");
            assert!(rest.starts_with([' ', '-']), "{line:?}");
            assert!(line.bytes().all(|b| matches!(b, b' '..=b'~')), "{line:?}");
            assert!(line.len() <= 510, "{line:?}");
        }
    }
}
