//! The truth of verification: a receiver that treats exactly one of 10,000 messages wrongly is
//! found out, by the number of that message; one that does nothing wrong is not blamed.
//!
//! Over sockets, with the real generator and what the receiver left on disk.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod receiver;

use std::num::{NonZeroU16, NonZeroU32};
use std::path::Path;

use prixfixe_load::generator::Live;
use prixfixe_load::plan::{Contents, Plan};
use prixfixe_load::plan::{MessageSize, SizeMix};
use prixfixe_load::result::{Findings, Verification};
use prixfixe_load::schedule::Schedule;
use prixfixe_load::verify::Account;
use prixfixe_load::{export, generator};
use receiver::{Form, Mischief, Receiver};

const MESSAGES: u64 = 10_000;
/// The one that is treated wrongly.
const VICTIM: u64 = 7_331;

/// Sends [`MESSAGES`] messages of 1 KB to a receiver that plays `mischief`, and settles accounts.
fn settled(mischief: Mischief) -> Verification {
    settled_in(mischief, Form::Maildir, |_| {})
}

fn settled_in(mischief: Mischief, form: Form, change: impl FnOnce(&mut Plan)) -> Verification {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(&folder.path().join("mail"), form, mischief);
    let schedule = Schedule::Closed {
        messages: Some(MESSAGES),
        lasts: None,
    };
    let ledger = folder.path().join("run.ledger");
    let mut plan = Plan::new(vec![receiver.address()], schedule, 16);
    plan.contents = Contents::Made(SizeMix::only(MessageSize::SMALL));
    plan.dialogue.pipelining = true;
    plan.ledger = Some(ledger.clone());
    change(&mut plan);
    generator::run(&plan, &Live::new()).unwrap();
    let copies = match form {
        Form::Copies => plan.dialogue.recipients.try_into().unwrap(),
        Form::Maildir | Form::Mbox => NonZeroU16::MIN,
    };
    settle(&ledger, &receiver.stop(), copies)
}

fn settle(ledger: &Path, mail: &Path, copies: NonZeroU16) -> Verification {
    let mut account = Account::open(&[ledger.to_owned()], copies).unwrap();
    for message in export::open(mail).unwrap() {
        let message = message.unwrap();
        let recipients = message.recipients.as_deref();
        account.arrived(&message.octets, recipients, &message.place);
    }
    account.settle("the receiver").unwrap()
}

/// Checks that these messages have this fault, and that nothing else is blamed.
#[track_caller]
fn assert_blames(verification: &Verification, fault: &Findings, numbers: &[u64]) {
    let all = [
        &verification.lost,
        &verification.duplicated,
        &verification.altered,
        &verification.misdelivered,
        &verification.refused_but_stored,
    ];
    let blamed: u64 = all.iter().map(|findings| findings.count).sum();
    assert_eq!(blamed, numbers.len() as u64, "{verification:?}");
    assert_eq!(fault.count, blamed, "{verification:?}");
    for (named, number) in fault.named.iter().zip(numbers) {
        assert!(named.starts_with(&format!("message {number}: ")), "{named}");
    }
    assert!(!verification.holds());
}

#[track_caller]
fn assert_holds(verification: &Verification) {
    assert!(verification.holds(), "{verification:?}");
    assert_eq!(verification.acknowledged, MESSAGES);
    assert_eq!(verification.stored, MESSAGES);
    assert_eq!(verification.unlabelled + verification.of_other_runs, 0);
}

#[test]
fn who_does_nothing_wrong_is_not_blamed() {
    let verification = settled(Mischief::None);
    assert_holds(&verification);
    assert_eq!(verification.recipients_unknown(), 0);
}

#[test]
fn who_keeps_a_mailbox_and_takes_chunks_is_not_blamed() {
    let verification = settled_in(Mischief::None, Form::Mbox, |plan| {
        plan.dialogue.chunk_octets = NonZeroU32::new(700);
        plan.dialogue.smtputf8 = true;
    });
    assert_holds(&verification);
    // A mailbox does not say for whom it is, and the account does not pretend that it does.
    assert_eq!(verification.recipients_unknown(), MESSAGES);
}

/// Messages with three recipients each, who take turns among a hundred addresses.
fn to_many(plan: &mut Plan) {
    plan.dialogue.recipients = NonZeroU32::new(3).unwrap();
    plan.dialogue.mailboxes = NonZeroU32::new(100);
    plan.dialogue.smtputf8 = true;
}

#[test]
fn who_keeps_a_copy_for_each_of_several_recipients_is_not_blamed() {
    let verification = settled_in(Mischief::None, Form::Copies, to_many);
    assert!(verification.holds(), "{verification:?}");
    assert_eq!(verification.stored, 3 * MESSAGES);
    assert_eq!(verification.recipients_unknown(), 0);
}

#[test]
fn a_message_without_one_of_its_recipients_is_misdelivered() {
    let verification = settled_in(Mischief::DropRecipient(VICTIM), Form::Maildir, to_many);
    assert_blames(&verification, &verification.misdelivered, &[VICTIM]);
    let named = &verification.misdelivered.named[0];
    // Its recipients begin with number 3 × 7,331 of a hundred.
    let missing = format!("message {VICTIM}: not stored for <recipient+ü+93@example.com>; ");
    assert!(named.starts_with(&missing), "{named}");
}

#[test]
fn a_copy_that_one_recipient_did_not_get_is_lost() {
    let verification = settled_in(Mischief::DropRecipient(VICTIM), Form::Copies, to_many);
    assert_blames(&verification, &verification.lost, &[VICTIM]);
    let named = &verification.lost.named[0];
    assert!(
        named.contains("copies found: 2, none for <recipient+ü+93@"),
        "{named}"
    );
}

#[test]
fn two_messages_that_are_kept_for_each_others_recipients_are_misdelivered() {
    for form in [Form::Maildir, Form::Copies] {
        let swap = Mischief::SwapRecipients(VICTIM, VICTIM + 8);
        let verification = settled_in(swap, form, to_many);
        let victims = [VICTIM, VICTIM + 8];
        assert_blames(&verification, &verification.misdelivered, &victims);
    }
}

#[test]
fn a_dropped_message_is_lost() {
    let verification = settled(Mischief::Drop(VICTIM));
    assert_blames(&verification, &verification.lost, &[VICTIM]);
    assert!(verification.lost.named[0].contains("acknowledged by 250 2.0.0 taken"));
}

#[test]
fn a_message_kept_twice_is_duplicated() {
    let verification = settled(Mischief::Double(VICTIM));
    assert_blames(&verification, &verification.duplicated, &[VICTIM]);
    assert_eq!(verification.stored, MESSAGES + 1);
}

#[test]
fn an_octet_in_the_middle_is_altered() {
    let verification = settled(Mischief::ChangeOctet(VICTIM, 600));
    assert_blames(&verification, &verification.altered, &[VICTIM]);
}

#[test]
fn an_octet_of_the_last_line_is_altered() {
    let verification = settled(Mischief::ChangeOctet(VICTIM, 1021));
    assert_blames(&verification, &verification.altered, &[VICTIM]);
}

#[test]
fn an_octet_of_the_message_id_is_altered() {
    let verification = settled(Mischief::ChangeOctet(VICTIM, 30));
    assert_blames(&verification, &verification.altered, &[VICTIM]);
}

#[test]
fn a_message_without_its_last_line_is_altered() {
    let verification = settled(Mischief::LoseLastLine(VICTIM));
    assert_blames(&verification, &verification.altered, &[VICTIM]);
}

#[test]
fn two_messages_with_each_others_bodies_are_altered() {
    let verification = settled(Mischief::SwapBodies(VICTIM, VICTIM + 8));
    assert_blames(&verification, &verification.altered, &[VICTIM, VICTIM + 8]);
}

#[test]
fn a_message_whose_dots_stayed_doubled_is_altered() {
    let verification = settled(Mischief::LeaveDots(VICTIM));
    assert_blames(&verification, &verification.altered, &[VICTIM]);
}

#[test]
fn a_message_that_was_refused_and_is_kept_is_found() {
    let verification = settled(Mischief::RefuseAndKeep(VICTIM));
    assert_blames(&verification, &verification.refused_but_stored, &[VICTIM]);
    let named = &verification.refused_but_stored.named[0];
    assert!(named.ends_with("refused by 452 4.3.1 no room"), "{named}");
    assert_eq!(verification.acknowledged, MESSAGES - 1);
}

#[test]
fn a_lost_reply_is_counted_and_nobody_is_blamed() {
    let verification = settled(Mischief::LoseReply(VICTIM));
    assert!(verification.holds(), "{verification:?}");
    assert_eq!(verification.unanswered_but_stored, 1);
    assert_eq!(verification.acknowledged, MESSAGES - 1);
    assert_eq!(verification.stored, MESSAGES);
}

#[test]
fn messages_of_different_sizes_and_from_files_are_compared_as_well() {
    let corpus = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("a.eml", &b"Subject: a\n\n.\nFrom here\n>From there\n"[..]),
        ("b.eml", b"Subject: b\r\n\r\ncaf\xe9 \x00\r\n\r\n\r\n"),
    ] {
        std::fs::write(corpus.path().join(name), text).unwrap();
    }
    let of_files = settled_in(Mischief::None, Form::Mbox, |plan| {
        plan.contents = Contents::Corpus(corpus.path().to_owned());
    });
    assert_holds(&of_files);
    let mixed = settled_in(Mischief::Drop(VICTIM), Form::Maildir, |plan| {
        plan.contents = Contents::Made("mix:512=5,small=3,medium=1".parse().unwrap());
    });
    assert_blames(&mixed, &mixed.lost, &[VICTIM]);
}
