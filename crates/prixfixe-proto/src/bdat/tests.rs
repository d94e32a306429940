use std::sync::Arc;

use super::*;
use crate::{Config, Verdict};

/// A session between two chunks, and its clock.
fn between_chunks(tls: TlsMode) -> (Session, Instant) {
    let mut config = Config::new("mx.example.com".parse().unwrap());
    config.tls = tls;
    let now = Instant::now();
    let mut session = Session::new(Arc::new(config), now);
    let mut input = &b"EHLO c\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\n\
        BDAT 3\r\none"[..];
    let mut output = Vec::new();
    loop {
        let progress = session.process(input, &mut output, now);
        input = &input[progress.consumed..];
        match progress.step {
            Step::Ask(_) => session.answer(Verdict::Accept, &mut output, now).unwrap(),
            Step::BodyStart => assert!(session.take_envelope().is_some()),
            Step::Body(_) => assert!(session.body_is_chunked() && session.in_body()),
            Step::NeedInput => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(session.state, State::Chunks);
    assert!(session.in_transaction() && !session.in_body());
    (session, now)
}

/// Steps until more input is needed, and what is answered.
fn steps(session: &mut Session, mut input: &[u8], now: Instant) -> (Vec<String>, String) {
    let (mut steps, mut output) = (Vec::new(), Vec::new());
    loop {
        let progress = session.process(input, &mut output, now);
        input = &input[progress.consumed..];
        steps.push(format!("{:?}", progress.step));
        if !matches!(progress.step, Step::BodyAborted) {
            return (steps, String::from_utf8(output).unwrap());
        }
    }
}

#[test]
fn the_line_that_gives_a_body_up_is_taken_behind_it() {
    let (mut session, now) = between_chunks(TlsMode::None);
    let mut output = Vec::new();
    let progress = session.process(b"RSET\r\n", &mut output, now);
    assert_eq!((progress.consumed, progress.step), (0, Step::BodyAborted));
    assert!(output.is_empty() && !session.in_transaction());
    let (steps, replies) = steps(&mut session, b"RSET\r\n", now);
    assert_eq!(steps, ["NeedInput"]);
    assert_eq!(replies, "250 2.0.0 Reset\r\n");
}

#[test]
fn starttls_gives_a_body_up_where_it_is_offered() {
    let (mut session, now) = between_chunks(TlsMode::StartTls);
    let (said, replies) = steps(&mut session, b"STARTTLS\r\n", now);
    assert_eq!(said, ["BodyAborted", "StartTls"]);
    assert!(replies.starts_with("220 "), "{replies}");
    session.secured(now).unwrap();
    let (_, replies) = steps(&mut session, b"BDAT 3 LAST\r\ntwo", now);
    assert_eq!(replies, "503 5.5.1 Say EHLO first\r\n");

    let (mut session, now) = between_chunks(TlsMode::None);
    let (said, replies) = steps(&mut session, b"STARTTLS\r\n", now);
    assert_eq!(said, ["NeedInput"]);
    assert!(replies.starts_with("502 "), "{replies}");
    assert_eq!(session.state, State::Chunks);
}

#[test]
fn what_is_injected_behind_starttls_between_chunks_is_not_heard() {
    let (mut session, now) = between_chunks(TlsMode::StartTls);
    let (said, replies) = steps(&mut session, b"STARTTLS\r\nBDAT 3 LAST\r\ntwo", now);
    assert_eq!(said, ["BodyAborted", "Close(StartTlsInjection)"]);
    assert_eq!(replies, "");
}

#[test]
fn a_body_that_was_refused_is_given_up_in_silence() {
    let (mut session, now) = between_chunks(TlsMode::None);
    session.refuse_body(Refusal::try_later()).unwrap();
    let (said, replies) = steps(&mut session, b"RSET\r\nNOOP\r\n", now);
    assert_eq!(said, ["NeedInput"]);
    assert_eq!(replies, "250 2.0.0 Reset\r\n250 2.0.0 Ok\r\n");
    assert!(!session.in_transaction());
}

#[test]
fn a_chunk_that_was_refused_in_the_clear_is_forgotten_under_tls() {
    let (mut session, now) = between_chunks(TlsMode::StartTls);
    session.refuse_body(Refusal::try_later()).unwrap();
    let (_, replies) = steps(&mut session, b"BDAT 3\r\ntwo", now);
    assert!(replies.starts_with("451 "), "{replies}");
    let (said, _) = steps(&mut session, b"STARTTLS\r\n", now);
    assert_eq!(said, ["StartTls"]);
    session.secured(now).unwrap();
    assert!(!session.chunk_refused);
}
