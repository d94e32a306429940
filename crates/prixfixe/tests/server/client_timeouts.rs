//! How long the server waits for a client. The clock is stopped, so time passes only when nobody
//! can do anything more, and a deadline is met to the second.

use std::{sync::Arc, time::Duration};

use prixfixe::{
    Body, Client, CloseReason, Envelope, ForwardPath, Handler, MessageVerdict, Server, SessionEnd,
    Verdict, testkit::connect,
};
use tokio::time::{Instant, sleep};

use crate::scene::{Keep, OPEN, accept, settings, witness};

#[tokio::test(start_paused = true)]
async fn a_silent_client_gets_421_after_the_command_timeout() {
    let mut settings = settings();
    let mut events = witness(&mut settings);
    let (server, handler) = (Server::new(settings), Arc::new(Keep::default()));
    let start = Instant::now();
    let mut client = connect(&server, &handler);
    client.greet().await.unwrap();
    sleep(Duration::from_secs(100)).await;
    assert_eq!(client.command("NOOP").await.unwrap().code, 250);
    assert_eq!(client.reply().await.unwrap().code, 421);
    assert_eq!(start.elapsed().as_secs(), 400);
    client.reply().await.unwrap_err();
    drop(client);
    let end = events.session_end().await;
    assert_eq!(end, SessionEnd::Closed(CloseReason::Timeout));
}

#[tokio::test(start_paused = true)]
async fn octets_one_by_one_do_not_extend_the_time_of_a_command() {
    let (server, handler) = (Server::new(settings()), Arc::new(Keep::default()));
    let mut client = connect(&server, &handler);
    client.greet().await.unwrap();
    let start = Instant::now();
    for octet in b"NOOP xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        .iter()
        .take(29)
    {
        client.write(&[*octet]).await.unwrap();
        sleep(Duration::from_secs(10)).await;
    }
    assert_eq!(client.reply().await.unwrap().code, 421);
    assert_eq!(start.elapsed().as_secs(), 300);
}

#[tokio::test(start_paused = true)]
async fn nor_do_the_octets_of_a_line_that_is_too_long() {
    let (server, handler) = (Server::new(settings()), Arc::new(Keep::default()));
    let mut client = connect(&server, &handler);
    client.greet().await.unwrap();
    let start = Instant::now();
    for _ in 0..29 {
        client.write(&[b'x'; 600]).await.unwrap();
        sleep(Duration::from_secs(10)).await;
    }
    assert_eq!(client.reply().await.unwrap().code, 421);
    assert_eq!(start.elapsed().as_secs(), 300);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_in_a_body_gets_421_after_the_body_timeout() {
    let mut settings = settings();
    let mut events = witness(&mut settings);
    let (server, handler) = (Server::new(settings), Arc::new(Keep::default()));
    let mut client = connect(&server, &handler);
    client.greet().await.unwrap();
    client.write(OPEN).await.unwrap();
    for code in [250, 250, 354] {
        assert_eq!(client.reply().await.unwrap().code, code);
    }
    sleep(Duration::from_secs(170)).await;
    client.write(b"Subject: x\r\n").await.unwrap();
    let start = Instant::now();
    assert_eq!(client.reply().await.unwrap().code, 421);
    assert_eq!(start.elapsed().as_secs(), 180);
    drop(client);
    let end = events.session_end().await;
    assert_eq!(end, SessionEnd::Closed(CloseReason::Timeout));
    assert!(handler.kept().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_refused_body_is_drained_for_180_seconds_however_it_trickles_in() {
    let (server, handler) = (Server::new(settings()), Arc::new(Keep::default()));
    let mut client = connect(&server, &handler);
    client.greet().await.unwrap();
    client.write(OPEN).await.unwrap();
    for code in [250, 250, 354] {
        assert_eq!(client.reply().await.unwrap().code, code);
    }
    client.write(b"bare\nline\r\n").await.unwrap();
    let start = Instant::now();
    for _ in 0..3 {
        sleep(Duration::from_secs(50)).await;
        client.write(b"more\r\n").await.unwrap();
    }
    // It hears why, though it has not come to the end.
    assert_eq!(client.reply().await.unwrap().code, 550);
    client.reply().await.unwrap_err();
    assert_eq!(start.elapsed().as_secs(), 180);
}

/// Thinks for 200 seconds before it reads, which a verdict on a message may.
struct Slow;

impl Handler for Slow {
    async fn rcpt(&self, _: &Client, _: &Envelope, _: &ForwardPath) -> Verdict {
        Verdict::Accept
    }

    async fn message(&self, _: &Client, _: Envelope, body: &mut Body<'_>) -> MessageVerdict {
        loop {
            sleep(Duration::from_secs(200)).await;
            match body.chunk().await {
                Ok(Some(_)) => {}
                Ok(None) => return accept(),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_of_the_handler_is_not_taken_from_the_client() {
    let (server, handler) = (Server::new(settings()), Arc::new(Slow));
    let mut client = connect(&server, &handler);
    client.greet().await.unwrap();
    client.write(OPEN).await.unwrap();
    for code in [250, 250, 354] {
        assert_eq!(client.reply().await.unwrap().code, code);
    }
    sleep(Duration::from_secs(100)).await;
    client.write(b"Subject: x\r\n").await.unwrap();
    // The handler comes back for more after 200 seconds, and the client needs some of its own.
    sleep(Duration::from_secs(300)).await;
    client.write(b"\r\nHello\r\n.\r\n").await.unwrap();
    assert_eq!(client.reply().await.unwrap().code, 250);
}
