//! SIGTERM: who is in a transaction may end it, all others are told, nothing is lost.

use std::{
    fs,
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::{
    server_process::{self, LISTEN, Server, WATCHDOG, store},
    smtp_client::{Client, code, id},
    stored_mail,
};

#[test]
fn a_transaction_ends_before_the_server_does() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path());
    let mut client = Client::greeted(server.address());
    client.begin("a@example.org", "b@example.com");
    client.send(b"Subject: x\r\n\r\nfirst half\r\n");
    server.terminate();
    server.await_log("stopping");
    client.send(b"second half\r\n.\r\n");
    let reply = client.reply();
    let mail = stored_mail::named(&store(folder.path()), id(&reply));
    assert_eq!(
        mail.body,
        b"Subject: x\r\n\r\nfirst half\r\nsecond half\r\n"
    );
    // With nothing left to end, the session is over too.
    assert_eq!(code(&client.reply()), 421);
    assert_eq!(client.rest(), [""; 0]);
    assert!(server.wait().success());
}

#[test]
fn a_transaction_without_its_body_yet_goes_on_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path());
    let mut client = Client::greeted(server.address());
    assert_eq!(code(&client.command("MAIL FROM:<a@example.org>")), 250);
    server.terminate();
    server.await_log("stopping");
    assert_eq!(code(&client.command("RCPT TO:<b@example.com>")), 250);
    assert_eq!(code(&client.command("DATA")), 354);
    client.send(b"text\r\n.\r\n");
    assert_eq!(code(&client.reply()), 250);
    assert_eq!(code(&client.reply()), 421);
    assert!(server.wait().success());
    assert_eq!(stored_mail::only(&store(folder.path())).body, b"text\r\n");
}

#[test]
fn idle_clients_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path());
    let silent = Client::connect(server.address());
    let greeted = (0..9).map(|_| Client::greeted(server.address()));
    let mut clients: Vec<_> = std::iter::once(silent).chain(greeted).collect();
    assert_eq!(code(&clients[0].reply()), 220);
    server.terminate();
    for client in &mut clients {
        let reply = client.reply();
        assert!(reply.starts_with("421 4.3.2 "), "{reply}");
        assert_eq!(client.rest(), [""; 0]);
    }
    assert!(server.wait().success());
}

#[test]
fn who_never_ends_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let settings = format!("{LISTEN}[timeouts]\ndrain = \"200ms\"\n");
    let mut server = Server::start_with(folder.path(), &settings);
    let mut client = Client::greeted(server.address());
    client.begin("a@example.org", "b@example.com");
    client.send(b"half a message\r\n");
    server.terminate();
    assert_eq!(code(&client.reply()), 421);
    assert_eq!(client.rest(), [""; 0]);
    assert!(server.wait().success());
    assert!(stored_mail::all(&store(folder.path())).is_empty());
}

/// Long before the time for the drain is up.
#[test]
fn a_second_signal_cuts_off_whoever_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let settings = format!("{LISTEN}[timeouts]\ndrain = \"1h\"\n");
    let mut server = Server::start_with(folder.path(), &settings);
    let mut client = Client::greeted(server.address());
    client.begin("a@example.org", "b@example.com");
    client.send(b"half a message\r\n");
    server.terminate();
    server.await_log("stopping");
    server.signal(Signal::INT);
    server.await_log("a second signal");
    assert_eq!(code(&client.reply()), 421);
    assert_eq!(client.rest(), [""; 0]);
    assert!(server.wait().success());
    assert!(stored_mail::all(&store(folder.path())).is_empty());
}

/// Whoever sent it would send it again, and it would be there twice.
#[test]
fn a_message_that_is_being_committed_is_acknowledged_after_a_second_signal() {
    let folder = tempfile::tempdir().unwrap();
    // The store is made by a start that does not have to wait for it.
    drop(Server::start(folder.path()));
    let mut server = Server::await_start(with_slow_syncs(folder.path()));
    let mut client = Client::greeted(server.address());
    let log = store(folder.path()).join("mail.sqlite3-wal");
    let length = || fs::metadata(&log).unwrap().len();
    client.begin("a@example.org", "b@example.com");
    let before = length();
    client.send(b"text\r\n.\r\n");
    let sent = Instant::now();
    while length() == before {
        assert!(sent.elapsed() < WATCHDOG, "nothing is written");
        thread::sleep(Duration::from_millis(1));
    }
    server.terminate();
    server.signal(Signal::INT);
    server.await_log("a second signal");
    let socket = client.socket();
    socket.set_nonblocking(true).unwrap();
    let answered = socket.peek(&mut [0]).is_ok();
    socket.set_nonblocking(false).unwrap();
    assert!(!answered, "the signal came too late");
    let reply = client.reply();
    let mail = stored_mail::named(&store(folder.path()), id(&reply));
    assert_eq!(mail.body, b"text\r\n");
    assert!(server.wait().success());
}

/// A server whose commits take a second. Its process is that of the server: the tracer stays in
/// the background.
fn with_slow_syncs(folder: &Path) -> Command {
    let server = server_process::command(folder, LISTEN);
    let mut command = Command::new("strace");
    command
        .args(["-D", "-f", "-qq", "--seccomp-bpf", "--signal=none"])
        .args([
            "--trace=fsync,fdatasync",
            "--inject=fsync,fdatasync:delay_enter=1s",
        ])
        .args(["--output", "/dev/null"])
        .arg(server.get_program())
        .args(server.get_args())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Nobody new is taken on meanwhile, and nobody waits in a queue that is never served.
#[test]
fn no_session_begins_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path());
    let mut open = Client::greeted(server.address());
    open.begin("a@example.org", "b@example.com");
    server.terminate();
    server.await_log("stopping");
    // It stops listening at some moment after it said so; until then it says 421.
    while let Ok(stream) = TcpStream::connect(server.address()) {
        let lines = Client::over(stream).rest();
        assert!(lines.iter().all(|line| code(line) == 421), "{lines:?}");
    }
    open.send(b"text\r\n.\r\n");
    assert_eq!(code(&open.reply()), 250);
    assert!(server.wait().success());
}

/// It is ready for the signal before it says that it is there.
#[test]
fn a_stop_right_at_the_start_is_an_orderly_one() {
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Server::start(folder.path());
        server.terminate();
        let status = server.wait();
        assert!(status.success(), "{status}");
    }
}

#[test]
fn interrupt_stops_and_hangup_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let settings = format!("{LISTEN}[timeouts]\ndrain = \"10s\"\n");
    let mut server = Server::start_with(folder.path(), &settings);
    server.signal(Signal::HUP);
    server.await_log("SIGHUP");
    let mut client = Client::greeted(server.address());
    assert_eq!(
        code(&client.deliver("a@example.org", "b@example.com", b"text\r\n")),
        250
    );
    server.signal(Signal::INT);
    assert_eq!(code(&client.reply()), 421);
    assert!(server.wait().success());
}
