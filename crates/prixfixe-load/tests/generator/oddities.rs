//! Servers that speak strangely, or stop in the middle.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use prixfixe_load::failure::FailureKind;
use prixfixe_load::failure::Stage;

use crate::scripted_server::{Act, At, OFFERS, Server, closed, converse, run};

#[test]
fn replies_of_several_lines_are_replies_everywhere() {
    let server = Server::scripted(|moment| match moment.at {
        At::Banner => Act::Say("220-one\r\n220-two\r\n220 three\r\n"),
        At::Mail | At::Rcpt => Act::Say("250-a\r\n250-\r\n250 b\r\n"),
        At::Data => Act::Say("354-go\r\n354 on\r\n"),
        At::DataEnd => Act::Say("250-2.0.0 stored\r\n250\r\n"),
        _ => Act::Usual,
    });
    for pipelining in [false, true] {
        let mut plan = closed(&server, 5, 1);
        plan.dialogue.pipelining = pipelining;
        let measured = run(&plan);
        assert_eq!(measured.accepted, 5, "{:?}", measured.errors);
    }
}

/// Writes each octet by itself.
struct Dribble(TcpStream);

impl Read for Dribble {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Dribble {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        let octets = &octets[..octets.len().min(1)];
        std::thread::yield_now();
        self.0.write(octets)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl crate::scripted_server::Resettable for Dribble {
    fn reset(&mut self) {
        self.0.reset();
    }
}

#[test]
fn replies_that_come_octet_by_octet_are_the_same_replies() {
    let server = Server::start(|stream, connection| {
        let _ = converse(Dribble(stream), connection, OFFERS, &|_| Act::Usual);
    });
    for pipelining in [false, true] {
        let mut plan = closed(&server, 5, 1);
        plan.dialogue.pipelining = pipelining;
        let measured = run(&plan);
        assert_eq!(measured.accepted, 5, "{:?}", measured.errors);
    }
}

fn only_error(act: Act) -> (FailureKind, Stage) {
    let server = Server::scripted(move |moment| match moment.at {
        At::Banner => act.clone(),
        _ => Act::Usual,
    });
    let measured = run(&closed(&server, 1, 1));
    assert_eq!(measured.failed, 1);
    (measured.errors[0].kind, measured.errors[0].stage)
}

#[test]
fn a_banner_and_the_end_is_a_closed_connection() {
    let end = only_error(Act::SayAndClose("220 hello\r\n"));
    assert!(
        matches!(end, (FailureKind::Closed | FailureKind::Reset, Stage::Ehlo)),
        "{end:?}"
    );
}

#[test]
fn what_is_no_reply_is_a_violation() {
    for text in [
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "220 bare line feed\n",
        "220-one\r\n250 two\r\n",
        "99 short\r\n",
        "\u{0}\u{1}\u{2}\r\n",
        "354 not now\r\n",
    ] {
        let error = only_error(Act::Say(text));
        assert_eq!(error, (FailureKind::Protocol, Stage::Banner), "{text:?}");
    }
}

/// Neither may fill the memory, nor keep a worker for ever.
#[test]
fn a_line_without_an_end_and_a_reply_without_an_end_are_violations() {
    for line in ["220 never ending ", "220-again\r\n"] {
        let server = Server::start(
            move |mut stream, _| {
                while stream.write_all(line.as_bytes()).is_ok() {}
            },
        );
        let measured = run(&closed(&server, 1, 1));
        assert_eq!(measured.errors[0].kind, FailureKind::Protocol, "{line}");
        assert_eq!(measured.errors[0].stage, Stage::Banner, "{line}");
    }
}

#[test]
fn a_reply_that_nobody_asked_for_is_a_violation() {
    let server = Server::scripted(|moment| match (moment.at, moment.message) {
        (At::DataEnd, 0) if moment.connection == 0 => Act::Say("250 stored\r\n250 again\r\n"),
        _ => Act::Usual,
    });
    let measured = run(&closed(&server, 3, 1));
    assert_eq!((measured.accepted, measured.failed), (2, 1));
    assert_eq!(measured.errors[0].kind, FailureKind::Protocol);
}

/// Whoever answers before he was asked has taken nothing.
#[test]
fn replies_that_come_before_their_commands_are_no_acceptance() {
    for (at, text) in [
        (At::Mail, "250 a\r\n250 b\r\n354 c\r\n250 d\r\n"),
        (At::Rcpt, "250 a\r\n354 b\r\n250 c\r\n"),
        (At::Data, "354 go\r\n250 early\r\n"),
    ] {
        for pipelining in [false, true] {
            let server = Server::scripted(move |moment| match moment.at {
                _ if moment.at == at => Act::Say(text),
                _ => Act::Usual,
            });
            let folder = tempfile::tempdir().unwrap();
            let mut plan = closed(&server, 20, 2);
            plan.dialogue.pipelining = pipelining;
            plan.ledger = Some(folder.path().join("ledger"));
            let measured = run(&plan);
            assert_eq!((measured.accepted, measured.failed), (0, 20), "{at:?}");
            let kinds = measured.errors.iter().map(|error| error.kind);
            assert!(
                kinds.clone().all(|kind| kind == FailureKind::Protocol),
                "{at:?}: {:?}",
                measured.errors
            );
        }
    }
}

#[test]
fn only_250_takes_a_message() {
    for text in ["251 2.0.0 elsewhere\r\n", "200 ok\r\n", "354 more\r\n"] {
        let server = Server::scripted(move |moment| match moment.at {
            At::DataEnd => Act::Say(text),
            _ => Act::Usual,
        });
        for chunk_octets in [None, std::num::NonZeroU32::new(100)] {
            let mut plan = closed(&server, 3, 1);
            plan.dialogue.chunk_octets = chunk_octets;
            let measured = run(&plan);
            assert_eq!((measured.accepted, measured.failed), (0, 3), "{text}");
            assert_eq!(measured.errors[0].kind, FailureKind::Protocol, "{text}");
        }
    }
}

/// With BDAT every reply is a 250, so that one too many hides behind the others until the end.
#[test]
fn a_reply_too_many_is_told_at_the_end_where_no_other_code_betrays_it() {
    let server = Server::scripted(|moment| match (moment.at, moment.message) {
        (At::Mail, 0) => Act::Say("250 ok\r\n250 again\r\n"),
        _ => Act::Usual,
    });
    let mut plan = closed(&server, 5, 1);
    plan.dialogue.pipelining = true;
    plan.dialogue.chunk_octets = std::num::NonZeroU32::new(4096);
    let measured = run(&plan);
    assert!(
        measured.failed > 0 || !measured.valid,
        "{:?} {:?}",
        measured.errors,
        measured.invalid_because
    );
    assert!(measured.failed > 0 || measured.invalid_because[0].contains("QUIT was answered"));
}

/// RFC 2920, section 3.1: a lone dot, and the connection goes on.
#[test]
fn a_354_though_no_recipient_was_taken_gets_an_empty_message() {
    let server = Server::scripted(|moment| match (moment.at, moment.connection) {
        (At::Rcpt, _) if moment.message == 0 => Act::Say("550 5.1.1 nobody\r\n"),
        (At::DataEnd, _) if moment.message == 0 => {
            assert_eq!(moment.octets, b"");
            Act::Say("554 5.5.1 no valid recipients\r\n")
        }
        _ => Act::Usual,
    });
    let mut plan = closed(&server, 3, 1);
    plan.dialogue.pipelining = true;
    let measured = run(&plan);
    assert_eq!(
        (measured.accepted, measured.failed),
        (2, 1),
        "{:?}",
        measured.errors
    );
    assert_eq!(measured.errors[0].kind, FailureKind::Permanent(550));
    assert_eq!(measured.errors[0].stage, Stage::Rcpt);
    assert_eq!(server.connections(), 1);
}

/// Nobody may get a message that is told to have failed.
#[test]
fn a_354_with_some_recipients_refused_ends_the_connection_without_a_message() {
    let server = Server::scripted(|moment| match moment.at {
        At::Rcpt
            if moment.connection == 0 && moment.octets.starts_with(b"RCPT TO:<recipient+1@") =>
        {
            Act::Say("452 4.5.3 enough\r\n")
        }
        At::DataEnd if moment.connection == 0 => panic!("the message came"),
        _ => Act::Usual,
    });
    let mut plan = closed(&server, 2, 1);
    plan.dialogue.pipelining = true;
    plan.dialogue.recipients = std::num::NonZeroU32::new(3).unwrap();
    let measured = run(&plan);
    assert_eq!(
        (measured.accepted, measured.failed),
        (1, 1),
        "{:?}",
        measured.errors
    );
    assert_eq!(measured.errors[0].kind, FailureKind::Transient(452));
    assert_eq!(server.connections(), 2);
}

/// A body that is not read is a time-out at its stage, and surely not stored.
#[test]
fn a_server_that_reads_no_body_is_a_timeout_and_no_unknown_message() {
    let server = Server::start(|stream, _| {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.get_mut().write_all(b"220 hello\r\n").unwrap();
        while stream.read_line(&mut line).is_ok_and(|read| read > 0) {
            if line.starts_with("DATA") {
                stream.get_mut().write_all(b"354 go\r\n").unwrap();
                std::thread::park_timeout(Duration::from_secs(60));
            }
            stream.get_mut().write_all(b"250 ok\r\n").unwrap();
            line.clear();
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let mut plan = closed(&server, 1, 1);
    plan.contents = prixfixe_load::plan::Contents::Made("64MiB".parse().unwrap());
    plan.ledger = Some(folder.path().join("ledger"));
    plan.timeouts.command = Duration::from_millis(500);
    let measured = run(&plan);
    assert_eq!(measured.errors[0].kind, FailureKind::Timeout);
    assert_eq!(measured.errors[0].stage, Stage::DataEnd);
    let ledger = prixfixe_load::ledger::LedgerReader::open(plan.ledger.as_ref().unwrap());
    assert_eq!(ledger.unwrap().count(), 0);
}
