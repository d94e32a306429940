//! What is not SMTP, on the port of SMTP.

use std::{io::Write, net::TcpStream};

use crate::{
    aftermath::all_is_well,
    server_process::{Server, logs_every_end},
    smtp_client::{Client, code},
};

#[test]
fn random_octets() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    for seed in 1..=50 {
        let lines = answer_to(&server, &octets(seed, 4096));
        assert!(
            lines
                .iter()
                .all(|line| matches!(code(line), 220 | 421 | 500..)),
            "{lines:?}"
        );
    }
    all_is_well(server, folder.path());
}

/// In a body they are text, and end nothing.
#[test]
fn random_octets_in_a_body() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    for seed in 1..=20 {
        let mut client = Client::greeted(server.address());
        client.begin("a@example.org", "b@example.com");
        client.send(&octets(seed, 100_000));
        client.send(b"\r\n.\r\n");
        assert_eq!(code(&client.reply()), 550, "bare line ends are refused");
        assert_eq!(code(&client.command("NOOP")), 250);
    }
    all_is_well(server, folder.path());
}

#[test]
fn a_tls_handshake() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let mut hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec();
    hello.extend(octets(7, 506));
    assert_eq!(
        codes(&answer_to(&server, &hello)),
        [220],
        "closed without a word"
    );
    all_is_well(server, folder.path());
}

#[test]
fn a_browser() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let get = "GET / HTTP/1.1\r\nHost: mx.example.com\r\n\r\n";
    // Commands in the body of a form are the attack of RFC 5321's neighbours.
    let post = "POST / HTTP/1.1\r\nContent-Type: text/plain\r\n\r\nEHLO a\r\n\
        MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\nx\r\n.\r\n";
    for request in [get, post] {
        let codes = codes(&answer_to(&server, request.as_bytes()));
        assert!(!codes.contains(&250) && !codes.contains(&354), "{codes:?}");
    }
    all_is_well(server, folder.path());
}

/// Those who only look whether the port is open.
#[test]
fn health_checks() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start_with(folder.path(), &logs_every_end());
    for _ in 0..20 {
        drop(TcpStream::connect(server.address()).unwrap());
        let mut client = Client::connect(server.address());
        assert_eq!(code(&client.reply()), 220);
        drop(client);
        server.await_log("session ended");
    }
    all_is_well(server, folder.path());
}

/// All that a server says to somebody who sends this and nothing more.
fn answer_to(server: &Server, sent: &[u8]) -> Vec<String> {
    let mut client = Client::connect(server.address());
    // A server that has seen enough may have closed before the end.
    let _ = client.socket().write_all(sent);
    client.finish_sending();
    client.rest()
}

fn codes(lines: &[String]) -> Vec<u16> {
    lines.iter().map(|line| code(line)).collect()
}

/// Octets by chance, and the same in every run.
fn octets(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(count).collect()
}
