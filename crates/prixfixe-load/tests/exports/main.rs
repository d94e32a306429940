//! What other programs store is read as they wrote it: messages of the real generator, kept by
//! `smtp-sink`, by Postfix and by Python's `mailbox`, are all found intact.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod postfix;
mod program;

use std::fs::{self, Permissions};
use std::num::{NonZeroU16, NonZeroU32};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use prixfixe_load::contents::{Library, Scratch};
use prixfixe_load::export::{self, FileForm, Form};
use prixfixe_load::generator;
use prixfixe_load::generator::Live;
use prixfixe_load::ledger::{Answer, Ledger};
use prixfixe_load::plan::{Contents, Plan, Recipients};
use prixfixe_load::plan::{MessageSize, SizeMix};
use prixfixe_load::result::Verification;
use prixfixe_load::schedule::Schedule;
use prixfixe_load::verify::Account;
use program::{Watched, await_listener, free_port, program};

const MESSAGES: u64 = 200;

/// Sends to a receiver on this port.
fn send(port: u16, contents: Contents, ledger: &Path) {
    let schedule = Schedule::Closed {
        messages: Some(MESSAGES),
        lasts: None,
    };
    let mut plan = Plan::new(vec![format!("127.0.0.1:{port}")], schedule, 4);
    plan.contents = contents;
    plan.ledger = Some(ledger.to_owned());
    plan.dialogue.mailboxes = NonZeroU32::new(10);
    generator::run(&plan, &Live::new()).unwrap();
}

/// Files with these lines in their texts. They have the fields that Postfix would add.
fn files(folder: &Path, lines: &str) -> Contents {
    const FIELDS: &str =
        "Date: Sun, 01 Nov 2026 12:00:00 +0000\nFrom: a@b.example\nTo: c@d.example\n";
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("a.eml"), format!("{FIELDS}\n{lines}.\n..\n\n")).unwrap();
    fs::write(folder.join("b.eml"), format!("{FIELDS}\n{lines}")).unwrap();
    Contents::Corpus(folder.to_owned())
}

fn settle(ledger: &Path, mail: &Path, form: Option<Form>) -> Verification {
    let mut account = Account::open(&[ledger.to_owned()], NonZeroU16::MIN).unwrap();
    let found = match form {
        Some(form) => export::open_as(mail, form),
        None => export::open(mail),
    };
    for message in found.unwrap() {
        let message = message.unwrap();
        let recipients = message.recipients.as_deref();
        account.arrived(&message.octets, recipients, &message.place);
    }
    account.settle("there").unwrap()
}

#[track_caller]
fn assert_all_there(verification: &Verification, recipients_known: u64) {
    assert!(verification.holds(), "{verification:?}");
    assert_eq!(verification.acknowledged, MESSAGES);
    assert_eq!(verification.stored, MESSAGES);
    assert_eq!(verification.unlabelled, 0);
    assert_eq!(verification.recipients_known, recipients_known);
}

#[test]
fn what_smtp_sink_dumps_is_intact() {
    for (flag, name, mail) in [("-D", "dump", "dump"), ("-d", "each/message.", "each")] {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let mut command = program("smtp-sink");
        command.current_dir(folder.path()).args([flag, name]);
        if rustix::process::getuid().is_root() {
            // It asks for that, and writes as whom it is told to be.
            command.args(["-u", "nobody"]);
            fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
        }
        let sink = Watched::spawn(command.arg(format!("127.0.0.1:{port}")).arg("100"));
        await_listener(port);
        let ledger = folder.path().join("ledger");
        send(
            port,
            files(&folder.path().join("files"), "From a\n>From b\n"),
            &ledger,
        );
        drop(sink);
        assert_all_there(&settle(&ledger, &folder.path().join(mail), None), MESSAGES);
    }
}

#[test]
fn what_python_keeps_is_intact() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger");
    let messages = folder.path().join("messages");
    fs::create_dir(&messages).unwrap();
    let mut plan = Plan::new(
        Vec::new(),
        Schedule::Closed {
            messages: None,
            lasts: None,
        },
        1,
    );
    plan.contents = files(&folder.path().join("files"), "From a\nFrom\n");
    let library = Library::prepare(&plan.contents, plan.run, false).unwrap();
    let recipients = Recipients::of(&plan.dialogue).unwrap();
    let written = Ledger::create(&ledger, plan.run, &recipients).unwrap();
    let mut scratch = Scratch::default();
    for number in 0..MESSAGES {
        let message = library.message(number, &mut scratch);
        let octets = [message.head, message.raw, message.tail].concat();
        fs::write(messages.join(number.to_string()), octets).unwrap();
        written.record(number, Answer::Accepted, "250").unwrap();
    }
    written.close().unwrap();

    let mut python = program("python3");
    python.args(["-c", PYTHON]).current_dir(folder.path());
    let output = python.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_all_there(&settle(&ledger, &folder.path().join("maildir"), None), 0);
    let mboxo = Some(Form::File(FileForm::Mboxo));
    assert_all_there(&settle(&ledger, &folder.path().join("mbox"), mboxo), 0);
}

const PYTHON: &str = "
import mailbox, pathlib
mbox, maildir = mailbox.mbox('mbox'), mailbox.Maildir('maildir')
for path in pathlib.Path('messages').iterdir():
    message = path.read_bytes().replace(b'\\r\\n', b'\\n')
    mbox.add(message)
    maildir.add(message)
mbox.flush()
";

#[test]
fn what_postfix_delivers_is_intact() {
    for (mailbox, form) in [("box", Some(Form::File(FileForm::Mboxo))), ("box/", None)] {
        let folder = tempfile::tempdir().unwrap();
        let postfix = postfix::Postfix::start(folder.path(), mailbox);
        let ledger = folder.path().join("ledger");
        let contents = if mailbox == "box" {
            files(&folder.path().join("files"), "From a\nFrom\n")
        } else {
            Contents::Made(SizeMix::only(MessageSize::MEDIUM))
        };
        send(postfix.port(), contents, &ledger);
        // It delivers after it has acknowledged.
        let watchdog = Instant::now() + Duration::from_secs(120);
        let verification = loop {
            let verification = settle(&ledger, &postfix.mailbox(), form);
            if verification.lost.count == 0 || Instant::now() > watchdog {
                break verification;
            }
            std::thread::sleep(Duration::from_millis(200));
        };
        assert_all_there(&verification, MESSAGES);
    }
}
