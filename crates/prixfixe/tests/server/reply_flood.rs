//! A client that sends and never reads: replies are bounded, and none is lost when it reads after
//! all.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use prixfixe::{
    Client, CloseReason, Envelope, ForwardPath, Handler, READ_BUFFER, Refusal, Server, SessionEnd,
    Settings, Stage, Verdict,
    testkit::{Fault, TestClient, TestServer, connect},
};
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, sleep, timeout},
};

use crate::scene::{settings, witness};

/// What the pipe between client and server holds each way.
const PIPE: usize = 64 << 10;

/// Refuses every recipient at length.
#[derive(Default)]
struct Wordy {
    refused: AtomicUsize,
}

impl Handler for Wordy {
    async fn rcpt(&self, _: &Client, _: &Envelope, _: &ForwardPath) -> Verdict {
        self.refused.fetch_add(1, Ordering::Relaxed);
        Refusal::policy("x".repeat(480)).into()
    }
}

fn patient() -> Settings {
    let mut settings = settings();
    settings.session.limits.idle_commands = u32::MAX;
    settings
}

/// Sends commands until the server takes no more; returns the octets it took.
async fn flood(client: &mut TestClient, command: &[u8]) -> usize {
    let flight = command.repeat(1000);
    let mut taken = 0;
    // With the clock stopped, a second passes when nobody can do anything more.
    loop {
        let rest = &flight[taken % flight.len()..];
        match timeout(Duration::from_secs(1), client.stream().write(rest)).await {
            Ok(sent) => taken += sent.unwrap(),
            Err(_) => return taken,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn replies_that_nobody_reads_are_bounded() {
    for command in [&b"NOOP\r\n"[..], b"RSET\r\n"] {
        let settings = patient();
        let limit = settings.session.limits.reply_buffer;
        let (server, handler) = (Server::new(settings), Arc::new(Wordy::default()));
        let mut client = connect(&server, &handler);
        client.greet().await.unwrap();
        let taken = flood(&mut client, command).await;
        // Each command has six octets and its reply at least as many.
        assert!(taken <= PIPE + READ_BUFFER + PIPE + limit, "{taken}");
        // A whole number of commands, so that each has its reply.
        let cut = taken % command.len();
        let mut expected = taken / command.len();
        if cut > 0 {
            expected += 1;
        }
        for _ in 0..taken / command.len() {
            assert_eq!(client.reply().await.unwrap().code, 250);
        }
        if cut > 0 {
            client.write(&command[cut..]).await.unwrap();
            assert_eq!(client.reply().await.unwrap().code, 250, "of {expected}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn so_are_the_refusals_of_a_handler() {
    let settings = patient();
    let limit = settings.session.limits.reply_buffer;
    let (server, handler) = (Server::new(settings), Arc::new(Wordy::default()));
    let mut client = connect(&server, &handler);
    client.greet().await.unwrap();
    client.command("MAIL FROM:<a@example.org>").await.unwrap();
    flood(&mut client, b"RCPT TO:<b@c.d>\r\n").await;
    let reply = "550 5.7.1 ".len() + 480 + 2;
    let replies = handler.refused.load(Ordering::Relaxed) * reply;
    assert!(replies <= PIPE + limit + reply, "{} wait", replies - PIPE);
}

#[tokio::test(start_paused = true)]
async fn who_sends_on_and_never_reads_is_dropped() {
    assert_eq!(
        dropped_after(async |client| {
            flood(client, b"NOOP\r\n").await;
        })
        .await,
        300
    );
}

#[tokio::test(start_paused = true)]
async fn so_is_who_stops_and_does_not_read_what_is_left() {
    let seconds = dropped_after(async |client| {
        // In flights of which none fills the reply buffer, while all of them fill the pipe.
        for _ in 0..4 {
            client.write(&b"NOOP\r\n".repeat(2000)).await.unwrap();
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    // The time of a command, and a moment for the 421.
    assert_eq!(seconds, 301);
}

/// The seconds until a client is dropped that sends this and reads nothing.
async fn dropped_after(sends: impl AsyncFnOnce(&mut TestClient)) -> u64 {
    let mut settings = patient();
    let mut events = witness(&mut settings);
    let (server, handler) = (Server::new(settings), Arc::new(Wordy::default()));
    let mut client = connect(&server, &handler);
    client.greet().await.unwrap();
    let start = Instant::now();
    sends(&mut client).await;
    let end = events.session_end().await;
    assert_eq!(end, SessionEnd::Closed(CloseReason::Timeout));
    start.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn who_was_told_421_can_send_a_little_more_and_no_flood() {
    let server = TestServer::start().await.unwrap();
    server.inject(Stage::Helo, Fault::Refuse(Refusal::shutting_down()));
    let mut client = server.client();
    assert_eq!(client.greet().await.unwrap().code, 421);
    let (mut sent, block) = (0, [0; 4096]);
    while client.write(&block).await.is_ok() {
        sent += block.len();
    }
    assert!(
        (PIPE..=(256 << 10) + READ_BUFFER + PIPE).contains(&sent),
        "{sent}"
    );
}
