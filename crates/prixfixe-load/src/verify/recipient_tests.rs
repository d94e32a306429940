//! Whom messages were stored for, held against whom they were acknowledged for.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::num::{NonZeroU16, NonZeroU32};

use super::tests::{RUN, THREE, sent, write_ledger_for};
use super::*;
use crate::plan::Recipients;

/// Three messages, each for two of five addresses: 0 for `a` and `a+1`, 1 for `a+2` and `a+3`, 2 for
/// `a+4` and `a`.
fn settled(copies: u16, arrivals: &[(u64, Option<&[&str]>)]) -> Verification {
    let folder = tempfile::tempdir().unwrap();
    let count = |count| NonZeroU32::new(count).unwrap();
    let recipients = Recipients::new("a@b.example", count(2), count(5)).unwrap();
    let path = write_ledger_for(&recipients, folder.path(), RUN, &THREE);
    let mut account = Account::open(&[path], NonZeroU16::new(copies).unwrap()).unwrap();
    let message = sent(RUN);
    for (number, recipients) in arrivals {
        let addresses: Option<Vec<String>> = recipients.map(|names| {
            let addresses = names.iter().map(|name| format!("{name}@b.example"));
            addresses.collect()
        });
        let place = format!("m{number}");
        account.arrived(&message(*number), addresses.as_deref(), &place);
    }
    account.settle("here").unwrap()
}

type Stored<'a> = (u64, Option<&'a [&'a str]>);
const FIRST: Stored<'_> = (0, Some(&["a", "a+1"]));
const SECOND: Stored<'_> = (1, Some(&["A+3", "a+2"]));
const THIRD: Stored<'_> = (2, Some(&["a+4", "a"]));

/// Checks that exactly this is said of misdelivered messages, and nothing else is blamed.
#[track_caller]
fn assert_misdelivered(settled: &Verification, named: &[&str]) {
    assert_eq!(settled.misdelivered.named, named);
    assert_eq!(settled.misdelivered.count, named.len() as u64);
    assert_eq!(settled.holds(), named.is_empty());
    let others = settled.lost.count + settled.duplicated.count + settled.altered.count;
    assert_eq!(others + settled.refused_but_stored.count, 0, "{settled:?}");
}

#[test]
fn messages_that_are_stored_for_their_recipients_are_in_order() {
    let settled = settled(1, &[THIRD, FIRST, SECOND]);
    assert_misdelivered(&settled, &[]);
    assert_eq!(settled.recipients_known, 3);
}

#[test]
fn a_recipient_too_few_too_many_or_of_another_message_is_named() {
    let few = settled(1, &[FIRST, (1, Some(&["a+3"])), THIRD]);
    assert_misdelivered(
        &few,
        &["message 1: not stored for <a+2@b.example>; acknowledged by 250 id=x1"],
    );
    let none = settled(1, &[FIRST, (1, Some(&[])), THIRD]);
    assert_misdelivered(
        &none,
        &["message 1: not stored for <a+2@b.example>, <a+3@b.example>; acknowledged by 250 id=x1"],
    );
    let many = settled(1, &[FIRST, (1, Some(&["a+2", "x", "a+3", "y"])), THIRD]);
    assert_misdelivered(
        &many,
        &[
            "message 1: stored for <x@b.example> in m1, <y@b.example> in m1 as well; acknowledged by 250 id=x1",
        ],
    );
    let swapped = settled(1, &[(0, SECOND.1), (1, FIRST.1), THIRD]);
    assert_misdelivered(
        &swapped,
        &[
            "message 0: stored for <A+3@b.example> in m0, <a+2@b.example> in m0, and not for <a@b.example>, <a+1@b.example>; acknowledged by 250 id=x0",
            "message 1: stored for <a@b.example> in m1, <a+1@b.example> in m1, and not for <a+2@b.example>, <a+3@b.example>; acknowledged by 250 id=x1",
        ],
    );
}

#[test]
fn a_copy_for_each_recipient_is_compared_as_a_whole() {
    let each = [
        (0, Some(&["a+1"][..])),
        (1, Some(&["a+2"])),
        (2, Some(&["a"])),
        (0, Some(&["a"])),
        (1, Some(&["a+3"])),
        (2, Some(&["a+4"])),
    ];
    assert_misdelivered(&settled(2, &each), &[]);
    let mut twice = each;
    twice[4] = (1, Some(&["a+2"]));
    assert_misdelivered(
        &settled(2, &twice),
        &["message 1: not stored for <a+3@b.example>; acknowledged by 250 id=x1"],
    );
    // One that is missing is lost, and it is said whose it is.
    let missing = settled(2, &each[..5]);
    assert_eq!(missing.misdelivered.count, 0);
    assert_eq!(
        missing.lost.named,
        ["message 2: copies found: 1, none for <a+4@b.example>; acknowledged by 250 id=x2"]
    );
}

#[test]
fn where_nothing_says_who_has_a_message_that_is_said_and_nobody_is_blamed() {
    let settled = settled(1, &[FIRST, (1, None), THIRD]);
    assert_misdelivered(&settled, &[]);
    assert_eq!(
        (settled.recipients_known, settled.recipients_unknown()),
        (2, 1)
    );
}

#[test]
fn ledgers_of_one_run_agree_on_its_recipients() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = |first: &str, at: usize| {
        let recipients = Recipients::new(first, NonZeroU32::MIN, NonZeroU32::MIN).unwrap();
        write_ledger_for(&recipients, folder.path(), RUN, &THREE[at..=at])
    };
    let ledgers = [ledger("a@b.example", 0), ledger("b@b.example", 1)];
    let refused = Account::open(&ledgers, NonZeroU16::MIN).unwrap_err();
    assert!(
        matches!(refused, AccountError::OtherRecipients(_)),
        "{refused}"
    );
}
