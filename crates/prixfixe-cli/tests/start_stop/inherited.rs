//! Sockets of a service manager, passed on as systemd does: from descriptor 3 on, with their
//! number in `LISTEN_FDS` and the process they are meant for in `LISTEN_PID`.

use std::{
    net::TcpListener,
    os::{fd::OwnedFd, unix::net::UnixListener},
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    server_process::{self, Server, store},
    smtp_client::{Client, code, id},
    stored_mail,
};

#[test]
fn mail_comes_over_sockets_that_were_inherited() {
    let folder = tempfile::tempdir().unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap().to_string();
    let path = folder.path().join("smtp.sock");
    let unix = UnixListener::bind(&path).unwrap();
    // The first client is there before the server, as it may be under a service manager.
    let mut early = Client::connect(&address);
    let command = passing(folder.path(), "listen = [\"inherited\"]\n", tcp, unix);
    let mut server = Server::await_start(command);
    assert!(
        server.addresses.contains(&address),
        "{:?}",
        server.addresses
    );

    assert_eq!(code(&early.reply()), 220);
    assert_eq!(code(&early.command("EHLO client.example")), 250);
    let reply = early.deliver("a@example.org", "b@example.com", b"over TCP\r\n");
    let mail = stored_mail::named(&store(folder.path()), id(&reply));
    assert_eq!(mail.body, b"over TCP\r\n");

    let mut client = Client::connect_unix(&path);
    assert_eq!(code(&client.reply()), 220);
    assert_eq!(code(&client.command("EHLO client.example")), 250);
    let reply = client.deliver("a@example.org", "b@example.com", b"over a Unix socket\r\n");
    let mail = stored_mail::named(&store(folder.path()), id(&reply));
    assert_eq!(mail.body, b"over a Unix socket\r\n");

    server.terminate();
    assert!(server.wait().success());
    assert!(path.exists(), "the file belongs to whoever made the socket");
}

#[test]
fn sockets_are_found_by_name_and_index() {
    let folder = tempfile::tempdir().unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap().to_string();
    let unix = UnixListener::bind(folder.path().join("smtp.sock")).unwrap();
    let settings = "listen = [\"inherited:local\", \"inherited:0\"]\n";
    let mut command = passing(folder.path(), settings, tcp, unix);
    command.env("LISTEN_FDNAMES", "public:local");
    let server = Server::await_start(command);
    assert_eq!(server.addresses.len(), 2);
    assert_eq!(server.addresses[1], address);
    Client::greeted(&address);
}

#[test]
fn sockets_for_another_process_are_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = server_process::command(folder.path(), "listen = [\"inherited\"]\n");
    command.env("LISTEN_FDS", "1").env("LISTEN_PID", "1");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("no such socket was inherited"), "{text}");
}

/// A command that becomes a server with two sockets. Only a shell between can put them on their
/// descriptors and know the process id; they reach it as its input and output.
fn passing(folder: &Path, settings: &str, tcp: TcpListener, unix: UnixListener) -> Command {
    let server = server_process::command(folder, settings);
    let mut command = Command::new("sh");
    let script = "exec 3<&0 4<&1 0</dev/null 1>/dev/null; LISTEN_PID=$$ LISTEN_FDS=2 exec \"$@\"";
    command
        .args(["-c", script, "sh"])
        .arg(server.get_program())
        .args(server.get_args());
    command
        .stdin(OwnedFd::from(tcp))
        .stdout(OwnedFd::from(unix))
        .stderr(Stdio::piped());
    command
}
