//! Time as an argument: what a session says when someone was too slow, and when the server stops.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use prixfixe_proto::{
    AuthDemand, AuthVerdict, CloseReason, Config, Expiry, Mechanisms, MessageVerdict, Misuse,
    Refusal, Session, Stage, Step, Verdict,
};

/// A session, its clock and its last answer.
struct Clocked {
    session: Session,
    now: Instant,
    output: Vec<u8>,
}

impl Clocked {
    fn new() -> Self {
        let mut config = Config::new("mx.example.com".parse().unwrap_or_else(|e| panic!("{e}")));
        config.auth.demand = AuthDemand::Optional;
        config.auth.without_tls = true;
        config.auth.mechanisms = Mechanisms::PASSWORD;
        let now = Instant::now();
        Self {
            session: Session::new(Arc::new(config), now),
            now,
            output: Vec::new(),
        }
    }

    /// Takes whole lines; accepts all that is asked up to `stage`, whose question stays open.
    fn up_to(mut self, stage: Option<Stage>, mut input: &[u8]) -> Self {
        loop {
            self.output.clear();
            let progress = self.session.process(input, &mut self.output, self.now);
            input = &input[progress.consumed..];
            match progress.step {
                Step::Ask(asked) if Some(asked) == stage => return self,
                Step::Ask(_) => {
                    let answered = self
                        .session
                        .answer(Verdict::Accept, &mut self.output, self.now);
                    assert_eq!(answered, Ok(()));
                }
                Step::BodyEnd if stage == Some(Stage::Message) => return self,
                Step::NeedInput => return self,
                Step::BodyStart | Step::Body(_) | Step::BodyRefused(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// How long the session is willing to wait from now on.
    fn patience(&self) -> Duration {
        self.session.deadline() - self.now
    }

    fn expire(&mut self) -> (Expiry, String) {
        self.now = self.session.deadline();
        self.output.clear();
        let expiry = self.session.expire(&mut self.output, self.now);
        (expiry, String::from_utf8_lossy(&self.output).into_owned())
    }

    fn step(&mut self, input: &[u8]) -> Step<'static> {
        match self.session.process(input, &mut self.output, self.now).step {
            Step::Close(reason) => Step::Close(reason),
            Step::NeedInput => Step::NeedInput,
            other => panic!("{other:?}"),
        }
    }
}

const ENVELOPE: &[u8] = b"HELO c\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\n";

fn message() -> Vec<u8> {
    [ENVELOPE, b"DATA\r\ntext\r\n.\r\n"].concat()
}

#[test]
fn a_slow_verifier_is_454_and_the_session_goes_on() {
    let auth = b"EHLO c\r\nAUTH LOGIN\r\n";
    let mut clocked = Clocked::new().up_to(Some(Stage::Auth), auth);
    assert_eq!(clocked.patience(), Duration::from_secs(60));
    let (expiry, reply) = clocked.expire();
    assert_eq!(expiry, Expiry::Verdict(Stage::Auth));
    assert!(reply.starts_with("454 4.7.0 "), "{reply}");
    assert_eq!(clocked.session.facts().auth_failures, 0);
    assert_eq!(clocked.step(b""), Step::NeedInput);
}

#[test]
fn who_never_answers_a_challenge_is_told_421() {
    let auth = b"EHLO c\r\nAUTH LOGIN\r\n";
    let mut clocked = Clocked::new().up_to(Some(Stage::Auth), auth);
    let challenge = AuthVerdict::Challenge(b"Username:".to_vec());
    let now = clocked.now;
    let answered = clocked
        .session
        .answer_auth(challenge, &mut clocked.output, now);
    assert_eq!(answered, Ok(()));
    assert_eq!(clocked.patience(), Duration::from_secs(300));
    let (expiry, reply) = clocked.expire();
    assert_eq!(expiry, Expiry::Client);
    assert!(reply.starts_with("421 4.4.2 "), "{reply}");
    assert_eq!(clocked.step(b""), Step::Close(CloseReason::Timeout));
}

#[test]
fn a_slow_verdict_is_451_and_the_session_goes_on() {
    for (stage, input, patience) in [
        (Stage::Helo, ENVELOPE, 60),
        (Stage::Mail, ENVELOPE, 60),
        (Stage::Rcpt, ENVELOPE, 60),
        (Stage::Message, &message()[..], 300),
    ] {
        let mut clocked = Clocked::new().up_to(Some(stage), input);
        assert_eq!(
            clocked.patience(),
            Duration::from_secs(patience),
            "{stage:?}"
        );
        let (expiry, reply) = clocked.expire();
        assert_eq!(expiry, Expiry::Verdict(stage));
        // An answer to HELO has no enhanced code.
        let code = if stage == Stage::Helo {
            "451 "
        } else {
            "451 4.3.0 "
        };
        assert!(reply.starts_with(code), "{stage:?}: {reply}");
        assert_eq!(clocked.session.question(), None);
        assert_eq!(clocked.patience(), Duration::from_secs(300));
        assert_eq!(clocked.step(b"NOOP\r\n"), Step::NeedInput, "{stage:?}");
    }
}

#[test]
fn a_slow_verdict_before_the_banner_is_421() {
    let mut clocked = Clocked::new().up_to(Some(Stage::Connect), b"");
    let (expiry, reply) = clocked.expire();
    assert_eq!(expiry, Expiry::Verdict(Stage::Connect));
    assert!(reply.starts_with("421 "), "{reply}");
    assert_eq!(clocked.step(b""), Step::Close(CloseReason::Refused));
}

#[test]
fn a_verdict_that_comes_too_late_is_none() {
    let mut clocked = Clocked::new().up_to(Some(Stage::Message), &message());
    let _ = clocked.expire();
    clocked.output.clear();
    let accepted = MessageVerdict::Accept("1".parse().unwrap());
    let answered = clocked
        .session
        .answer_message(&accepted, &mut clocked.output, clocked.now);
    assert_eq!(answered, Err(Misuse::NoQuestion));
    assert_eq!(clocked.output, b"", "no 250 follows the 451");
}

#[test]
fn a_slow_client_is_421_and_the_session_is_over() {
    let data = [ENVELOPE, b"DATA\r\ntext"].concat();
    let in_chunk = [ENVELOPE, b"BDAT 5\r\ntext"].concat();
    let between_chunks = [ENVELOPE, b"BDAT 4\r\ntext"].concat();
    let too_long = [b'x'; 600];
    for (input, patience) in [
        (&b""[..], 300),
        (ENVELOPE, 300),
        (&too_long, 300),
        (&data, 180),
        (&in_chunk, 180),
        (&between_chunks, 300),
    ] {
        let mut clocked = Clocked::new().up_to(None, input);
        assert_eq!(clocked.patience(), Duration::from_secs(patience));
        let (expiry, reply) = clocked.expire();
        assert_eq!(expiry, Expiry::Client);
        assert!(reply.starts_with("421 4.4.2 "), "{reply}");
        assert_eq!(clocked.step(b"NOOP\r\n"), Step::Close(CloseReason::Timeout));
    }
}

#[test]
fn octets_of_a_command_do_not_win_time_and_octets_of_a_body_do() {
    let second = Duration::from_secs(1);
    let mut clocked = Clocked::new().up_to(None, b"");
    clocked.now += second;
    clocked = clocked.up_to(None, b"NOO");
    assert_eq!(clocked.patience(), Duration::from_secs(299));
    clocked = clocked.up_to(None, b"NOOP\r\n");
    assert_eq!(clocked.patience(), Duration::from_secs(300));

    let mut clocked = Clocked::new().up_to(None, &[ENVELOPE, b"DATA\r\n"].concat());
    clocked.now += second;
    clocked = clocked.up_to(None, b"");
    assert_eq!(clocked.patience(), Duration::from_secs(179));
    clocked = clocked.up_to(None, b"x");
    assert_eq!(clocked.patience(), Duration::from_secs(180));
}

#[test]
fn between_two_chunks_only_octets_of_the_message_win_time() {
    let too_long = [&[b'x'; 600][..], b"\r\n"].concat();
    let mut clocked = Clocked::new().up_to(None, &[ENVELOPE, b"BDAT 4\r\ntext"].concat());
    clocked.now += Duration::from_secs(100);
    for line in [
        &b"NOOP\r\n"[..],
        b"MAIL FROM:<a@example.org>\r\n",
        b"NONSENSE\r\n",
        &too_long,
        b"BDAT 0\r\n",
    ] {
        clocked = clocked.up_to(None, line);
        let said = line.escape_ascii();
        assert_eq!(clocked.patience(), Duration::from_secs(200), "{said}");
    }
    clocked = clocked.up_to(None, b"BDAT 4\r\n");
    assert_eq!(clocked.patience(), Duration::from_secs(180));
    clocked = clocked.up_to(None, b"text");
    assert_eq!(clocked.patience(), Duration::from_secs(300));
    clocked.now += Duration::from_secs(100);
    clocked = clocked.up_to(Some(Stage::Message), b"BDAT 0 LAST\r\n");
    assert_eq!(clocked.patience(), Duration::from_secs(300));
}

#[test]
fn a_session_that_is_over_says_no_more() {
    let mut clocked = Clocked::new().up_to(None, b"");
    clocked.session.shut_down(&mut clocked.output);
    assert!(
        clocked
            .output
            .ends_with(b"421 4.3.2 Server is shutting down\r\n")
    );
    clocked.output.clear();
    clocked.session.shut_down(&mut clocked.output);
    let (expiry, reply) = clocked.expire();
    assert_eq!((expiry, reply.as_str()), (Expiry::Client, ""));
    assert_eq!(
        clocked.step(b"NOOP\r\n"),
        Step::Close(CloseReason::Shutdown)
    );
    assert_eq!(clocked.output, b"");
}

#[test]
fn a_stop_in_a_body_leaves_no_message() {
    let mut clocked = Clocked::new().up_to(None, &[ENVELOPE, b"DATA\r\ntext"].concat());
    assert!(clocked.session.in_body());
    clocked.session.shut_down(&mut clocked.output);
    assert!(!clocked.session.in_body());
    assert_eq!(
        clocked.step(b"\r\n.\r\n"),
        Step::Close(CloseReason::Shutdown)
    );
    let refused = clocked.session.refuse_body(Refusal::try_later());
    assert_eq!(refused, Err(Misuse::NoBody));
}

#[test]
fn a_refused_chunk_is_waited_for_as_a_whole_and_told_nevertheless() {
    let misplaced = &b"HELO c\r\nBDAT 9\r\n"[..];
    let too_big = [ENVELOPE, b"BDAT 4294967296\r\n"].concat();
    for (input, code) in [(misplaced, "503 5.5.1 "), (&too_big, "552 5.3.4 ")] {
        let mut clocked = Clocked::new().up_to(None, input);
        clocked.now += Duration::from_secs(100);
        // Octets win no time.
        clocked = clocked.up_to(None, b"x");
        assert_eq!(clocked.patience(), Duration::from_secs(80));
        let (expiry, reply) = clocked.expire();
        assert_eq!(expiry, Expiry::Client);
        assert!(reply.starts_with(code), "{reply}");
        assert_eq!(clocked.step(b"NOOP\r\n"), Step::Close(CloseReason::Timeout));
    }
}
