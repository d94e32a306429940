//! What the admin listener says, to a supervisor that asks by HTTP.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
};

use serde_json::Value;

use crate::{
    server_process::{Server, admin_socket},
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

/// Status and body of an answer.
fn get(folder: &Path, path: &str) -> (u16, Value) {
    let mut stream = UnixStream::connect(admin_socket(folder)).unwrap();
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
