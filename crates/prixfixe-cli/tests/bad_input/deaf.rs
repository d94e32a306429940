//! Clients that ask and never read the answers.

use std::{
    io::{ErrorKind, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use crate::{
    aftermath::all_is_well,
    server_process::{LISTEN, Server, WATCHDOG},
};

const CLIENTS: usize = 10;

/// What the memory of the server may grow by: far more than replies and buffers of all these
/// clients should take, and far less than what they ask for.
const GROWTH_MAX: u64 = 16 << 20;

/// What a client gets rid of before the server reads no more, with all that the system keeps on
/// both sides for the connection.
const SENT_MAX: usize = 64 << 20;

#[test]
fn they_wait_and_the_server_does_not_grow() {
    let folder = tempfile::tempdir().unwrap();
    let settings = format!("{LISTEN}[timeouts]\ncommand = \"1s\"\n");
    let mut server = Server::start_with(folder.path(), &settings);
    let before = server.private_memory();
    let ask = |address: String| thread::spawn(move || ask_and_never_read(&address));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| ask(server.address().to_owned()))
        .collect();
    let (mut most, start) = (before, Instant::now());
    while !clients.iter().all(thread::JoinHandle::is_finished) {
        most = most.max(server.private_memory());
        assert!(
            start.elapsed() < WATCHDOG,
            "the server waits for who does not read"
        );
        thread::sleep(Duration::from_millis(10));
    }
    for client in clients {
        let sent = client.join().unwrap();
        assert!(
            sent < SENT_MAX,
            "{sent} octets of commands were read, and their replies are kept"
        );
        let line = server.await_log("session ended");
        assert!(line.contains("\"timeout\""), "{line}");
    }
    assert!(
        most - before < GROWTH_MAX,
        "the server grew by {} octets",
        most - before
    );
    all_is_well(server, folder.path());
}

/// Sends commands with long answers until the server closes; returns how much that was.
fn ask_and_never_read(address: &str) -> usize {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_write_timeout(Some(WATCHDOG)).unwrap();
    let commands = b"EHLO client.example\r\n".repeat(1000);
    let mut sent = 0;
    loop {
        match stream.write(&commands[sent % commands.len()..]) {
            Ok(written) => sent += written,
            Err(error) => {
                assert_ne!(error.kind(), ErrorKind::WouldBlock, "never closed");
                return sent;
            }
        }
        if sent >= SENT_MAX {
            return sent;
        }
    }
}
