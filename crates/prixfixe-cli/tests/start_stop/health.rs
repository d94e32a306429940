//! What the admin listener says, to a supervisor that asks by HTTP.

use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
};

use serde_json::Value;

use crate::{
    server_process::{Server, WATCHDOG, admin_socket},
    smtp_client::{Client, code},
};

#[test]
fn a_server_is_alive_and_ready() {
    let folder = tempfile::tempdir().unwrap();
    let _server = Server::start(folder.path());
    let (status, health) = get(folder.path(), "/healthz");
    assert_eq!((status, &health["alive"]), (200, &Value::Bool(true)));
    let (status, readiness) = get(folder.path(), "/readyz");
    assert_eq!((status, &readiness["ready"]), (200, &Value::Bool(true)));
    assert_eq!(readiness["store"]["writable"], Value::Bool(true));
    assert_eq!(get(folder.path(), "/nothing-there").0, 404);
}

#[test]
fn a_server_that_stops_is_alive_and_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path());
    let mut client = Client::greeted(server.address());
    client.begin("a@example.org", "b@example.com");
    server.terminate();
    server.await_log("stopping");
    let (status, readiness) = get(folder.path(), "/readyz");
    assert_eq!((status, &readiness["ready"]), (503, &Value::Bool(false)));
    assert_eq!(get(folder.path(), "/healthz").0, 200);
    client.send(b".\r\n");
    assert_eq!(code(&client.reply()), 250);
    assert!(server.wait().success());
}

#[test]
fn the_socket_goes_with_the_server_and_one_left_behind_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    // SIGKILL leaves it.
    drop(Server::start(folder.path()));
    assert!(admin_socket(folder.path()).exists());
    let mut server = Server::start(folder.path());
    assert_eq!(get(folder.path(), "/healthz").0, 200);
    server.terminate();
    assert!(server.wait().success());
    assert!(!admin_socket(folder.path()).exists());
}

/// Whoever opens connections and says nothing, or never ends a header, holds up the supervisor for
/// seconds, and mail not at all.
#[test]
fn silent_clients_lose_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let descriptors = || {
        let folder = format!("/proc/{}/fd", server.id());
        fs::read_dir(folder).unwrap().count()
    };
    let before = descriptors();
    let mut silent: Vec<_> = (0..100)
        .map(|_| {
            let mut stream = UnixStream::connect(admin_socket(folder.path())).unwrap();
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost:").unwrap();
            stream.set_read_timeout(Some(WATCHDOG)).unwrap();
            stream
        })
        .collect();
    Client::greeted(server.address());
    // Behind all of them in the queue, so this ends only after the first have been cut off.
    assert_eq!(get(folder.path(), "/healthz").0, 200);
    let held = descriptors() - before;
    assert!(held < 80, "{held} descriptors are held");
    let mut answer = Vec::new();
    // By a reset where it left something unread.
    let _ = silent[0].read_to_end(&mut answer);
    assert_eq!(answer, b"", "there is no answer to half a request");
}

#[test]
fn a_connection_is_closed_behind_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let _server = Server::start(folder.path());
    let mut stream = UnixStream::connect(admin_socket(folder.path())).unwrap();
    stream.set_read_timeout(Some(WATCHDOG)).unwrap();
    let request = b"GET /healthz HTTP/1.1\r\nHost: admin\r\n\r\n";
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("connection: close"), "{answer}");
}

/// Status and body of an answer.
fn get(folder: &Path, path: &str) -> (u16, Value) {
    let mut stream = UnixStream::connect(admin_socket(folder)).unwrap();
    stream.set_read_timeout(Some(WATCHDOG)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_default())
}
