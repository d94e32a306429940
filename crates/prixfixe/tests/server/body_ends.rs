//! Bodies that do not come to a good end: the handler is told, the client is told at the true end
//! if it is still there, and the session stays in step.

use std::sync::{Arc, Mutex};

use prixfixe::{
    Body, BodyError, BodyFault, Client, Envelope, Event, ForwardPath, Handler, MessageVerdict,
    Refusal, Server, SessionEnd, Settings, Verdict,
    testkit::{TestClient, connect},
};
use tokio::io::AsyncWriteExt;

use crate::scene::{OPEN, accept, settings, watchdog, witness};

/// Keeps how each body ended.
#[derive(Debug, Default)]
struct Ends(Mutex<Vec<Result<usize, BodyError>>>);

impl Handler for Ends {
    async fn rcpt(&self, _: &Client, _: &Envelope, _: &ForwardPath) -> Verdict {
        Verdict::Accept
    }

    async fn message(&self, _: &Client, _: Envelope, body: &mut Body<'_>) -> MessageVerdict {
        let end = body.read_to_end(1 << 20).await.map(|content| content.len());
        if end.is_err() {
            // Asking once more changes nothing.
            assert!(body.chunk().await.is_err() || matches!(end, Err(BodyError::TooLong(_))));
        }
        self.0.lock().unwrap().push(end);
        // Accepting what did not come to its end must not count.
        accept()
    }
}

impl Ends {
    fn only(&self) -> Result<usize, BodyError> {
        let mut ends = self.0.lock().unwrap();
        assert_eq!(ends.len(), 1);
        ends.remove(0)
    }
}

async fn in_body(settings: Settings) -> (Server, Arc<Ends>, TestClient) {
    let (server, handler) = (Server::new(settings), Arc::new(Ends::default()));
    let mut client = connect(&server, &handler);
    client.greet().await.unwrap();
    client.write(OPEN).await.unwrap();
    for code in [250, 250, 354] {
        assert_eq!(client.reply().await.unwrap().code, code);
    }
    (server, handler, client)
}

#[tokio::test]
async fn a_body_that_the_session_refuses_is_told_to_both_sides() {
    let mut loops = b"Received: x\r\n".repeat(101);
    loops.extend_from_slice(b"\r\nHello\r\n");
    let cases: [(BodyFault, u16, &[u8]); 4] = [
        (BodyFault::TooBig, 552, &b"too big\r\n".repeat(1000)),
        (BodyFault::BareNewline, 550, b"bare\nline\r\n"),
        (BodyFault::Nul, 550, b"N\0L\r\n"),
        (BodyFault::Loop, 554, &loops),
    ];
    for (expected, code, body) in cases {
        watchdog(async {
            let mut settings = settings();
            settings.session.limits.message_size = 8000;
            settings.session.quirks.refuse_nul = true;
            let mut events = witness(&mut settings);
            let (_server, handler, mut client) = in_body(settings).await;
            client.write(body).await.unwrap();
            // What follows is still body.
            client.write(b"QUIT\r\n.\r\n").await.unwrap();
            assert_eq!(client.reply().await.unwrap().code, code);
            let end = handler.only();
            assert!(matches!(end, Err(BodyError::Refused(fault)) if fault == expected));
            assert_eq!(client.command("NOOP").await.unwrap().code, 250);
            let events = events.so_far();
            assert!(events.contains(&Event::BodyRefused { fault: expected }));
            assert!(
                !events
                    .iter()
                    .any(|e| matches!(e, Event::MessageAccepted { .. }))
            );
        })
        .await;
    }
}

#[tokio::test]
async fn an_early_accept_of_a_malformed_body_is_refused() {
    struct Hasty;
    impl Handler for Hasty {
        async fn rcpt(&self, _: &Client, _: &Envelope, _: &ForwardPath) -> Verdict {
            Verdict::Accept
        }
        async fn message(&self, _: &Client, _: Envelope, _: &mut Body<'_>) -> MessageVerdict {
            accept()
        }
    }
    watchdog(async {
        let (server, handler) = (Server::new(settings()), Arc::new(Hasty));
        let mut client = connect(&server, &handler);
        client.greet().await.unwrap();
        let reply = client
            .send("a@example.org", "b@example.com", "bare\nline\r\n")
            .await;
        assert_eq!(reply.unwrap().code, 550);
        let reply = client
            .send("a@example.org", "b@example.com", "fine\r\n")
            .await;
        assert_eq!(reply.unwrap().code, 250);
    })
    .await;
}

#[tokio::test]
async fn the_limit_of_the_handler_is_not_that_of_the_session() {
    struct Small;
    impl Handler for Small {
        async fn rcpt(&self, _: &Client, _: &Envelope, _: &ForwardPath) -> Verdict {
            Verdict::Accept
        }
        async fn message(&self, _: &Client, _: Envelope, body: &mut Body<'_>) -> MessageVerdict {
            match body.read_to_end(10).await {
                Err(BodyError::TooLong(10)) => Refusal::content("too long for me").into(),
                other => panic!("{other:?}"),
            }
        }
    }
    watchdog(async {
        let (server, handler) = (Server::new(settings()), Arc::new(Small));
        let mut client = connect(&server, &handler);
        client.greet().await.unwrap();
        let content = "ten octets and more\r\n".repeat(10_000);
        let reply = client
            .send("a@example.org", "b@example.com", &content)
            .await;
        assert_eq!(reply.unwrap().code, 554);
        assert_eq!(client.command("QUIT").await.unwrap().code, 221);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_vanishes_in_a_body_leaves_nothing() {
    watchdog(async {
        let mut settings = settings();
        let mut events = witness(&mut settings);
        let (server, handler, mut client) = in_body(settings).await;
        client.write(b"Subject: x\r\n\r\nHel").await.unwrap();
        drop(client);
        assert_eq!(events.next().await, Event::Accepted);
        assert_eq!(events.next().await, Event::BodyLost);
        assert_eq!(events.session_end().await, SessionEnd::Disconnected);
        assert!(matches!(handler.only(), Err(BodyError::Lost)));
        drop(server);
    })
    .await;
}

#[tokio::test]
async fn half_a_body_and_a_half_close_is_no_message() {
    watchdog(async {
        let mut settings = settings();
        let mut events = witness(&mut settings);
        let (_server, handler, mut client) = in_body(settings).await;
        client.write(b"Hello\r\n.\r").await.unwrap();
        client.stream().shutdown().await.unwrap();
        let error = client.reply().await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
        assert_eq!(events.session_end().await, SessionEnd::Disconnected);
        assert!(matches!(handler.only(), Err(BodyError::Lost)));
    })
    .await;
}

#[tokio::test]
async fn a_half_close_behind_the_last_command_loses_no_reply() {
    for last in [&b""[..], b"QUIT\r\n"] {
        watchdog(async {
            let (_server, handler, mut client) = in_body(settings()).await;
            client.write(b"Hello\r\n.\r\n").await.unwrap();
            client.write(last).await.unwrap();
            client.stream().shutdown().await.unwrap();
            assert_eq!(client.reply().await.unwrap().code, 250);
            assert_eq!(handler.only().unwrap(), 7);
            if !last.is_empty() {
                assert_eq!(client.reply().await.unwrap().code, 221);
            }
            client.reply().await.unwrap_err();
        })
        .await;
    }
}
