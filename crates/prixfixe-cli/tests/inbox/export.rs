//! `inbox export`.

use std::{fs, os::unix::fs::PermissionsExt};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::program::{Fixture, assert_fails, text};

/// Three messages: one that looks like an mbox, one that is no UTF-8, a large one that is.
fn messages(fixture: &Fixture) -> Vec<(String, Vec<u8>)> {
    let mut large = b"Subject: large\r\n\r\n".to_vec();
    while large.len() < 1 << 20 {
        large.extend_from_slice("From é to €, and \"quoted\" \\ \t with 😀\r\n".as_bytes());
    }
    let bodies = [
        b"Subject: one\r\n\r\nFrom here\r\n>From there\r\n\r\n>>> From\r\n".to_vec(),
        b"Subject: two\r\n\r\n\xff\xfe \0 caf\xe9\r\n".to_vec(),
        large,
    ];
    let deliver = |body: Vec<u8>| {
        (
            fixture.deliver("ann@example.com", "b@example.com", &body),
            body,
        )
    };
    bodies.into_iter().map(deliver).collect()
}

#[test]
fn mbox_can_be_read_back() {
    let fixture = Fixture::new();
    let messages = messages(&fixture);
    let mbox = fixture.print(&["export", "--as-received"]);
    assert_eq!(
        from_mbox(&mbox),
        messages
            .iter()
            .map(|(_, body)| body.clone())
            .collect::<Vec<_>>()
    );
    let first = mbox.split(|octet| *octet == b'\n').next().unwrap();
    let first = text(first);
    let words: Vec<&str> = first.split_whitespace().collect();
    assert_eq!(words[..2], ["From", "ann@example.com"]);
    assert_eq!(words.len(), 7, "{first}");

    let (id, body) = &messages[0];
    let one = from_mbox(&fixture.print(&["export", id]));
    assert_eq!(
        one,
        [fixture.print(&["show", id])],
        "with the trace headers"
    );
    assert!(one[0].ends_with(body));

    let file = fixture.folder.path().join("all.mbox");
    fs::write(&file, "an older one").unwrap();
    let said = text(&fixture.print(&[
        "export",
        "--as-received",
        "--output",
        file.to_str().unwrap(),
    ]));
    assert!(said.starts_with("3 messages written to "), "{said}");
    assert!(fs::read(&file).unwrap() == mbox);
    assert_eq!(mode_of(&file), 0o600, "mail is private");
}

#[test]
fn eml_makes_a_file_of_each() {
    let fixture = Fixture::new();
    let messages = messages(&fixture);
    let folder = fixture.folder.path().join("a/b");
    let path = folder.to_str().unwrap();
    for arguments in [
        &["export", "--format", "eml", "--output", path][..],
        &[
            "export",
            "--format",
            "eml",
            "--output",
            path,
            "--as-received",
        ],
    ] {
        fixture.print(arguments);
        let mut names: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let expected: Vec<_> = messages.iter().map(|(id, _)| format!("{id}.eml")).collect();
        assert_eq!(names, expected, "nothing else is left");
        for (id, body) in &messages {
            let file = folder.join(format!("{id}.eml"));
            assert_eq!(mode_of(&file), 0o600);
            let written = fs::read(file).unwrap();
            if arguments.contains(&"--as-received") {
                assert!(written == *body);
            } else {
                assert!(written == fixture.print(&["show", id]));
            }
        }
    }
}

#[test]
fn json_has_the_content_as_text_or_base64() {
    let fixture = Fixture::new();
    let messages = messages(&fixture);
    let objects = fixture.objects(&["export", "--format", "json"]);
    assert_eq!(objects.len(), 3);
    for (object, (id, body)) in objects.iter().zip(&messages) {
        assert_eq!(object["id"], id.as_str());
        let content = object["content"].as_str().unwrap();
        let decoded = match object["encoding"].as_str().unwrap() {
            "utf-8" => content.as_bytes().to_vec(),
            "base64" => STANDARD.decode(content).unwrap(),
            other => panic!("{other}"),
        };
        assert!(decoded == *body);
        let trace = object["trace"].as_str().unwrap().as_bytes();
        assert!([trace, &decoded].concat() == fixture.print(&["show", id]));
    }
    let encodings: Vec<_> = objects
        .iter()
        .map(|object| object["encoding"].as_str().unwrap())
        .collect();
    assert_eq!(encodings, ["utf-8", "base64", "utf-8"]);
}

#[test]
fn a_message_without_a_last_line_end_is_exported() {
    let fixture = Fixture::new();
    let body = b"Subject: x\r\n\r\nFrom here\r\nno line end";
    let id = fixture.deliver_in_chunks(body, 5);
    let folder = fixture.folder.path().join("eml");
    let path = folder.to_str().unwrap();
    fixture.print(&[
        "export",
        "--as-received",
        "--format",
        "eml",
        "--output",
        path,
    ]);
    assert_eq!(fs::read(folder.join(format!("{id}.eml"))).unwrap(), body);
    let objects = fixture.objects(&["export", "--format", "json"]);
    assert_eq!(objects[0]["content"].as_str().unwrap().as_bytes(), body);
    // The lines of an mbox all end.
    let mbox = from_mbox(&fixture.print(&["export", "--as-received"]));
    assert_eq!(mbox, [[&body[..], b"\r\n"].concat()]);
}

#[test]
fn ids_or_criteria_say_what_is_exported() {
    let fixture = Fixture::new();
    let ids: Vec<_> = messages(&fixture).into_iter().map(|(id, _)| id).collect();
    let exported = |arguments: &[&str]| {
        let objects = fixture.objects(&[&["export", "--format", "json"], arguments].concat());
        objects
            .iter()
            .map(|object| object["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(exported(&[]), ids);
    assert_eq!(exported(&["--subject", "TWO"]), ids[1..2]);
    assert_eq!(exported(&["--sender", "nobody"]), [""; 0]);
    let named = [ids[2].as_str(), &ids[0], &ids[2]];
    assert_eq!(
        exported(&named),
        [&*ids[2], &*ids[0]],
        "in the given order, each once"
    );
}

#[test]
fn wrong_exports_leave_nothing() {
    let fixture = Fixture::new();
    let (id, _) = messages(&fixture).remove(0);
    let file = fixture.folder.path().join("some.mbox");
    let file = file.to_str().unwrap();
    let unknown = [
        "export",
        &id,
        "00000000001",
        "00000000002",
        "--output",
        file,
    ];
    assert_fails(
        &fixture.inbox(&unknown),
        1,
        "no messages 00000000001, 00000000002",
    );
    assert!(!fs::exists(file).unwrap());
    assert_fails(
        &fixture.inbox(&["export", &id, "--sender", "ann"]),
        2,
        "cannot be used with",
    );
    assert_fails(
        &fixture.inbox(&["export", "--format", "eml"]),
        2,
        "folder by --output",
    );
    assert_fails(
        &fixture.inbox(&["export", "--format", "pst"]),
        2,
        "possible values",
    );
    let folder = fixture.folder.path().to_str().unwrap();
    assert_fails(&fixture.inbox(&["export", "--output", folder]), 1, folder);
    assert_fails(
        &fixture.inbox(&["export", "--output", "/nowhere/x"]),
        1,
        "/nowhere/x",
    );
    fs::write(file, "in the way").unwrap();
    assert_fails(
        &fixture.inbox(&["export", "--format", "eml", "--output", file]),
        1,
        "not a dir",
    );
    assert_eq!(fs::read(file).unwrap(), b"in the way");
}

fn mode_of(file: &std::path::Path) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o777
}

/// A naive reader of the mboxrd variant: the messages, their lines ended by CRLF again.
fn from_mbox(mbox: &[u8]) -> Vec<Vec<u8>> {
    let mut messages: Vec<Vec<u8>> = Vec::new();
    for line in mbox
        .strip_suffix(b"\n")
        .unwrap()
        .split(|octet| *octet == b'\n')
    {
        if line.starts_with(b"From ") {
            messages.push(Vec::new());
            continue;
        }
        let unquoted = line.trim_ascii_start_matches(b'>');
        let line = if unquoted.starts_with(b"From ") {
            &line[1..]
        } else {
            line
        };
        let message = messages.last_mut().expect("it begins with a From line");
        message.extend_from_slice(line);
        message.extend_from_slice(b"\r\n");
    }
    for message in &mut messages {
        assert!(
            message.ends_with(b"\r\n\r\n"),
            "an empty line separates messages"
        );
        message.truncate(message.len() - 2);
    }
    messages
}

trait TrimStart {
    fn trim_ascii_start_matches(&self, octet: u8) -> &[u8];
}

impl TrimStart for [u8] {
    fn trim_ascii_start_matches(&self, octet: u8) -> &[u8] {
        let start = self
            .iter()
            .position(|other| *other != octet)
            .unwrap_or(self.len());
        &self[start..]
    }
}
