//! What arrives is what was sent, on every way.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use prixfixe_load::label::{Inspected, inspect};
use prixfixe_load::plan::{Contents, Plan};

use crate::scripted_server::{Act, At, Seen, Server, closed, run};

/// Runs a plan and returns all commands and messages that the server saw.
fn arrivals(change: impl Fn(&mut Plan)) -> (Plan, Vec<(At, Vec<u8>)>) {
    let seen: Seen<(At, Vec<u8>)> = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&seen);
    let server = Server::scripted(move |moment| {
        let octets = moment.octets.to_vec();
        all.lock().unwrap().push((moment.at, octets));
        Act::Usual
    });
    let mut plan = closed(&server, 20, 2);
    change(&mut plan);
    let measured = run(&plan);
    assert_eq!(measured.accepted, 20, "{:?}", measured.errors);
    let seen = seen.lock().unwrap().clone();
    let octets: usize = messages(&seen).map(<[u8]>::len).sum();
    assert_eq!(measured.octets, octets as u64);
    (plan, seen)
}

fn messages(seen: &[(At, Vec<u8>)]) -> impl Iterator<Item = &[u8]> {
    let ends = seen.iter().filter(|(at, _)| *at == At::DataEnd);
    ends.map(|(_, octets)| &octets[..])
}

fn assert_all_intact(plan: &Plan, seen: &[(At, Vec<u8>)], what: &str) {
    let mut numbers: Vec<u64> = messages(seen)
        .map(|message| match inspect(message) {
            Inspected::Intact(label) => {
                assert_eq!(label.run, plan.run, "{what}");
                label.number
            }
            other => panic!("{what}: {other:?}"),
        })
        .collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..20), "{what}");
}

#[test]
fn messages_arrive_whole_by_data_and_in_chunks_of_any_size() {
    for pipelining in [false, true] {
        for chunk in [None, Some(1), Some(7), Some(511), Some(100_000)] {
            let (plan, seen) = arrivals(|plan| {
                plan.contents = Contents::Made("mix:1KiB=3,2500=1".parse().unwrap());
                plan.dialogue.pipelining = pipelining;
                plan.dialogue.chunk_octets = chunk.and_then(NonZeroU32::new);
            });
            assert_all_intact(&plan, &seen, &format!("{pipelining} {chunk:?}"));
        }
    }
}

#[test]
fn files_with_dots_arrive_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let text = "Subject: dots\r\n\r\n.\r\n..two\r\n.one\r\nend without a line end";
    std::fs::write(folder.path().join("dots.eml"), text).unwrap();
    for chunk in [None, NonZeroU32::new(64)] {
        let (plan, seen) = arrivals(|plan| {
            plan.contents = Contents::Corpus(folder.path().to_owned());
            plan.dialogue.chunk_octets = chunk;
        });
        assert_all_intact(&plan, &seen, &format!("{chunk:?}"));
        for message in messages(&seen) {
            let text = String::from_utf8_lossy(message);
            assert!(text.contains("\r\n.\r\n..two\r\n.one\r\nend"), "{text}");
        }
    }
}

#[test]
fn a_message_of_a_megabyte_arrives_by_either_way() {
    for chunk in [None, NonZeroU32::new(300_000)] {
        let (plan, seen) = arrivals(|plan| {
            plan.contents = Contents::Made("xlarge".parse().unwrap());
            plan.dialogue.chunk_octets = chunk;
        });
        assert_all_intact(&plan, &seen, &format!("{chunk:?}"));
    }
}

#[test]
fn all_recipients_are_named_and_distinct() {
    for pipelining in [false, true] {
        let (_, seen) = arrivals(|plan| {
            plan.dialogue.recipients = NonZeroU32::new(3).unwrap();
            plan.dialogue.pipelining = pipelining;
        });
        let recipients = seen.iter().filter(|(at, _)| *at == At::Rcpt);
        let mut lines: Vec<String> = recipients
            .map(|(_, octets)| String::from_utf8_lossy(octets).into_owned())
            .collect();
        assert_eq!(lines.len(), 60);
        lines.sort();
        lines.dedup();
        let expected = [
            "RCPT TO:<recipient+1@example.com>\r\n",
            "RCPT TO:<recipient+2@example.com>\r\n",
            "RCPT TO:<recipient@example.com>\r\n",
        ];
        assert_eq!(lines, expected);
    }
}

#[test]
fn smtputf8_is_said_with_addresses_that_need_it() {
    let (plan, seen) = arrivals(|plan| plan.dialogue.smtputf8 = true);
    assert_all_intact(&plan, &seen, "SMTPUTF8");
    for (at, octets) in &seen {
        let line = std::str::from_utf8(octets).unwrap();
        match at {
            At::Mail => {
                let expected = "MAIL FROM:<load+ü@load.example> BODY=8BITMIME SMTPUTF8\r\n";
                assert_eq!(line, expected);
            }
            At::Rcpt => assert_eq!(line, "RCPT TO:<recipient+ü@example.com>\r\n"),
            _ => {}
        }
    }
}
