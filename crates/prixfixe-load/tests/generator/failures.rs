//! Every class of failure at every stage is told by its name, and a ledger holds what may have been
//! stored.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use prixfixe_load::failure::FailureKind;
use prixfixe_load::failure::Stage;
use prixfixe_load::ledger::{Answer, LedgerReader};
use prixfixe_load::plan::Plan;

use crate::scripted_server::{Act, At, Server, closed, run};

/// How a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    InTurn,
    Pipelined,
    Chunks,
    PipelinedChunks,
}

const WAYS: [Way; 4] = [
    Way::InTurn,
    Way::Pipelined,
    Way::Chunks,
    Way::PipelinedChunks,
];

impl Way {
    fn apply(self, plan: &mut Plan) {
        plan.dialogue.pipelining = matches!(self, Self::Pipelined | Self::PipelinedChunks);
        if self.chunked() {
            plan.dialogue.chunk_octets = NonZeroU32::new(200);
        }
    }

    fn chunked(self) -> bool {
        matches!(self, Self::Chunks | Self::PipelinedChunks)
    }
}

const STAGES: [(At, Stage); 7] = [
    (At::Banner, Stage::Banner),
    (At::Ehlo, Stage::Ehlo),
    (At::Auth, Stage::Auth),
    (At::Mail, Stage::Mail),
    (At::Rcpt, Stage::Rcpt),
    (At::Data, Stage::DataStart),
    (At::DataEnd, Stage::DataEnd),
];

/// What a server does, what it is called, and what may have become of a message whose end it was
/// the answer to.
fn classes() -> [(Act, FailureKind, Answer); 8] {
    use FailureKind as Kind;
    [
        (
            Act::Say("450 4.0.0 later\r\n"),
            Kind::Transient(450),
            Answer::Refused,
        ),
        (
            Act::Say("421 4.3.2 bye\r\n"),
            Kind::Transient(421),
            Answer::Refused,
        ),
        (
            Act::Say("550-5.7.1 no\r\n550 never\r\n"),
            Kind::Permanent(550),
            Answer::Refused,
        ),
        (Act::Say("hello\r\n"), Kind::Protocol, Answer::Unknown),
        (Act::Say("399 what\r\n"), Kind::Protocol, Answer::Unknown),
        (Act::Close, Kind::Closed, Answer::Unknown),
        (Act::Reset, Kind::Reset, Answer::Unknown),
        (Act::Silence, Kind::Timeout, Answer::Unknown),
    ]
}

#[test]
fn every_class_at_every_stage_is_told_in_turn() {
    every_class_at_every_stage(Way::InTurn);
}

#[test]
fn every_class_at_every_stage_is_told_with_pipelining() {
    every_class_at_every_stage(Way::Pipelined);
}

#[test]
fn every_class_at_every_stage_is_told_in_chunks() {
    every_class_at_every_stage(Way::Chunks);
}

#[test]
fn every_class_at_every_stage_is_told_in_pipelined_chunks() {
    every_class_at_every_stage(Way::PipelinedChunks);
}

fn every_class_at_every_stage(way: Way) {
    let cases: Vec<_> = STAGES
        .into_iter()
        .filter(|(at, _)| *at != At::Data || !way.chunked())
        .flat_map(|stage| classes().map(|class| (stage, class)))
        .map(|(stage, class)| thread::spawn(move || one_class_at_one_stage(way, stage, &class)))
        .collect();
    for case in cases {
        case.join().unwrap();
    }
}

fn one_class_at_one_stage(
    way: Way,
    (at, stage): (At, Stage),
    (act, kind, answer): &(Act, FailureKind, Answer),
) {
    let what = format!("{act:?} at {} ({way:?})", stage.name());
    let script = act.clone();
    let server = Server::scripted(move |moment| match moment.at {
        // The first connection alone goes wrong, so the second message shows a way on.
        here if here == at && moment.connection == 0 && moment.message == 0 => script.clone(),
        _ => Act::Usual,
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let mut plan = closed(&server, 1, 1);
    way.apply(&mut plan);
    plan.ledger = Some(path.clone());
    plan.login = Some(prixfixe_load::plan::Login {
        user: "user".to_owned(),
        password: "secret".to_owned(),
        mechanism: prixfixe_load::plan::Mechanism::Plain,
    });
    if *act == Act::Silence {
        // Long enough for the steps before, on a machine that runs all other cases meanwhile.
        let short = Duration::from_secs(2);
        match at {
            At::Banner => plan.timeouts.banner = short,
            At::DataEnd => plan.timeouts.data_end = short,
            _ => plan.timeouts.command = short,
        }
    }
    let measured = run(&plan);
    assert_eq!(
        (measured.sent, measured.accepted, measured.failed),
        (1, 0, 1),
        "{what}"
    );
    let [error] = &measured.errors[..] else {
        panic!("{what}: {:?}", measured.errors);
    };
    // A reset can overtake the news that there is a connection.
    let overtakes = *act == Act::Reset && at == At::Banner && error.stage == Stage::Connect;
    assert!(error.stage == stage || overtakes, "{what}: {error:?}");
    // A server that closes while commands lie unread in its socket resets.
    let resets = *kind == FailureKind::Closed && way != Way::InTurn;
    assert!(
        error.kind == *kind || (resets && error.kind == FailureKind::Reset),
        "{what}: {error:?}"
    );
    assert!(!error.example.is_empty(), "{what}");
    if let Act::Say(text) = act
        && text.starts_with("550")
    {
        assert_eq!(error.example, "550-5.7.1 no\n550 never", "{what}");
    }
    let entries: Vec<_> = LedgerReader::open(&path)
        .unwrap()
        .map(|entry| entry.unwrap().answer)
        .collect();
    let expected = if at == At::DataEnd {
        vec![*answer]
    } else {
        Vec::new()
    };
    assert_eq!(entries, expected, "{what}: the ledger");
}

/// The message after one that failed is sent as if nothing had been.
#[test]
fn after_a_failure_the_next_message_arrives() {
    let cases: Vec<_> = WAYS
        .into_iter()
        .flat_map(|way| STAGES.map(|stage| (way, stage)))
        .filter(|(way, (at, _))| *at != At::Auth && (*at != At::Data || !way.chunked()))
        .flat_map(|case| classes().map(|class| (case, class)))
        .filter(|(_, (act, _, _))| *act != Act::Silence)
        .map(|((way, (at, stage)), (act, _, _))| {
            thread::spawn(move || {
                let what = format!("{act:?} at {} ({way:?})", stage.name());
                let done = AtomicBool::new(false);
                let server = Server::scripted(move |moment| {
                    if moment.at == at && !done.swap(true, Ordering::SeqCst) {
                        act.clone()
                    } else {
                        Act::Usual
                    }
                });
                let mut plan = closed(&server, 3, 1);
                way.apply(&mut plan);
                let measured = run(&plan);
                let counts = (measured.accepted, measured.failed);
                assert_eq!(counts, (2, 1), "{what}: {:?}", measured.errors);
            })
        })
        .collect();
    for case in cases {
        case.join().unwrap();
    }
}

#[test]
fn nobody_listening_is_a_refusal_and_does_not_end_a_burst_at_once() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = unused.local_addr().unwrap();
    drop(unused);
    let server = Server::scripted(|_| Act::Usual);
    let mut plan = closed(&server, 4, 1);
    plan.targets = vec![address.to_string()];
    let start = std::time::Instant::now();
    let measured = run(&plan);
    assert_eq!(measured.failed, 4);
    assert_eq!(measured.errors[0].kind, FailureKind::Refused);
    assert_eq!(measured.errors[0].stage, Stage::Connect);
    // A pause of a tenth of a second after each.
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[test]
fn what_is_not_offered_is_named() {
    let silent = Server::start(|stream, connection| {
        let offers = "250 plain.example\r\n";
        let _ = crate::scripted_server::converse(stream, connection, offers, &|_| Act::Usual);
    });
    let mut plans = BTreeMap::new();
    let mut plan = closed(&silent, 1, 1);
    plan.dialogue.chunk_octets = NonZeroU32::new(100);
    plans.insert("CHUNKING", plan);
    let mut plan = closed(&silent, 1, 1);
    plan.dialogue.smtputf8 = true;
    plans.insert("SMTPUTF8", plan);
    let mut plan = closed(&silent, 1, 1);
    plan.tls = prixfixe_load::plan::Tls::StartTls(prixfixe_load::plan::TlsTerms {
        trust: prixfixe_load::plan::Trust::Anybody,
        server_name: None,
        resume: false,
    });
    plans.insert("STARTTLS", plan);
    let mut plan = closed(&silent, 1, 1);
    plan.login = Some(prixfixe_load::plan::Login {
        user: "user".to_owned(),
        password: "secret".to_owned(),
        mechanism: prixfixe_load::plan::Mechanism::Login,
    });
    plans.insert("LOGIN", plan);
    for (what, plan) in plans {
        let measured = run(&plan);
        assert_eq!(measured.errors[0].kind, FailureKind::NotOffered, "{what}");
        assert!(
            measured.errors[0].example.contains(what),
            "{:?}",
            measured.errors
        );
    }
}
