//! Handlers that refuse, panic or fail: the client gets its answer and the session goes on.

use std::{future::Future, sync::Arc};

use prixfixe::{
    Body, Client, Envelope, ForwardPath, Handler, MessageVerdict, Refusal, Server, Stage, Verdict,
    testkit::{Fault, TestClient, TestServer, connect},
};

use crate::scene::{accept, settings, watchdog};

const STAGES: [Stage; 4] = [Stage::Helo, Stage::Mail, Stage::Rcpt, Stage::Message];

/// The code of the first reply that refuses something on the way to a message.
async fn first_refusal(client: &mut TestClient) -> u16 {
    let greeted = client.greet().await.unwrap();
    if greeted.code >= 400 {
        return greeted.code;
    }
    let reply = client.send("a@example.org", "b@example.com", "1\r\n").await;
    reply.unwrap().code
}

async fn delivers(client: &mut TestClient) {
    client.command("EHLO client.example").await.unwrap();
    let reply = client.send("a@example.org", "b@example.com", "2\r\n").await;
    assert_eq!(reply.unwrap().code, 250);
}

#[tokio::test]
async fn a_panic_at_any_stage_is_451_and_the_session_goes_on() {
    for stage in STAGES {
        watchdog(async {
            let mut server = TestServer::start().await.unwrap();
            server.inject(stage, Fault::Panic);
            let mut client = server.client();
            assert_eq!(first_refusal(&mut client).await, 451, "{stage:?}");
            delivers(&mut client).await;
            assert_eq!(server.mail().await.content, b"2\r\n");
            assert_eq!(server.totals().handler_failures, 1);
        })
        .await;
    }
}

#[tokio::test]
async fn a_panic_on_the_connection_ends_it_with_421() {
    watchdog(async {
        let server = TestServer::start().await.unwrap();
        server.inject(Stage::Connect, Fault::Panic);
        let mut client = server.client();
        assert_eq!(client.reply().await.unwrap().code, 421);
        client.reply().await.unwrap_err();
        let mut next = server.client();
        assert_eq!(next.reply().await.unwrap().code, 220);
    })
    .await;
}

#[tokio::test]
async fn a_refusal_at_any_stage_is_the_reply() {
    for stage in STAGES {
        watchdog(async {
            let server = TestServer::start().await.unwrap();
            let refusal = Refusal::new(557, 7, 9, "not today").unwrap();
            server.inject(stage, Fault::Refuse(refusal));
            let mut client = server.client();
            assert_eq!(first_refusal(&mut client).await, 557, "{stage:?}");
            delivers(&mut client).await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_421_at_any_stage_ends_the_session() {
    for stage in STAGES {
        watchdog(async {
            let server = TestServer::start().await.unwrap();
            server.inject(stage, Fault::Refuse(Refusal::shutting_down()));
            let mut client = server.client();
            assert_eq!(first_refusal(&mut client).await, 421, "{stage:?}");
            client.reply().await.unwrap_err();
        })
        .await;
    }
}

#[tokio::test]
async fn faults_are_taken_in_turn() {
    watchdog(async {
        let mut server = TestServer::start().await.unwrap();
        for refusal in [Refusal::storage_full(), Refusal::no_such_mailbox()] {
            server.inject(Stage::Rcpt, Fault::Refuse(refusal));
        }
        let mut client = server.client();
        client.greet().await.unwrap();
        client.command("MAIL FROM:<a@example.org>").await.unwrap();
        for code in [452, 550, 250] {
            let reply = client.command("RCPT TO:<b@example.com>").await.unwrap();
            assert_eq!(reply.code, code);
        }
        assert!(server.try_mail().is_none());
    })
    .await;
}

/// Panics before there is a future to poll.
struct Abrupt;

impl Handler for Abrupt {
    fn mail(&self, _: &Client, envelope: &Envelope) -> impl Future<Output = Verdict> + Send {
        assert!(envelope.reverse_path.mailbox().is_some(), "no null sender");
        async { Verdict::Accept }
    }

    async fn rcpt(&self, _: &Client, _: &Envelope, _: &ForwardPath) -> Verdict {
        Verdict::Accept
    }

    fn message(
        &self,
        _: &Client,
        envelope: Envelope,
        body: &mut Body<'_>,
    ) -> impl Future<Output = MessageVerdict> + Send {
        assert!(envelope.recipients.len() > 1, "one recipient is not enough");
        async {
            while let Ok(Some(_)) = body.chunk().await {}
            accept()
        }
    }
}

#[tokio::test]
async fn a_panic_outside_of_the_future_is_no_different() {
    watchdog(async {
        let (server, handler) = (Server::new(settings()), Arc::new(Abrupt));
        let mut client = connect(&server, &handler);
        client.greet().await.unwrap();
        assert_eq!(client.command("MAIL FROM:<>").await.unwrap().code, 451);
        let reply = client.send("a@example.org", "b@example.com", "1\r\n").await;
        assert_eq!(reply.unwrap().code, 451);
        assert_eq!(client.command("QUIT").await.unwrap().code, 221);
    })
    .await;
}
