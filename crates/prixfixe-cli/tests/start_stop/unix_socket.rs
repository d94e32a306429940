//! A listener on a Unix socket.

use std::path::Path;

use crate::{
    server_process::{Server, store},
    smtp_client::{Client, code, id},
    stored_mail,
};

#[test]
fn mail_comes_over_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("smtp.sock");
    let mut server = Server::start_with(folder.path(), &settings(&path));
    assert_eq!(server.addresses, [format!("unix:{}", path.display())]);
    deliver(folder.path(), &path);
    server.terminate();
    assert!(server.wait().success());
    assert!(!path.exists(), "the file goes with the server");
}

/// SIGKILL leaves the file, and the next start replaces it.
#[test]
fn a_socket_left_behind_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("smtp.sock");
    drop(Server::start_with(folder.path(), &settings(&path)));
    assert!(path.exists());
    let _server = Server::start_with(folder.path(), &settings(&path));
    deliver(folder.path(), &path);
}

#[test]
fn a_client_that_a_proxy_does_not_know_is_no_local_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("smtp.sock");
    let settings = format!(
        "listen = []\n[[listener]]\naddress = \"unix:{}\"\nxclient = [\"unix\"]\n",
        path.display()
    );
    let _server = Server::start_with(folder.path(), &settings);
    let mut client = Client::connect_unix(&path);
    assert_eq!(code(&client.reply()), 220);
    assert_eq!(code(&client.command("XCLIENT ADDR=[UNAVAILABLE]")), 220);
    assert_eq!(code(&client.command("EHLO client.example")), 250);
    let reply = client.deliver("a@example.org", "b@example.com", b"text\r\n");
    let mail = stored_mail::named(&store(folder.path()), id(&reply));
    assert_eq!(mail.details.peer, "unknown");
    let trace = mail.details.trace;
    let from = "from client.example\r\n\tby ";
    assert!(trace.contains(from), "{trace}");
}

fn settings(path: &Path) -> String {
    format!("listen = [\"unix:{}\"]\n", path.display())
}

fn deliver(folder: &Path, path: &Path) {
    let mut client = Client::connect_unix(path);
    assert_eq!(code(&client.reply()), 220);
    assert_eq!(code(&client.command("EHLO client.example")), 250);
    let reply = client.deliver("a@example.org", "b@example.com", b"text\r\n");
    let mail = stored_mail::named(&store(folder), id(&reply));
    assert_eq!(mail.body, b"text\r\n");
    assert_eq!(mail.details.peer, "unix");
}
