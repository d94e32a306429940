//! A second start on the same folder and the same port.

use crate::{
    server_process::{Server, store},
    smtp_client::{Client, id},
    stored_mail,
};

#[test]
fn a_second_start_works_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path());
    let settings = format!("listen = [\"{}\"]\n", server.address());
    let mut client = Client::greeted(server.address());
    let reply = client.deliver("a@example.org", "b@example.com", b"first\r\n");
    let first = id(&reply).to_owned();
    // Who closes first keeps the port in TIME_WAIT, and that is the server.
    client.command("QUIT");
    assert_eq!(client.rest(), [""; 0]);
    server.terminate();
    assert!(server.wait().success());

    let server = Server::start_with(folder.path(), &settings);
    let mut client = Client::greeted(server.address());
    let reply = client.deliver("a@example.org", "b@example.com", b"second\r\n");
    assert!(*id(&reply) > *first, "names ascend across starts");
    let mails = stored_mail::all(&store(folder.path()));
    let bodies: Vec<_> = mails.iter().map(|mail| mail.body.as_slice()).collect();
    assert_eq!(bodies, [&b"first\r\n"[..], b"second\r\n"]);
}
