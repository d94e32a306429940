//! Real messages are stored as they were sent, octet by octet.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

use prixfixe::BareNewline;
use prixfixe_delivery::sqlite::BodyType;
use serde_json::Value;

use crate::{
    line_end_modes::{MODES, address, settings},
    naive_body::NaiveBody,
    real_mail::{Corpus, wire},
    server_process::{Server, store},
    smtp_client::{Client, code, id, stuffed},
    stored_mail,
};

/// The messages with CRLF alone, in all modes: nothing is refused, and nothing is changed.
#[test]
fn the_corpus_is_stored_as_it_is_sent() {
    let Some(corpus) = Corpus::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &settings());
    for mode in MODES {
        let mut client = Client::greeted(address(&server, mode));
        for (name, file) in corpus.files() {
            let sent = wire(&file);
            let reply = client.deliver("a@example.org", "b@example.com", &sent);
            let mail = stored_mail::named(&store(folder.path()), id(&reply));
            assert!(mail.body == sent, "{name} has changed ({mode:?})");
            assert_eq!(mail.details.size, sent.len() as u64, "{name}");
        }
    }
    let stored = stored_mail::all(&store(folder.path())).len();
    assert_eq!(stored, corpus.names.len() * MODES.len());
}

/// The files as they are, with CR and LF of all kinds. Only CRLF ends a line.
#[test]
fn the_corpus_with_its_own_line_ends_is_treated_by_mode() {
    let Some(corpus) = Corpus::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    // The files of Unix systems are one line.
    let settings = format!("{}\n[limits]\ntext_line = \"off\"\n", settings());
    let server = Server::start_with(folder.path(), &settings);
    let mut refused = 0;
    for mode in MODES {
        let mut client = Client::greeted(address(&server, mode));
        for (name, file) in corpus.files() {
            let model = NaiveBody::of(&stuffed(&file), mode).unwrap();
            let reply = client.deliver("a@example.org", "b@example.com", &file);
            if mode == BareNewline::Reject && model.bare_newline {
                assert_eq!(code(&reply), 550, "{name}");
                refused += 1;
                continue;
            }
            let mail = stored_mail::named(&store(folder.path()), id(&reply));
            assert!(mail.body == model.octets, "{name} has changed ({mode:?})");
            let marks = mail.details.marks;
            assert_eq!(marks.bare_newline, model.bare_newline, "{name} ({mode:?})");
        }
    }
    assert!(refused > 0, "the corpus has bare line ends");
    let stored = stored_mail::all(&store(folder.path())).len();
    assert_eq!(stored, corpus.names.len() * MODES.len() - refused);
}

/// The files as they are, in one chunk and in odd ones: nothing is refused or changed, whatever
/// the mode.
#[test]
fn the_corpus_is_stored_as_it_is_sent_in_chunks() {
    let Some(corpus) = Corpus::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &settings());
    let mut stored = 0;
    for mode in MODES {
        let mut client = Client::greeted(address(&server, mode));
        for (name, file) in corpus.files() {
            for octets in [usize::MAX, file.len() / 7 + 1] {
                let reply =
                    client.deliver_in_chunks("a@example.org", "b@example.com", &file, octets);
                let mail = stored_mail::named(&store(folder.path()), id(&reply));
                assert!(mail.body == file, "{name} has changed ({octets}, {mode:?})");
                let details = mail.details;
                assert_eq!(details.body_type, BodyType::BinaryMime, "{name}");
                assert_eq!(
                    details.marks.bare_newline,
                    has_bare_newline(&file),
                    "{name}"
                );
                assert!(!details.marks.normalised, "{name}");
                stored += 1;
            }
        }
    }
    assert_eq!(stored_mail::all(&store(folder.path())).len(), stored);
}

/// Whether a CR or LF stands alone.
fn has_bare_newline(file: &[u8]) -> bool {
    file.iter().enumerate().any(|(at, octet)| match octet {
        b'\r' => file.get(at + 1) != Some(&b'\n'),
        b'\n' => at == 0 || file[at - 1] != b'\r',
        _ => false,
    })
}

/// The conversion is that of the corpus's own list.
#[test]
fn the_corpus_travels_as_its_list_says() {
    let Some(corpus) = Corpus::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let list = fs::read_to_string(corpus.folder.join("manifest.jsonl")).unwrap();
    let mut sums = String::new();
    for line in list.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let name = entry["file"].as_str().unwrap();
        fs::write(folder.path().join(name), wire(&corpus.read(name))).unwrap();
        let sum = entry["wire_sha256"].as_str().unwrap();
        writeln!(sums, "{sum}  {name}").unwrap();
    }
    let mut check = Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    check
        .stdin
        .take()
        .unwrap()
        .write_all(sums.as_bytes())
        .unwrap();
    assert!(check.wait().unwrap().success());
}
