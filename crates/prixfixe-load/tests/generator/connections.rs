//! How connections are used, made anew and spread.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use prixfixe_load::failure::FailureKind;

use crate::scripted_server::{Act, At, Seen, Server, closed, run};

#[test]
fn a_connection_carries_as_many_messages_as_it_should_and_ends_with_quit() {
    let quits: Seen<usize> = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&quits);
    let server = Server::scripted(move |moment| {
        if moment.at == At::Quit {
            seen.lock().unwrap().push(moment.message);
        }
        Act::Usual
    });
    let mut plan = closed(&server, 10, 1);
    plan.per_connection = NonZeroU32::new(4);
    let measured = run(&plan);
    assert_eq!(measured.accepted, 10);
    assert_eq!(measured.connections.made, 3);
    assert_eq!(server.connections(), 3);
    assert_eq!(*quits.lock().unwrap(), [4, 4, 2]);
}

#[test]
fn a_connection_that_the_server_ended_between_messages_is_made_anew_once() {
    for end in [
        Act::SayAndClose("421 4.4.2 idle\r\n"),
        Act::Say("421 4.4.2 idle\r\n"),
        Act::Close,
        Act::Reset,
    ] {
        for pipelining in [false, true] {
            let what = format!("{end:?}, pipelining {pipelining}");
            let end = end.clone();
            let server = Server::scripted(move |moment| match (moment.at, moment.message) {
                (At::Mail, 2) => end.clone(),
                _ => Act::Usual,
            });
            let mut plan = closed(&server, 6, 1);
            plan.dialogue.pipelining = pipelining;
            let measured = run(&plan);
            assert_eq!(
                (measured.accepted, measured.failed),
                (6, 0),
                "{what}: {measured:?}"
            );
            assert_eq!(measured.connections.made, 3, "{what}");
            assert_eq!(measured.connections.remade, 2, "{what}");
        }
    }
}

#[test]
fn a_farewell_together_with_a_reply_is_seen_before_the_next_message() {
    let server = Server::scripted(|moment| match (moment.at, moment.message) {
        (At::DataEnd, 1) => Act::SayAndClose("250 stored\r\n421 4.3.2 bye\r\n"),
        _ => Act::Usual,
    });
    let measured = run(&closed(&server, 4, 1));
    assert_eq!(
        (measured.accepted, measured.failed),
        (4, 0),
        "{:?}",
        measured.errors
    );
    assert_eq!(measured.connections.remade, 1);
}

#[test]
fn a_new_connection_that_ends_is_a_failure() {
    let server = Server::scripted(|moment| match moment.at {
        At::Mail => Act::Close,
        _ => Act::Usual,
    });
    let measured = run(&closed(&server, 3, 1));
    assert_eq!(measured.failed, 3);
    assert_eq!(measured.connections.remade, 0);
    assert_eq!(measured.errors[0].kind, FailureKind::Closed);
}

#[test]
fn targets_get_equal_shares_whatever_the_number_of_workers() {
    for (workers, per_connection) in [(6, None), (4, NonZeroU32::new(1)), (1, NonZeroU32::new(2))] {
        let servers: Vec<Server> = (0..3).map(|_| Server::scripted(|_| Act::Usual)).collect();
        let mut plan = closed(&servers[0], 60, workers);
        plan.targets = servers.iter().map(Server::target).collect();
        plan.per_connection = per_connection;
        let measured = run(&plan);
        assert_eq!(measured.accepted, 60);
        let connections: Vec<usize> = servers.iter().map(Server::connections).collect();
        let (least, most) = (
            connections.iter().min().unwrap(),
            connections.iter().max().unwrap(),
        );
        assert!(most - least <= 2, "{workers} workers: {connections:?}");
        assert!(*least > 0, "{workers} workers: {connections:?}");
    }
}

#[test]
fn fewer_workers_than_targets_leave_out_none() {
    for workers in [1, 2] {
        let taken: Arc<[AtomicUsize; 3]> = Arc::default();
        let servers: Vec<Server> = (0..3)
            .map(|index| {
                let taken = Arc::clone(&taken);
                Server::scripted(move |moment| {
                    if moment.at == At::DataEnd {
                        taken[index].fetch_add(1, Ordering::SeqCst);
                    }
                    Act::Usual
                })
            })
            .collect();
        let mut plan = closed(&servers[0], 60, workers);
        plan.targets = servers.iter().map(Server::target).collect();
        let measured = run(&plan);
        assert_eq!(measured.accepted, 60, "{:?}", measured.errors);
        let taken = [0, 1, 2].map(|index: usize| taken[index].load(Ordering::SeqCst));
        let (least, most) = (taken.iter().min().unwrap(), taken.iter().max().unwrap());
        assert!(most - least <= workers, "{workers} workers: {taken:?}");
        // Each worker has one of its own to each.
        assert!(measured.connections.made <= 3 * workers as u64);
    }
}

#[test]
fn a_server_that_knows_no_ehlo_gets_helo() {
    let server = Server::scripted(|moment| match moment.at {
        At::Ehlo if moment.octets.starts_with(b"EHLO") => Act::Say("502 5.5.1 what\r\n"),
        _ => Act::Usual,
    });
    let mut plan = closed(&server, 2, 1);
    plan.dialogue.pipelining = true;
    let measured = run(&plan);
    assert_eq!(measured.accepted, 2, "{:?}", measured.errors);
}
