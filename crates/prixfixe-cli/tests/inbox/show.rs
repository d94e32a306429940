//! `inbox show`.

use std::{
    io::Read,
    process::{Output, Stdio},
};

use crate::{
    program::{Fixture, assert_fails, command, text},
    server_process, terminal,
};

/// What a receiver is tempted to change.
fn awkward_messages() -> Vec<Vec<u8>> {
    let mut all_octets = b"Subject: octets\r\n\r\n".to_vec();
    // A bare CR or LF would be refused.
    all_octets.extend((0..=255).filter(|octet| !matches!(octet, b'\r' | b'\n')));
    all_octets.extend_from_slice(b"\r\n");
    let line = b".From the caf\xe9\0 \xf0\x9f\x98\x80 0123456789012345678901234567890123456789\r\n";
    let mut large = b"Subject: large\r\n\r\n".to_vec();
    while large.len() < 3 << 20 {
        large.extend_from_slice(line);
    }
    vec![
        b"Subject: dots\r\n\r\n.\r\n..\r\n.a\r\n...\r\n\r\n".to_vec(),
        b"no header at all\r\n".to_vec(),
        b"\r\n".to_vec(),
        all_octets,
        large,
    ]
}

#[test]
fn a_message_of_chunks_needs_no_line_end() {
    let fixture = Fixture::new();
    let mut large = b"Subject: large\r\n\r\n".to_vec();
    large.resize(3 << 20, b'\0');
    for (body, octets) in [
        (&b"Subject: x\r\n\r\nno line end"[..], 7),
        (b"Subject: x\r\n\r\nhalf a line end\r", 100),
        (b"a\nb\rc\0\xff.\r\n.\r\n..", 1),
        (b"", 1),
        (&large, 100_001),
    ] {
        let id = fixture.deliver_in_chunks(body, octets);
        let shown = fixture.print(&["show", &id, "--as-received"]);
        assert!(shown == body, "{id} of {} bytes", body.len());
        let with_trace = fixture.print(&["show", &id]);
        assert!(with_trace.ends_with(body), "{id} of {} bytes", body.len());
    }
}

#[test]
fn the_bytes_are_those_that_came() {
    let mut fixture = Fixture::new();
    let delivered: Vec<_> = awkward_messages()
        .into_iter()
        .map(|body| {
            (
                fixture.deliver("ann@example.com", "bob@example.com", &body),
                body,
            )
        })
        .collect();
    // Beside the server, and after it.
    for _ in 0..2 {
        for (id, body) in &delivered {
            let shown = fixture.print(&["show", id, "--as-received"]);
            assert!(shown == *body, "{id} of {} bytes", body.len());
            let with_trace = fixture.print(&["show", &id.to_lowercase()]);
            let (trace, rest) = with_trace.split_at(with_trace.len() - body.len());
            assert!(rest == body, "{id} of {} bytes", body.len());
            let trace = text(trace);
            assert!(trace.starts_with("Return-Path: <ann@example.com>\r\nReceived: from "));
            assert!(
                trace.contains(&format!("id {id}\r\n")) && trace.ends_with("\r\n"),
                "{trace}"
            );
        }
        if fixture.server.is_running() {
            fixture.stop();
        }
    }
}

#[test]
fn what_is_no_message_is_told_from_what_is_no_id() {
    let fixture = Fixture::new();
    fixture.deliver("ann@example.com", "bob@example.com", b"\r\n");
    assert_fails(
        &fixture.inbox(&["show", "00000000001"]),
        1,
        "there is no message 00000000001",
    );
    assert_fails(
        &fixture.inbox(&["show", "00000000001", "--as-received"]),
        1,
        "no message",
    );
    assert_fails(&fixture.inbox(&["show", "first"]), 2, "not a message id");
    assert_fails(&fixture.inbox(&["show"]), 2, "--help");
}

#[test]
fn a_terminal_gets_nothing_that_it_would_obey() {
    let fixture = Fixture::new();
    let body = b"Subject: \x1b]0;x\x07\r\n\r\n\ttab\x1b[2J\0\xe9\xc2\x9b31m caf\xc3\xa9\r\n";
    let id = fixture.deliver("ann@example.com", "bob@example.com", body);
    let store = server_process::store(fixture.folder.path());
    let store = store.to_str().unwrap();
    let shown = terminal::run(
        &["inbox", "--store", store, "show", &id, "--as-received"],
        80,
    );
    let expected = "Subject: \\u{1b}]0;x\\u{7}\n\n\ttab\\u{1b}[2J\\u{0}\\xe9\\u{9b}31m café\n";
    assert_eq!(shown, expected);

    let long = format!("Subject: {}\r\n\r\n", "long ".repeat(100));
    fixture.deliver(
        &format!("{}@example.com", "a".repeat(60)),
        "b@example.com",
        long.as_bytes(),
    );
    for columns in [80, 132] {
        let table = terminal::run(&["inbox", "list", "--store", store], columns);
        assert_eq!(table.lines().count(), 3, "{table}");
        let widest = table
            .lines()
            .map(|line| line.chars().count())
            .max()
            .unwrap();
        assert!(widest <= usize::from(columns), "{table}");
    }
}

#[test]
fn a_reader_who_has_seen_enough_is_no_error() {
    let fixture = Fixture::new();
    let id = fixture.deliver(
        "ann@example.com",
        "bob@example.com",
        &b"0123456789\r\n".repeat(100_000),
    );
    let store = server_process::store(fixture.folder.path());
    for arguments in [
        &["show", &*id][..],
        &["export"],
        &["export", "--format", "json"],
        &["search", "--text", "0123", "--json"],
    ] {
        let mut command = command(&["inbox", "--store", store.to_str().unwrap()]);
        command
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut stdout = process.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 5]).unwrap();
        drop(stdout);
        let Output { status, stderr, .. } = process.wait_with_output().unwrap();
        assert_eq!(status.code(), Some(0), "{arguments:?}");
        assert_eq!(text(&stderr), "", "{arguments:?}");
    }
}
