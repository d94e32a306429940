#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::num::{NonZeroU16, NonZeroU32};

use super::*;
use crate::contents::{Library, Scratch};
use crate::ledger::Ledger;
use crate::plan::{Contents, Recipients};
use crate::size::{MessageSize, SizeMix};

pub(super) const RUN: u64 = 0xab;

/// The messages of a run, as a server has to store them.
pub(super) fn sent(run: u64) -> impl Fn(u64) -> Vec<u8> {
    let mix = SizeMix::only(MessageSize::LEAST);
    let library = Library::prepare(&Contents::Made(mix), RunId::from_seed(run), false).unwrap();
    move |number| {
        let mut scratch = Scratch::default();
        let message = library.message(number, &mut scratch);
        [message.head, message.raw, message.tail].concat()
    }
}

/// All messages go to one address.
fn one() -> Recipients {
    Recipients::new("a@b.example", NonZeroU32::MIN, NonZeroU32::MIN).unwrap()
}

fn all() -> Vec<String> {
    one().addresses(0).collect()
}

/// A ledger of run [`RUN`], and what an account of it says of some messages.
fn settled(
    entries: &[(u64, Answer, &str)],
    copies: u16,
    arrivals: &[(Vec<u8>, &str)],
) -> Verification {
    let folder = tempfile::tempdir().unwrap();
    let path = write_ledger(folder.path(), RUN, entries);
    let mut account = Account::open(&[path], NonZeroU16::new(copies).unwrap()).unwrap();
    for (message, place) in arrivals {
        account.arrived(message, Some(&all()), place);
    }
    account.settle("here").unwrap()
}

fn write_ledger(folder: &Path, run: u64, entries: &[(u64, Answer, &str)]) -> PathBuf {
    write_ledger_for(&one(), folder, run, entries)
}

pub(super) fn write_ledger_for(
    recipients: &Recipients,
    folder: &Path,
    run: u64,
    entries: &[(u64, Answer, &str)],
) -> PathBuf {
    let path = folder.join(format!(
        "{run}-{}.ledger",
        entries.first().map_or(0, |e| e.0)
    ));
    let ledger = Ledger::create(&path, RunId::from_seed(run), recipients).unwrap();
    for (number, answer, reply) in entries {
        ledger.record(*number, *answer, reply).unwrap();
    }
    ledger.close().unwrap();
    path
}

pub(super) const THREE: [(u64, Answer, &str); 3] = [
    (0, Answer::Accepted, "250 id=x0"),
    (1, Answer::Accepted, "250 id=x1"),
    (2, Answer::Accepted, "250 id=x2"),
];

#[test]
fn an_account_holds_where_each_acknowledged_message_was_found_once() {
    let sent = sent(RUN);
    let settled = settled(&THREE, 1, &[(sent(2), "c"), (sent(0), "a"), (sent(1), "b")]);
    assert!(settled.holds());
    assert_eq!((settled.acknowledged, settled.stored), (3, 3));
    assert_eq!(settled.source, "here");
    assert_eq!(settled.recipients_unknown(), 0);
}

#[test]
fn a_lost_message_is_named_with_its_acknowledgement() {
    let sent = sent(RUN);
    let settled = settled(&THREE, 1, &[(sent(2), "c"), (sent(0), "a")]);
    assert!(!settled.holds());
    assert_eq!(settled.lost.count, 1);
    assert_eq!(
        settled.lost.named,
        ["message 1: not found; acknowledged by 250 id=x1"]
    );
    assert_eq!(settled.stored, 2);
}

#[test]
fn a_message_whose_label_was_destroyed_is_lost_and_the_account_says_where_it_may_be() {
    let sent = sent(RUN);
    let destroyed = String::from_utf8(sent(1))
        .unwrap()
        .replace("Prixfixe-Load", "P");
    let arrivals = [
        (sent(0), "a"),
        (destroyed.into_bytes(), "b"),
        (sent(2), "c"),
    ];
    let settled = settled(&THREE, 1, &arrivals);
    assert_eq!((settled.lost.count, settled.unlabelled), (1, 1));
    assert!(
        settled.lost.named[1].contains("1 without a label"),
        "{settled:?}"
    );
}

#[test]
fn a_message_found_twice_is_named_with_the_place_of_the_second() {
    let sent = sent(RUN);
    let arrivals = [
        (sent(0), "a"),
        (sent(1), "b"),
        (sent(2), "c"),
        (sent(1), "d"),
        (sent(1), "e"),
    ];
    let settled = settled(&THREE, 1, &arrivals);
    assert_eq!(settled.duplicated.count, 1);
    assert_eq!(
        settled.duplicated.named,
        ["message 1: found 3 times, at last as d, e; acknowledged by 250 id=x1"]
    );
    assert_eq!(settled.lost.count + settled.altered.count, 0);
}

#[test]
fn an_altered_message_is_neither_lost_nor_stored_twice() {
    let sent = sent(RUN);
    let mut altered = sent(1);
    let last = altered.len() - 3;
    altered[last] ^= 1;
    let once = settled(
        &THREE,
        1,
        &[(sent(0), "a"), (altered.clone(), "b"), (sent(2), "c")],
    );
    assert_eq!(
        once.altered.named,
        ["message 1: altered in b; acknowledged by 250 id=x1"]
    );
    assert_eq!(once.lost.count + once.duplicated.count, 0);

    let beside = settled(
        &THREE,
        1,
        &[
            (sent(0), "a"),
            (altered, "b"),
            (sent(2), "c"),
            (sent(1), "d"),
        ],
    );
    assert_eq!(beside.altered.count, 1);
    assert_eq!(beside.lost.count + beside.duplicated.count, 0);
    assert_eq!(beside.stored, 4);
}

#[test]
fn no_octet_of_a_message_can_change_unseen() {
    let sent = sent(RUN);
    let whole = sent(1);
    for at in 0..whole.len() {
        let mut altered = whole.clone();
        altered[at] ^= 1;
        let settled = settled(&THREE, 1, &[(sent(0), "a"), (altered, "b"), (sent(2), "c")]);
        assert!(!settled.holds(), "octet {at}");
        let named = [&settled.lost.named[..], &settled.altered.named[..]].concat();
        assert!(
            named.iter().any(|line| line.starts_with("message 1:")),
            "octet {at}: {settled:?}"
        );
    }
}

#[test]
fn what_was_refused_or_never_ended_must_not_be_there() {
    let sent = sent(RUN);
    let entries = [
        THREE[0],
        (1, Answer::Refused, "452 4.3.1 no room"),
        THREE[2],
    ];
    let arrivals = [
        (sent(0), "a"),
        (sent(1), "b"),
        (sent(1), "b2"),
        (sent(2), "c"),
        (sent(3), "d"),
    ];
    let near = settled(&entries, 1, &arrivals);
    assert_eq!(near.refused_but_stored.count, 2);
    assert_eq!(
        near.refused_but_stored.named,
        [
            "message 1: found as b, b2; refused by 452 4.3.1 no room",
            "message 3: found as d; it is not in the ledger, its body never ended",
        ]
    );
    assert_eq!(near.duplicated.count, 0);

    // A number that no page of the book has.
    let far = [
        (sent(0), "a"),
        (sent(2), "c"),
        (sent(1 << 30), "d"),
        (sent(1 << 30), "e"),
    ];
    let far = settled(&entries, 1, &far);
    assert_eq!(far.refused_but_stored.count, 1);
    assert!(far.refused_but_stored.named[0].contains("found as d, e"));
}

#[test]
fn a_reply_that_was_lost_is_nobodys_fault_but_two_copies_are() {
    let sent = sent(RUN);
    let entries = [THREE[0], (1, Answer::Unknown, ""), (2, Answer::Unknown, "")];
    let once = settled(&entries, 1, &[(sent(0), "a"), (sent(1), "b")]);
    assert!(once.holds());
    assert_eq!((once.unanswered_but_stored, once.acknowledged), (1, 1));

    let twice = settled(
        &entries,
        1,
        &[(sent(0), "a"), (sent(1), "b"), (sent(1), "c")],
    );
    assert_eq!(
        twice.duplicated.named,
        ["message 1: found 2 times, at last as c; never answered"]
    );
}

#[test]
fn a_copy_for_each_recipient_is_asked_for_and_no_more() {
    let sent = sent(RUN);
    let mut arrivals = Vec::new();
    for number in [0, 0, 1, 1, 2, 2] {
        arrivals.push((sent(number), "a"));
    }
    assert!(settled(&THREE, 2, &arrivals).holds());
    arrivals.push((sent(1), "again"));
    let too_many = settled(&THREE, 2, &arrivals);
    assert_eq!(too_many.duplicated.count, 1);
    let too_few = settled(&THREE, 2, &arrivals[1..6]);
    assert_eq!(
        too_few.lost.named,
        ["message 0: copies found: 1; acknowledged by 250 id=x0"]
    );
}

#[test]
fn several_ledgers_and_several_runs_are_one_account() {
    let folder = tempfile::tempdir().unwrap();
    let accepted = |number| (number, Answer::Accepted, "250 ok");
    let ledgers = [
        write_ledger(folder.path(), 1, &[accepted(0)]),
        write_ledger(folder.path(), 1, &[accepted(5_000_000_000)]),
        write_ledger(folder.path(), 2, &[accepted(0)]),
    ];
    let mut account = Account::open(&ledgers, NonZeroU16::MIN).unwrap();
    account.arrived(&sent(1)(5_000_000_000), None, "a");
    account.arrived(&sent(2)(0), None, "b");
    account.arrived(&sent(3)(0), None, "somebody else's");
    account.arrived(b"Subject: somebody else's\r\n\r\n", None, "d");
    let settled = account.settle("here").unwrap();
    assert_eq!((settled.acknowledged, settled.stored), (3, 2));
    assert_eq!((settled.of_other_runs, settled.unlabelled), (1, 1));
    assert_eq!(
        settled.lost.named[0],
        "message 0 of run 0000000000000001: not found; acknowledged by 250 ok"
    );
}

#[test]
fn findings_are_all_counted_and_not_all_named() {
    let entries: Vec<_> = (0..5000)
        .map(|number| (number, Answer::Accepted, "250"))
        .collect();
    let settled = settled(&entries, 1, &[]);
    assert_eq!(settled.lost.count, 5000);
    assert_eq!(settled.lost.named.len(), Findings::MOST_NAMED);
}

#[test]
fn ledgers_that_contradict_each_other_or_are_none_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_ledger(folder.path(), 1, &[THREE[0]]);
    let fault = |ledgers: &[PathBuf]| {
        Account::open(ledgers, NonZeroU16::MIN)
            .unwrap_err()
            .to_string()
    };
    let twice = fault(&[path.clone(), path]);
    assert!(
        twice.contains("message 0 has been in the ledgers before"),
        "{twice}"
    );
    let missing = fault(&[folder.path().join("missing")]);
    assert!(missing.contains("missing: No such file"), "{missing}");
}

#[test]
fn a_ledger_that_broke_off_is_refused_or_blames_nobody_for_what_it_does_not_have() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_ledger(folder.path(), RUN, &THREE);
    let whole = std::fs::read_to_string(&path).unwrap();
    // Without the last message, and without the end.
    let cut = whole.find("2 accepted").unwrap();
    std::fs::write(&path, &whole[..cut]).unwrap();
    let ledgers = [path];
    let refused = Account::open(&ledgers, NonZeroU16::MIN).unwrap_err();
    assert!(matches!(refused, AccountError::Unfinished(_)), "{refused}");

    let settled = |numbers: &[u64]| {
        let sent = sent(RUN);
        let mut account = Account::open_unfinished(&ledgers, NonZeroU16::MIN).unwrap();
        assert_eq!(account.unfinished_ledgers(), ledgers);
        for number in numbers {
            account.arrived(&sent(*number), None, "a");
        }
        account.settle("here").unwrap()
    };
    let all = settled(&[0, 1, 2, 5_000_000]);
    assert!(all.holds(), "{all:?}");
    assert_eq!((all.acknowledged, all.unanswered_but_stored), (2, 2));
    let twice = settled(&[0, 1, 2, 2]);
    assert_eq!(
        twice.duplicated.named,
        ["message 2: found again as a; it is not in the ledger, which broke off"]
    );
    assert_eq!(settled(&[0]).lost.count, 1);
}

#[test]
fn where_nothing_else_may_be_a_stranger_is_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let ledgers = [write_ledger(folder.path(), RUN, &THREE[..1])];
    let mut account = Account::open(&ledgers, NonZeroU16::MIN).unwrap();
    account.expect_nothing_else();
    account.arrived(&sent(RUN)(0), None, "a");
    account.arrived(b"Subject: x\r\n\r\n", None, "b");
    account.arrived(&sent(3)(7), None, "c");
    let settled = account.settle("here").unwrap();
    assert!(!settled.holds());
    assert_eq!(settled.foreign.count, 2);
    assert_eq!(
        settled.foreign.named,
        [
            "a message without a label: found as b",
            "message 7 of run 0000000000000003: found as c",
        ]
    );
}
