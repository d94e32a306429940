//! smtp-source, the load generator of Postfix: many sessions at a time.

use std::{collections::HashSet, fs};

use crate::{
    message::{self, ENVELOPE},
    program::{program, run},
    server_process::{Server, store},
    stored_mail,
};

const MESSAGES: usize = 500;

#[test]
fn smtp_source_delivers_with_a_connection_for_each_message() {
    deliver(&[]);
}

#[test]
fn smtp_source_delivers_on_connections_that_last() {
    deliver(&["-d"]);
}

fn deliver(how: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let file = folder.path().join("message.eml");
    fs::write(&file, message::tricky_with_lf()).unwrap();
    let mut command = program("smtp-source");
    command
        .args(how)
        .args([
            "-s",
            "20",
            "-m",
            &MESSAGES.to_string(),
            "-M",
            "client.example",
        ])
        .args(["-f", "ann@example.org", "-t", "bob@example.com", "-F"])
        .arg(&file)
        .arg(format!("inet:{}", server.address()));
    run(&mut command, b"");
    let mails = stored_mail::all(&store(folder.path()));
    assert_eq!(mails.len(), MESSAGES);
    for mail in &mails {
        assert_eq!(mail.envelope, ENVELOPE);
        message::same(&mail.body, &message::tricky_and_empty_line());
    }
    let ids: HashSet<_> = mails.iter().map(|mail| &mail.id).collect();
    assert_eq!(ids.len(), MESSAGES);
}
