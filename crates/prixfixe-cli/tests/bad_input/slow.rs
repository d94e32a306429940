//! Clients that take their time, with time-outs that suit a test.

use std::{
    io::Write,
    thread,
    time::{Duration, Instant},
};

use crate::{
    aftermath::all_is_well,
    server_process::{LISTEN, Server},
    smtp_client::{Client, code},
};

const TIMEOUT: Duration = Duration::from_millis(500);

fn settings() -> String {
    let millis = TIMEOUT.as_millis();
    format!("{LISTEN}[timeouts]\ncommand = \"{millis}ms\"\nbody_block = \"{millis}ms\"\n")
}

/// The time-out is for a command as a whole: another octet now and then does not extend it.
#[test]
fn a_command_octet_by_octet() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &settings());
    let mut client = Client::connect(server.address());
    assert_eq!(code(&client.reply()), 220);
    let start = Instant::now();
    let mut socket = client.socket();
    let drip = thread::spawn(move || {
        while socket.write_all(b"x").is_ok() {
            thread::sleep(TIMEOUT / 10);
        }
    });
    let reply = client.reply();
    assert!(reply.starts_with("421 4.4.2 "), "{reply}");
    assert!(start.elapsed() >= TIMEOUT / 2, "that was not slow yet");
    assert_eq!(client.rest(), [""; 0]);
    drip.join().unwrap();
    all_is_well(server, folder.path());
}

#[test]
fn no_command_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &settings());
    let mut client = Client::connect(server.address());
    assert_eq!(code(&client.reply()), 220);
    assert_eq!(code(&client.reply()), 421);
    assert_eq!(client.rest(), [""; 0]);
    all_is_well(server, folder.path());
}

#[test]
fn a_body_that_stops() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &settings());
    let mut client = Client::greeted(server.address());
    client.begin("a@example.org", "b@example.com");
    client.send(b"half a message\r\n");
    assert_eq!(code(&client.reply()), 421);
    assert_eq!(client.rest(), [""; 0]);
    all_is_well(server, folder.path());
}
