//! Runs that end before their time, and plans that cannot begin.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use prixfixe_load::failure::FailureKind;
use prixfixe_load::generator::Live;
use prixfixe_load::generator::{self, PlanError};
use prixfixe_load::ledger::{Answer, LedgerReader};
use prixfixe_load::schedule::{Burst, Phase, Schedule, Timetable};

use crate::scripted_server::{Act, At, Server, closed};

fn without_end() -> Schedule {
    Schedule::Closed {
        messages: None,
        lasts: None,
    }
}

#[test]
fn a_stopped_run_ends_what_is_under_way_and_keeps_its_figures() {
    let server = Server::scripted(|_| Act::Usual);
    let mut plan = closed(&server, 0, 4);
    plan.schedule = without_end();
    let live = Arc::new(Live::new());
    let stopper = Arc::clone(&live);
    let watch = thread::spawn(move || {
        while stopper.snapshot().accepted < 50 {
            thread::sleep(Duration::from_millis(10));
        }
        stopper.stop();
    });
    let measured = generator::run(&plan, &live).unwrap().measurement(&plan);
    watch.join().unwrap();
    assert!(measured.accepted >= 50);
    assert_eq!(measured.failed, 0, "{:?}", measured.errors);
    assert_eq!(measured.sent, measured.accepted);
    let last = live.snapshot();
    assert_eq!(
        (last.sent, last.accepted),
        (measured.sent, measured.accepted)
    );
    assert!(last.p50_ms > 0.0 && last.p99_ms >= last.p50_ms);
}

#[test]
fn what_has_no_answer_when_the_grace_is_over_was_stopped_and_is_unknown() {
    let server = Server::scripted(|moment| match moment.at {
        At::DataEnd => Act::Silence,
        _ => Act::Usual,
    });
    let folder = tempfile::tempdir().unwrap();
    let mut plan = closed(&server, 0, 3);
    plan.schedule = Schedule::Closed {
        messages: None,
        // Time enough to come to the end of a body on a machine that is busy.
        lasts: Some(Duration::from_secs(3)),
    };
    plan.timeouts.grace = Duration::from_millis(300);
    plan.ledger = Some(folder.path().join("ledger"));
    let measured = generator::run(&plan, &Live::new())
        .unwrap()
        .measurement(&plan);
    assert_eq!((measured.sent, measured.failed), (3, 3));
    assert_eq!(measured.errors[0].kind, FailureKind::Stopped);
    let reader = LedgerReader::open(plan.ledger.as_ref().unwrap()).unwrap();
    let answers: Vec<Answer> = reader.map(|entry| entry.unwrap().answer).collect();
    assert_eq!(answers, [Answer::Unknown; 3]);
}

#[test]
fn an_open_run_that_is_stopped_does_not_wait_for_what_is_not_due() {
    let server = Server::scripted(|_| Act::Usual);
    let mut plan = closed(&server, 0, 2);
    plan.schedule = Schedule::Open(Timetable {
        phases: vec![Phase::even(1.0, Duration::from_secs(3600))],
        ..Timetable::default()
    });
    let live = Live::new();
    live.stop();
    let measured = generator::run(&plan, &live).unwrap().measurement(&plan);
    assert!(measured.sent <= 2);
    // What is not due is not missing.
    let reasons = measured.invalid_because.join("\n");
    assert!(!reasons.contains("never began"), "{reasons}");
}

/// Messages that were due and found no free worker are missing in the percentiles: that is told.
#[test]
fn what_never_began_makes_a_run_invalid() {
    let server = Server::scripted(|moment| match moment.at {
        At::DataEnd => Act::Silence,
        _ => Act::Usual,
    });
    let mut plan = closed(&server, 0, 2);
    plan.timeouts.grace = Duration::from_millis(200);
    plan.schedule = Schedule::Open(Timetable {
        phases: vec![Phase::even(50.0, Duration::from_millis(400))],
        ..Timetable::default()
    });
    let measured = generator::run(&plan, &Live::new())
        .unwrap()
        .measurement(&plan);
    assert_eq!(measured.sent, 2);
    assert!(!measured.valid);
    let reasons = measured.invalid_because.join("\n");
    assert!(
        reasons.contains("18 messages that were due never began"),
        "{reasons}"
    );
    assert_eq!(measured.overdue, 18);
}

/// A pipe whose reader is gone stands for a full disk: the ledger is made, and breaks later.
#[test]
fn a_ledger_that_breaks_ends_the_run_and_keeps_what_was_measured() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &path, kind, mode, 0).unwrap();
    let reader = path.clone();
    let reader = thread::spawn(move || {
        use std::io::{BufRead, BufReader};
        let mut line = String::new();
        let mut file = BufReader::new(std::fs::File::open(reader).unwrap());
        file.read_line(&mut line).unwrap();
    });
    let server = Server::scripted(|_| Act::Usual);
    let mut plan = closed(&server, 0, 2);
    plan.schedule = without_end();
    plan.ledger = Some(path);
    let measured = generator::run(&plan, &Live::new())
        .unwrap()
        .measurement(&plan);
    reader.join().unwrap();
    assert!(measured.accepted > 0);
    assert!(!measured.valid);
    let reasons = measured.invalid_because.join("\n");
    assert!(
        reasons.contains("the ledger could not be written"),
        "{reasons}"
    );
    let broken_off_by = measured.broken_off_by.unwrap_or_default();
    assert!(
        broken_off_by.contains("the ledger could not be written"),
        "{broken_off_by:?}"
    );
}

#[test]
fn a_plan_that_cannot_be_is_refused_with_its_reason() {
    let server = Server::scripted(|_| Act::Usual);
    let good = closed(&server, 1, 1);
    let refusal = |change: &dyn Fn(&mut prixfixe_load::plan::Plan)| {
        let mut plan = good.clone();
        change(&mut plan);
        generator::run(&plan, &Live::new()).unwrap_err()
    };
    assert!(matches!(
        refusal(&|plan| plan.workers = 0),
        PlanError::Workers(0)
    ));
    assert!(matches!(
        refusal(&|plan| plan.threads = Some(0)),
        PlanError::Threads(0)
    ));
    for target in [
        "",
        "host",
        "host:",
        ":25",
        "host:0",
        "host:70000",
        "::1:25",
        "[::1]",
    ] {
        let error = refusal(&|plan| plan.targets = vec![target.to_owned()]);
        assert!(error.to_string().contains("host:port"), "{target}: {error}");
    }
    let error = refusal(&|plan| plan.targets.clear());
    assert!(error.to_string().contains("no target"), "{error}");
    for address in ["", "no", "@x", "x@", "a b@x", "a>@x", "a@x\r\nDATA", "ü@x"] {
        let error = refusal(&|plan| plan.dialogue.recipient = address.to_owned());
        assert!(
            matches!(error, PlanError::Connector(_)),
            "{address}: {error}"
        );
    }
    let error = refusal(&|plan| plan.dialogue.helo = "a b".to_owned());
    assert!(error.to_string().contains("EHLO"), "{error}");
    let error = refusal(&|plan| plan.ledger = Some("/nowhere/at/all".into()));
    assert!(matches!(error, PlanError::Ledger(_)), "{error}");
    for rate in [-1.0, f64::NAN, f64::INFINITY, 1e12] {
        let error = refusal(&|plan| {
            plan.schedule = Schedule::Open(Timetable {
                phases: vec![Phase::even(rate, Duration::from_secs(1))],
                ..Timetable::default()
            });
        });
        assert!(matches!(error, PlanError::Rate(_)), "{rate}: {error}");
    }
    let table = |lasts, messages| {
        Schedule::Open(Timetable {
            phases: vec![Phase::even(1.0, lasts)],
            bursts: vec![Burst {
                at: Duration::from_secs(1),
                messages,
            }],
            ..Timetable::default()
        })
    };
    let burst = table(Duration::from_secs(3), u64::MAX);
    let error = refusal(&|plan| plan.schedule = burst.clone());
    assert!(matches!(error, PlanError::Numbers), "{error}");
    let long = table(Duration::MAX, 1);
    let error = refusal(&|plan| plan.schedule = long.clone());
    assert!(matches!(error, PlanError::Lasts), "{error}");
    assert_eq!(server.connections(), 0);
}

#[test]
fn the_reverse_path_of_bounces_is_allowed() {
    let server = Server::scripted(|moment| match moment.at {
        At::Mail => {
            assert_eq!(moment.octets, b"MAIL FROM:<>\r\n");
            Act::Usual
        }
        _ => Act::Usual,
    });
    let mut plan = closed(&server, 2, 1);
    plan.dialogue.sender = String::new();
    let start = Instant::now();
    let measured = generator::run(&plan, &Live::new())
        .unwrap()
        .measurement(&plan);
    assert_eq!(measured.accepted, 2);
    assert!(start.elapsed() >= Duration::from_secs_f64(measured.duration_s));
}
