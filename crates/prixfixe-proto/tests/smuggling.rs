//! SMTP smuggling: whatever resembles the end of a body and is not CRLF "." CRLF is text. Each
//! such sequence stands before a whole second transaction; in no mode does that become a message,
//! and an honest command behind it is answered as the next one.

mod driver;
mod naive_body;
mod settings;

use std::sync::Arc;

use naive_body::NaiveBody;
use prixfixe_proto::{BareNewline, Config};
use settings::config;

/// The sequences of the known attacks.
const SEQUENCES: [&str; 16] = [
    "\n.\n",
    "\r.\r",
    "\r.\n",
    "\n.\r",
    "\n.\r\n",
    "\r\n.\n",
    "\r.\r\n",
    "\r\n.\r",
    "\r\n\0.\r\n",
    "\r\n.\0\r\n",
    "\r\r\n.\r\r\n",
    "\r\n.\r\r\n",
    "\r\n.\n\r\n",
    "\n\n.\r\n",
    "\n\r.\r\n",
    "\r\n..\r\n",
];

/// What stands before the sequence.
const TEXTS: [&str; 4] = ["", "text", "Subject: x\r\n\r\ntext", "text\r\n"];

const ENVELOPE: &str = "HELO c\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n";
const SECOND: &str = "MAIL FROM:<evil@example.org>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\n\
    From: evil\r\n\r\nsmuggled\r\n.\r\n";
const HONEST: &str = "VRFY honest\r\n";

#[test]
fn no_known_sequence_makes_two_messages() {
    for mode in 0..3 {
        let config = Arc::new(config(mode));
        for text in TEXTS {
            for sequence in SEQUENCES {
                let body = format!("{text}{sequence}{SECOND}");
                check(&config, body.as_bytes(), true);
            }
        }
    }
}

#[test]
fn no_short_sequence_makes_two_messages() {
    let longest = if std::env::var_os("PRIXFIXE_LONG").is_some() {
        6
    } else {
        4
    };
    for mode in 0..3 {
        let config = Arc::new(config(mode));
        for length in 1..=longest {
            for number in 0..5_usize.pow(length) {
                let sequence: String = (0..length)
                    .map(|place| ['\r', '\n', '.', '\0', 'x'][number / 5_usize.pow(place) % 5])
                    .collect();
                for text in TEXTS {
                    check(
                        &config,
                        format!("{text}{sequence}{SECOND}").as_bytes(),
                        false,
                    );
                }
            }
        }
    }
}

/// One session with this body, whole, octet by octet, and perhaps cut in two at each octet.
fn check(config: &Arc<Config>, body: &[u8], cut: bool) {
    let mode = config.quirks.bare_newline;
    let expected = NaiveBody::of(body, mode).unwrap_or_else(|| panic!("the body ends"));
    if expected.end < body.len() {
        // By chance this is the true end.
        return;
    }
    let refused = mode == BareNewline::Reject && expected.bare_newline;
    let sent = [ENVELOPE.as_bytes(), body, HONEST.as_bytes()].concat();
    let whole = driver::run(config, &|_| None, [&sent[..]]);

    let shown = body.escape_ascii();
    let replies = String::from_utf8_lossy(&whole.replies);
    let replies: Vec<&str> = replies.lines().map(|line| &line[..4]).collect();
    let verdict = if refused { "550 " } else { "250 " };
    let codes = ["220 ", "250 ", "250 ", "250 ", "354 ", verdict, "252 "];
    assert_eq!(replies, codes, "{mode:?} {shown}");
    let accepted: Vec<_> = whole.messages.iter().map(|m| &m.body).collect();
    let octets = (!refused).then_some(&expected.octets);
    assert_eq!(accepted, Vec::from_iter(octets), "{mode:?} {shown}");

    let octets = driver::run(config, &|_| None, sent.chunks(1));
    assert_eq!(octets, whole, "{mode:?} {shown} octet by octet");
    for at in if cut { 0..sent.len() } else { 0..0 } {
        let (first, second) = sent.split_at(at);
        let outcome = driver::run(config, &|_| None, [first, second]);
        assert_eq!(outcome, whole, "{mode:?} {shown} cut at {at}");
    }
}
