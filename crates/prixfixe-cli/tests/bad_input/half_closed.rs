//! Clients that say all they have, close their side and listen: they are in the right.

use std::io::Write;

use crate::{
    aftermath::all_is_well,
    server_process::{Server, store},
    smtp_client::{Client, code, id},
    stored_mail,
};

const SESSION: &str = "EHLO client.example\r\nMAIL FROM:<a@example.org>\r\n\
    RCPT TO:<b@example.com>\r\nDATA\r\nSubject: x\r\n\r\ntext\r\n.\r\n";

#[test]
fn all_replies_come_after_the_client_has_finished() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let mut client = Client::connect(server.address());
    client.send(SESSION.as_bytes());
    client.finish_sending();
    let lines = client.rest();
    let mail = stored_mail::only(&store(folder.path()));
    assert_eq!(id(lines.last().unwrap()), mail.id);
    assert_eq!(mail.body, b"Subject: x\r\n\r\ntext\r\n");
}

#[test]
fn a_body_without_its_end_is_no_message() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    // What is missing is the end, or only its last octet.
    for missing in [3, 1] {
        let mut client = Client::connect(server.address());
        client
            .socket()
            .write_all(&SESSION.as_bytes()[..SESSION.len() - missing])
            .unwrap();
        client.finish_sending();
        let lines = client.rest();
        assert_eq!(code(lines.last().unwrap()), 354, "{lines:?}");
    }
    all_is_well(server, folder.path());
}
