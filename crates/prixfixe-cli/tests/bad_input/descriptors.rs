//! Descriptors, of which each connection takes one.

use std::process::{Command, Stdio};

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::{
    server_process::{LISTEN, Server, command, store},
    smtp_client::{Client, code, id},
    stored_mail,
};

/// Lets this process open as many as it may ask for.
pub(crate) fn allow_many() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
}

/// A shell and many service managers start with a low limit, and leave it to the program to raise.
#[test]
fn the_server_takes_the_descriptors_that_it_may_have() {
    allow_many();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::await_start(limited("-S", &command(folder.path(), LISTEN)));
    let _idle: Vec<_> = (0..LIMIT + 20)
        .map(|_| Client::greeted(server.address()))
        .collect();
    let mut client = Client::greeted(server.address());
    let reply = client.deliver("a@example.org", "b@example.com", b"text\r\n");
    assert_eq!(stored_mail::only(&store(folder.path())).id, id(&reply));
}

/// Where it can have no more, those who are in go on, and others come in when some have left.
#[test]
fn without_descriptors_open_sessions_go_on() {
    allow_many();
    let folder = tempfile::tempdir().unwrap();
    let settings = format!("{LISTEN}workers = 1\n");
    let mut server = Server::await_start(limited("-H", &command(folder.path(), &settings)));
    let mut first = Client::greeted(server.address());
    // The system takes these connections; the server has no descriptors for all of them.
    let mut crowd: Vec<_> = (0..LIMIT)
        .map(|_| Client::connect(server.address()))
        .collect();
    server.await_log("cannot accept connections");
    for _ in 0..10 {
        let reply = first.deliver("a@example.org", "b@example.com", b"text\r\n");
        assert_eq!(code(&reply), 250);
    }
    let mut last = crowd.pop().unwrap();
    drop(crowd);
    assert_eq!(code(&last.reply()), 220);
    assert_eq!(stored_mail::all(&store(folder.path())).len(), 10);
    server.terminate();
    assert!(server.wait().success());
    let warnings = server
        .log()
        .iter()
        .filter(|line| line.contains("cannot accept connections"));
    assert_eq!(warnings.count(), 1, "it lasts, and is said once in a while");
}

/// Few, but enough for a server without clients.
const LIMIT: usize = 64;

/// The command with a limit of descriptors: a soft one (`-S`), or one that cannot be raised.
fn limited(kind: &str, server: &Command) -> Command {
    let mut command = Command::new("sh");
    let soft_and_hard = format!("ulimit -Sn {LIMIT}; ulimit {kind}n {LIMIT}; exec \"$@\"");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
        .args(["-c", &soft_and_hard, "sh"])
        .arg(server.get_program())
        .args(server.get_args());
    command
}
