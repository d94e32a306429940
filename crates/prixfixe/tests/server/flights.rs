//! Pipelining (RFC 2920): a flight of commands gets its replies in order and in one write.

use std::{
    future::pending,
    io::{Read, Write},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use prixfixe::{
    Client, Envelope, ForwardPath, Handler, Server, Verdict,
    testkit::{TestClient, TestServer, connect},
};
use tokio::io::AsyncWriteExt;

use crate::scene::{Keep, OPEN, SocketClient, settings, watchdog};

async fn greeted() -> (TestServer, TestClient) {
    let server = TestServer::start().await.unwrap();
    let mut client = server.client();
    client.greet().await.unwrap();
    (server, client)
}

#[tokio::test]
async fn a_flight_is_answered_in_one_write() {
    watchdog(async {
        let server = TestServer::start().await.unwrap();
        let address = server.address();
        tokio::task::spawn_blocking(move || talk_in_flights(address))
            .await
            .unwrap();
    })
    .await;
}

/// Replies in several writes would sooner or later be read apart from each other, by a client
/// that runs on another thread and reads whatever is there.
fn talk_in_flights(address: SocketAddr) {
    let mut client = SocketClient::connect(address);
    client.line().unwrap();
    client.say("HELO client.example\r\n");
    let mut replies = [0; 4096];
    for _ in 0..300 {
        let flight = "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\n\
            RCPT TO:<c@example.com>\r\nNOOP\r\nDATA\r\n";
        for (flight, expected) in [
            (flight, &["250", "250", "250", "250", "354"][..]),
            ("Hello\r\n.\r\nNOOP\r\nRSET\r\n", &["250"; 3]),
        ] {
            let stream = client.0.get_mut();
            stream.write_all(flight.as_bytes()).unwrap();
            let read = stream.read(&mut replies).unwrap();
            let replies = String::from_utf8_lossy(&replies[..read]);
            let codes: Vec<_> = replies.lines().map(|line| &line[..3]).collect();
            assert_eq!(codes, expected);
        }
    }
}

#[tokio::test]
async fn commands_behind_a_body_are_of_its_flight() {
    watchdog(async {
        let (_server, mut client) = greeted().await;
        client.write(OPEN).await.unwrap();
        for code in [250, 250, 354] {
            assert_eq!(client.reply().await.unwrap().code, code);
        }
        client
            .write(b"Hello\r\n.\r\nMAIL FROM:<c@example.org>\r\nNOOP\r\nQUIT\r\n")
            .await
            .unwrap();
        for code in [250, 250, 250, 221] {
            assert_eq!(client.reply().await.unwrap().code, code);
        }
    })
    .await;
}

#[tokio::test]
async fn a_full_read_buffer_behind_a_body_is_all_answered() {
    watchdog(async {
        let (_server, mut client) = greeted().await;
        client.write(OPEN).await.unwrap();
        for code in [250, 250, 354] {
            assert_eq!(client.reply().await.unwrap().code, code);
        }
        let mut flight = b"Hello\r\n.\r\n".to_vec();
        let commands = prixfixe::READ_BUFFER / b"NOOP\r\n".len();
        flight.extend(b"NOOP\r\n".repeat(commands));
        client.write(&flight).await.unwrap();
        for _ in 0..=commands {
            assert_eq!(client.reply().await.unwrap().code, 250);
        }
    })
    .await;
}

#[tokio::test]
async fn several_messages_in_one_flight() {
    watchdog(async {
        let (server, handler) = (Server::new(settings()), Arc::new(Keep::default()));
        let mut client = connect(&server, &handler);
        client.greet().await.unwrap();
        for body in ["one", "two", "three"] {
            client.write(OPEN).await.unwrap();
            client.write(body.as_bytes()).await.unwrap();
            client.write(b"\r\n.\r\n").await.unwrap();
        }
        client.write(b"QUIT\r\n").await.unwrap();
        for code in [250, 250, 354, 250].repeat(3) {
            assert_eq!(client.reply().await.unwrap().code, code);
        }
        assert_eq!(client.reply().await.unwrap().code, 221);
        let expected = ["one\r\n", "two\r\n", "three\r\n"].map(|body| body.as_bytes().to_vec());
        assert_eq!(handler.kept(), expected);
    })
    .await;
}

/// Answers no question about a recipient.
#[derive(Default)]
struct Stalled {
    asked: AtomicUsize,
}

impl Handler for Stalled {
    async fn rcpt(&self, _: &Client, _: &Envelope, _: &ForwardPath) -> Verdict {
        self.asked.fetch_add(1, Ordering::Relaxed);
        pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_while_a_verdict_is_open() {
    let (server, handler) = (Server::new(settings()), Arc::new(Stalled::default()));
    let mut client = connect(&server, &handler);
    client.greet().await.unwrap();
    client.command("MAIL FROM:<a@example.org>").await.unwrap();
    let rcpt = b"RCPT TO:<b@example.com>\r\n".repeat(1000);
    let mut written = 0;
    // With the clock stopped, a second passes when nobody can do anything more.
    let second = tokio::time::Duration::from_secs(1);
    while let Ok(sent) = tokio::time::timeout(second, client.stream().write(&rcpt)).await {
        written += sent.unwrap();
    }
    assert_eq!(handler.asked.load(Ordering::Relaxed), 1);
    // The pipe, and the one buffer that was read before the question was put.
    let pipe = 64 << 10;
    assert!(written <= pipe + prixfixe::READ_BUFFER, "{written}");
}
