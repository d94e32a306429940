//! What `Received:` says of TLS (RFC 5321 section 4.4, RFC 3848).

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use mail_parser::{MessageParser, Protocol, TlsVersion};

use crate::{
    server_process::{LISTEN, Server, store},
    smtp_client::{code, id},
    stored_mail,
    tls_client::{Secure, start_tls},
};

const NAME: &str = "mx.example.com";

/// Delivers over TLS 1.3, and returns the trace lines without their date.
fn trace_of(client: &mut Secure, folder: &Path) -> (String, String) {
    let reply = client.deliver("a@example.org", "b@example.com", b"text\r\n");
    let id = id(&reply).to_owned();
    let trace = stored_mail::named(&store(folder), &id).details.trace;
    let (before, date) = trace.rsplit_once(";\r\n\t").unwrap();
    assert!(date.ends_with(" +0000\r\n"), "{date:?}");
    (id, before.to_owned())
}

/// Between the protocol and the id stands CFWS, and a comment may stand there.
fn expected(protocol: &str, id: &str) -> String {
    format!(
        "Return-Path: <a@example.org>\r\n\
         Received: from client.example ([127.0.0.1])\r\n\
         \tby mx.example.com with {protocol} (TLS1.3 TLS_AES_256_GCM_SHA384) id {id}\r\n\
         \tfor <b@example.com>"
    )
}

/// What a parser that is not ours makes of the lines.
fn is_read_as(trace: &str, protocol: Protocol, id: &str) {
    let text = format!("{trace};\r\n\tThu, 1 Jan 2026 00:00:00 +0000\r\nSubject: x\r\n\r\n");
    let message = MessageParser::default().parse(text.as_bytes()).unwrap();
    let received = message.received().unwrap();
    assert_eq!(received.with, Some(protocol));
    assert_eq!(received.tls_version, Some(TlsVersion::TLSv1_3));
    assert_eq!(
        received.tls_cipher.as_deref(),
        Some("TLS_AES_256_GCM_SHA384")
    );
    assert_eq!(received.id.as_deref(), Some(id));
    assert_eq!(received.for_.as_deref(), Some("b@example.com"));
}

#[test]
fn version_and_cipher_stand_in_a_comment_behind_the_protocol() {
    let folder = tempfile::tempdir().unwrap();
    let settings = format!(
        "{LISTEN}[tls]\ncertificate = \"self-signed\"\n\
         cipher_suites = [\"TLS_AES_256_GCM_SHA384\"]\nminimum_version = \"1.3\"\n"
    );
    let server = Server::start_with(folder.path(), &settings);
    let mut client = start_tls(server.address(), NAME);
    let (id, trace) = trace_of(&mut client, folder.path());
    assert_eq!(trace, expected("ESMTPS", &id));
    is_read_as(&trace, Protocol::ESMTPS, &id);
}

#[test]
fn a_login_makes_it_esmtpsa() {
    let folder = tempfile::tempdir().unwrap();
    add_user(folder.path());
    let server = Server::start_with(
        folder.path(),
        "listen = []
[[listener]]
address = \"127.0.0.1:0\"
auth = \"required\"
[auth]
password_file = \"users\"
[tls]
certificate = \"self-signed\"
minimum_version = \"1.3\"
cipher_suites = [\"TLS_AES_256_GCM_SHA384\"]
",
    );
    let mut client = start_tls(server.address(), NAME);
    let response = STANDARD.encode("\0anna\0secret");
    let reply = client.command(&format!("AUTH PLAIN {response}"));
    assert_eq!(code(&reply), 235, "{reply}");
    let (id, trace) = trace_of(&mut client, folder.path());
    assert_eq!(trace, expected("ESMTPSA", &id));
    assert!(
        !trace.contains("anna"),
        "a user's name is nobody's business"
    );
    is_read_as(&trace, Protocol::ESMTPSA, &id);
}

fn add_user(folder: &Path) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_prixfixe"))
        .current_dir(folder)
        .args(["passwd", "users", "anna", "--stdin"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"secret\n").unwrap();
    assert!(child.wait().unwrap().success());
}
