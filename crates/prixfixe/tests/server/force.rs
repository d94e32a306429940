//! A stop at once: everything is cut off but what is past its commit point.

use std::sync::Arc;

use prixfixe::{
    Body, Client, Envelope, ForwardPath, Handler, MessageVerdict, Server, Stage, Verdict,
    testkit::{Fault, TestServer, connect},
};
use tokio::sync::Notify;

use crate::scene::{OPEN, accept, settings, watchdog};

#[tokio::test]
async fn a_body_that_is_coming_in_is_cut_off_with_421() {
    watchdog(async {
        let mut server = TestServer::start().await.unwrap();
        let mut client = server.client();
        client.greet().await.unwrap();
        client.write(OPEN).await.unwrap();
        for code in [250, 250, 354] {
            assert_eq!(client.reply().await.unwrap().code, code);
        }
        client.write(b"Hello\r\n").await.unwrap();
        server.shutdown_handle().force();
        assert_eq!(client.reply().await.unwrap().code, 421);
        client.reply().await.unwrap_err();
        drop(client);
        server.stopped().await;
        assert!(server.try_mail().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_handler_that_hangs_is_let_go() {
    for stage in [
        Stage::Connect,
        Stage::Helo,
        Stage::Mail,
        Stage::Rcpt,
        Stage::Message,
    ] {
        watchdog(async {
            let mut server = TestServer::start().await.unwrap();
            server.inject(stage, Fault::Stall);
            let mut client = server.client();
            let stop = server.shutdown_handle();
            let talk = async {
                client
                    .write(b"EHLO client.example\r\nMAIL FROM:<a@example.org>\r\n")
                    .await
                    .unwrap();
                client
                    .write(b"RCPT TO:<b@example.com>\r\nDATA\r\nHello\r\n.\r\n")
                    .await
                    .unwrap();
                loop {
                    if client.reply().await.unwrap().code == 421 {
                        break;
                    }
                }
                drop(client);
            };
            let end = async {
                // The server runs on this thread, and stalls within one turn.
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                stop.force();
                server.stopped().await;
            };
            tokio::join!(talk, end);
        })
        .await;
    }
}

/// Enters its commit point, says so, and waits to be told to finish.
#[derive(Default)]
struct Committing {
    entered: Notify,
    finish: Notify,
}

impl Handler for Committing {
    async fn rcpt(&self, _: &Client, _: &Envelope, _: &ForwardPath) -> Verdict {
        Verdict::Accept
    }

    async fn message(&self, _: &Client, _: Envelope, body: &mut Body<'_>) -> MessageVerdict {
        while let Ok(Some(_)) = body.chunk().await {}
        assert!(body.commit_point().enter());
        self.entered.notify_one();
        self.finish.notified().await;
        accept()
    }
}

#[tokio::test]
async fn a_message_past_its_commit_point_still_gets_its_250() {
    watchdog(async {
        let (server, handler) = (Server::new(settings()), Arc::new(Committing::default()));
        let mut client = connect(&server, &handler);
        client.greet().await.unwrap();
        client.write(OPEN).await.unwrap();
        client.write(b"Hello\r\n.\r\n").await.unwrap();
        handler.entered.notified().await;
        server.shutdown_handle().force();
        tokio::task::yield_now().await;
        assert_eq!(server.connections(), 1);
        handler.finish.notify_one();
        for code in [250, 250, 354, 250, 421] {
            assert_eq!(client.reply().await.unwrap().code, code);
        }
    })
    .await;
}
