//! Clients that do not wait for their turn, where that is refused. What is early depends on how the
//! input is cut, so this is no dialogue.

mod driver;

use std::sync::Arc;

use prixfixe_proto::{CloseReason, Config, Session, Step};

fn config(refuse: bool) -> Config {
    let domain = "mx.example.com".parse();
    let mut config = Config::new(domain.unwrap_or_else(|e| panic!("{e}")));
    config.quirks.refuse_early_talk = refuse;
    config
}

/// What a session says to input in these pieces, and why it ends.
fn run(refuse: bool, pieces: &[&[u8]]) -> (String, Option<CloseReason>) {
    let config = Arc::new(config(refuse));
    let outcome = driver::run(&config, &|_| None, pieces.iter().copied());
    let replies = String::from_utf8_lossy(&outcome.replies).into_owned();
    (replies, outcome.closed)
}

#[test]
fn behind_a_greeting() {
    let flight: &[&[u8]] = &[b"EHLO client.example\r\nNOOP\r\n"];
    let (replies, closed) = run(true, flight);
    assert!(
        replies.ends_with("\r\n503 Wait for the reply\r\n"),
        "{replies}"
    );
    assert_eq!(closed, Some(CloseReason::EarlyTalk));
    let (replies, closed) = run(false, flight);
    assert!(replies.ends_with("250 2.0.0 Ok\r\n"), "{replies}");
    assert_eq!(closed, None);
}

#[test]
fn behind_data() {
    let flight: &[&[u8]] = &[
        b"HELO client.example\r\n",
        b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\ntext\r\n.\r\n",
    ];
    let (replies, closed) = run(true, flight);
    assert!(
        replies.ends_with("\r\n503 5.5.0 Wait for the reply\r\n"),
        "{replies}"
    );
    assert_eq!(closed, Some(CloseReason::EarlyTalk));
    let (replies, closed) = run(false, flight);
    assert!(replies.contains("Accepted, id="), "{replies}");
    assert_eq!(closed, None);
}

#[test]
fn who_waits_is_heard() {
    let flights: &[&[u8]] = &[
        b"EHLO client.example\r\n",
        b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n",
        b"text\r\n.\r\n",
    ];
    let (replies, closed) = run(true, flights);
    assert!(replies.contains("Accepted, id="), "{replies}");
    assert_eq!(closed, None);
}

#[test]
fn behind_xclient_nothing_is_early() {
    let mut config = config(true);
    config.xclient = true;
    let flights: [&[u8]; 2] = [b"XCLIENT ADDR=192.0.2.7\r\nEHLO a\r\n", b"NOOP\r\n"];
    let outcome = driver::run(&Arc::new(config), &|_| None, flights);
    let replies = String::from_utf8_lossy(&outcome.replies);
    assert!(replies.ends_with("250 2.0.0 Ok\r\n"), "{replies}");
    assert_eq!(outcome.closed, None);
}

#[test]
fn before_the_banner() {
    let now = std::time::Instant::now();
    let mut session = Session::new(Arc::new(config(true)), now);
    let mut output = Vec::new();
    let progress = session.process(b"EHLO a\r\n", &mut output, now);
    assert_eq!(progress.step, Step::Close(CloseReason::EarlyTalk));
    assert_eq!(output, b"554 Wait for the banner\r\n");
}
