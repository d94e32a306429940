//! `prixfixe stress verify`, against real stores and what is exported from them.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "../server_process/mod.rs"]
mod server_process;
#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "../smtp_client/mod.rs"]
mod smtp_client;

use std::fs;
use std::net::TcpStream;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use prixfixe_load::contents::{Library, Scratch};
use prixfixe_load::ledger::{Answer, Ledger};
use prixfixe_load::plan::RunId;
use prixfixe_load::plan::{Contents, Recipients};
use prixfixe_load::plan::{MessageSize, SizeMix};
use rustix::process::Signal;
use serde_json::Value;
use server_process::Server;
use smtp_client::Client;
use tempfile::TempDir;

/// A server, and the ledger of what was delivered to it.
struct Run {
    folder: TempDir,
    server: Server,
    library: Library,
    ledger: Ledger,
}

const MESSAGES: u64 = 30;

impl Run {
    /// A run of so many messages, all of them acknowledged.
    fn of_messages() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let id = RunId::from_seed(5);
        let sizes = Contents::Made(SizeMix::only(MessageSize::SMALL));
        let run = Self {
            server: Server::start(folder.path()),
            library: Library::prepare(&sizes, id, false).unwrap(),
            ledger: Ledger::create(&folder.path().join("run.ledger"), id, &recipients()).unwrap(),
            folder,
        };
        let mut client = Client::greeted(run.server.address());
        for number in 0..MESSAGES {
            let reply = deliver(&mut client, &run.message(number));
            run.ledger.record(number, Answer::Accepted, &reply).unwrap();
        }
        run
    }

    fn message(&self, number: u64) -> Vec<u8> {
        let mut scratch = Scratch::default();
        let message = self.library.message(number, &mut scratch);
        [message.head, message.raw, message.tail].concat()
    }

    fn store(&self) -> PathBuf {
        server_process::store(self.folder.path())
    }

    /// `prixfixe stress verify` with the ledger and these arguments.
    fn verify(&self, arguments: &[&str]) -> Output {
        // It is closed already when this is not the first time.
        let _ = self.ledger.close();
        let ledger = self.folder.path().join("run.ledger");
        let ledger = ledger.to_str().unwrap();
        prixfixe(&[&["stress", "verify", "--ledger", ledger], arguments].concat())
    }

    fn verify_store(&self) -> Output {
        self.verify(&["--store", self.store().to_str().unwrap()])
    }

    /// What `prixfixe inbox` writes into a file or folder of this name.
    fn export(&self, name: &str, format: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        let store = self.store();
        let output = prixfixe(&[
            "inbox",
            "export",
            "--store",
            store.to_str().unwrap(),
            "--format",
            format,
            "--output",
            path.to_str().unwrap(),
        ]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        path
    }
}

/// All messages go to the same address.
const RECIPIENT: &str = "b@example.com";

fn recipients() -> Recipients {
    Recipients::new(RECIPIENT, NonZeroU32::MIN, NonZeroU32::MIN).unwrap()
}

fn deliver(client: &mut Client<TcpStream>, message: &[u8]) -> String {
    client.deliver("load@load.example", RECIPIENT, message)
}

fn prixfixe(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_prixfixe"))
        .env_clear()
        .args(arguments)
        .output()
        .unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

#[track_caller]
fn assert_holds(output: &Output) {
    let said = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{said}{}",
        text(&output.stderr)
    );
    assert!(said.contains("Every acknowledgement was kept."), "{said}");
}

/// A comparison that blames exactly this, and is told so in a line.
#[track_caller]
fn assert_blames(output: &Output, fault: &str, line: &str) {
    let said = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(1),
        "{said}{}",
        text(&output.stderr)
    );
    assert!(said.contains(&format!("\n{fault}:\n  {line}")), "{said}");
    let blamed = said.matches("\n  message ").count();
    assert_eq!(blamed, 1, "{said}");
}

#[test]
fn acknowledgements_hold_beside_the_server_after_a_kill_and_in_every_export() {
    let mut run = Run::of_messages();
    assert_holds(&run.verify_store());
    run.server.signal(Signal::KILL);
    run.server.wait();
    assert_holds(&run.verify_store());
    for (name, format) in [("all.mbox", "mbox"), ("all", "eml")] {
        let path = run.export(name, format);
        let output = run.verify(&["--export", path.to_str().unwrap()]);
        assert_holds(&output);
        // An export does not say for whom messages are, and that is said instead.
        let warned = text(&output.stderr);
        assert!(
            warned.contains("WARNING: 30 of 30 messages do not say for whom"),
            "{warned}"
        );
    }
    let said = run.verify(&["--json", "--store", run.store().to_str().unwrap()]);
    let said: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(said["acknowledged"], MESSAGES);
    assert_eq!(said["stored"], MESSAGES);
    assert_eq!(said["lost"]["count"], 0);
    assert_eq!(said["source"], run.store().to_str().unwrap());
}

#[test]
fn a_message_that_is_gone_from_the_store_is_lost() {
    let run = Run::of_messages();
    let list = prixfixe(&[
        "inbox",
        "list",
        "--json",
        "--store",
        run.store().to_str().unwrap(),
    ]);
    let tenth: Value = serde_json::from_str(text(&list.stdout).lines().nth(9).unwrap()).unwrap();
    let id = tenth["id"].as_str().unwrap();
    let removed = prixfixe(&[
        "inbox",
        "delete",
        id,
        "--store",
        run.store().to_str().unwrap(),
    ]);
    assert!(removed.status.success(), "{}", text(&removed.stderr));
    let output = run.verify_store();
    // The newest comes first in the list.
    let number = MESSAGES - 10;
    assert_blames(
        &output,
        "lost",
        &format!("message {number}: not found; acknowledged by 250"),
    );
    assert!(text(&output.stdout).contains(id));
}

#[test]
fn a_message_that_the_store_has_twice_is_named_by_the_second() {
    let run = Run::of_messages();
    let mut client = Client::greeted(run.server.address());
    let reply = deliver(&mut client, &run.message(7));
    let second = smtp_client::id(&reply);
    assert_blames(
        &run.verify_store(),
        "duplicated",
        &format!("message 7: found 2 times, at last as {second}; acknowledged by 250"),
    );
}

#[test]
fn an_octet_that_changed_on_the_way_is_seen() {
    let run = Run::of_messages();
    let mut message = run.message(MESSAGES);
    let last = message.len() - 3;
    message[last] ^= 1;
    let mut client = Client::greeted(run.server.address());
    let reply = deliver(&mut client, &message);
    run.ledger
        .record(MESSAGES, Answer::Accepted, &reply)
        .unwrap();
    let id = smtp_client::id(&reply);
    assert_blames(
        &run.verify_store(),
        "altered",
        &format!("message {MESSAGES}: altered in {id}; acknowledged by {reply}"),
    );
}

#[test]
fn a_message_that_the_store_has_for_another_recipient_is_misdelivered() {
    let run = Run::of_messages();
    let mut client = Client::greeted(run.server.address());
    let message = run.message(MESSAGES);
    let reply = client.deliver("load@load.example", "c@example.com", &message);
    run.ledger
        .record(MESSAGES, Answer::Accepted, &reply)
        .unwrap();
    let id = smtp_client::id(&reply);
    assert_blames(
        &run.verify_store(),
        "misdelivered",
        &format!(
            "message {MESSAGES}: stored for <c@example.com> in {id}, and not for <{RECIPIENT}>; acknowledged by {reply}"
        ),
    );
}

#[test]
fn what_was_refused_must_not_be_in_the_store() {
    let run = Run::of_messages();
    let mut client = Client::greeted(run.server.address());
    deliver(&mut client, &run.message(MESSAGES));
    run.ledger
        .record(MESSAGES, Answer::Refused, "451 4.3.0 no")
        .unwrap();
    let output = run.verify_store();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.contains("; refused by 451 4.3.0 no\n"), "{said}");
}

#[test]
fn a_comparison_that_cannot_be_made_ends_with_the_code_of_misuse() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("none"), "something else\n").unwrap();
    let ledger = |name: &str, entries: u64| {
        let run = RunId::from_seed(1);
        let ledger = Ledger::create(Path::new(&path(name)), run, &recipients()).unwrap();
        for number in 0..entries {
            ledger.record(number, Answer::Refused, "452 no").unwrap();
        }
        ledger
    };
    ledger("ledger", 1).close().unwrap();
    ledger("unfinished", 1).flush().unwrap();
    fs::write(path("mbox"), "").unwrap();
    let verify = |arguments: &[&str]| {
        let output = prixfixe(&[&["stress", "verify"], arguments].concat());
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(text(&output.stdout), "");
        text(&output.stderr)
    };
    let (ledger, none) = (path("ledger"), path("none"));
    let (unfinished, mbox) = (path("unfinished"), path("mbox"));
    let missing = path("missing");
    for (arguments, reason) in [
        (
            &["--ledger", &missing, "--store", &none][..],
            "missing: No such file",
        ),
        (
            &["--ledger", &none, "--store", &none],
            "none: this is not a ledger",
        ),
        (
            &["--ledger", &ledger, "--store", &missing],
            "there is no mail store here",
        ),
        (
            &["--ledger", &ledger, "--export", &missing],
            "missing: No such file",
        ),
        (
            &["--ledger", &ledger, "--export", &none],
            "none is no Maildir",
        ),
        (
            &["--ledger", &unfinished, "--export", &mbox],
            "the ledger has no end",
        ),
        (
            &["--ledger", &ledger, "--export", &mbox],
            "acknowledges no message",
        ),
        (&["--ledger", &ledger], "--store"),
        (&["--store", &none], "--ledger"),
        (
            &["--ledger", &ledger, "--store", &none, "--form", "maildir"],
            "--export",
        ),
        (
            &["--ledger", &ledger, "--store", &none, "--copies", "0"],
            "--copies",
        ),
    ] {
        let said = verify(arguments);
        assert!(said.contains(reason), "{reason:?} is not in {said:?}");
    }
}

#[test]
fn a_ledger_that_broke_off_is_refused_unless_that_is_said() {
    let run = Run::of_messages();
    let store = run.store();
    let store = ["--store", store.to_str().unwrap()];
    assert_holds(&run.verify(&store));
    let ledger = run.folder.path().join("run.ledger");
    let whole = fs::read_to_string(&ledger).unwrap();
    // Its heading and ten entries.
    let cut: Vec<&str> = whole.split_inclusive('\n').take(11).collect();
    fs::write(&ledger, cut.concat()).unwrap();

    let refused = run.verify(&store);
    assert_eq!(refused.status.code(), Some(2));
    let said = text(&refused.stderr);
    assert!(said.contains("has no end") && said.contains("--unfinished"));

    let taken = run.verify(&[&store[..], &["--unfinished"]].concat());
    let (said, warned) = (text(&taken.stdout), text(&taken.stderr));
    assert_eq!(taken.status.code(), Some(0), "{said}{warned}");
    assert!(said.contains("Every acknowledgement that a ledger has was kept."));
    assert!(warned.contains("WARNING") && warned.contains("not in it"));

    // Only the heading.
    fs::write(&ledger, cut[0]).unwrap();
    let nothing = run.verify(&[&store[..], &["--unfinished"]].concat());
    assert_eq!(nothing.status.code(), Some(2));
    assert!(text(&nothing.stderr).contains("acknowledges no message"));
}

#[test]
fn a_copy_whose_label_has_another_name_is_warned_of_and_a_fault_where_nothing_else_may_be() {
    let run = Run::of_messages();
    let copy = text(&run.message(7)).replacen("Prixfixe-Load:", "Prixfixe-Lead:", 1);
    let mut client = Client::greeted(run.server.address());
    let reply = deliver(&mut client, copy.as_bytes());
    let id = smtp_client::id(&reply);
    let warned = run.verify_store();
    assert_holds(&warned);
    assert!(text(&warned.stderr).contains("WARNING: 1 without a label"));

    let store = run.store();
    let judged = run.verify(&["--store", store.to_str().unwrap(), "--nothing-else"]);
    let said = text(&judged.stdout);
    assert_eq!(judged.status.code(), Some(1), "{said}");
    let named = format!("foreign:\n  a message without a label: found as {id}\n");
    assert!(said.contains(&named), "{said}");
}
