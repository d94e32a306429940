//! What is counted and observed is what was driven.

use std::sync::{Arc, Mutex};

use prixfixe::{
    Body, Client, CloseReason, Counters, Envelope, Event, ForwardPath, Handler, MessageVerdict,
    Observer, Refusal, Server, SessionEnd, SessionFacts, Stage, Totals, Verdict,
    testkit::{Fault, TestServer, connect},
};

use crate::scene::{Keep, OPEN, accept, settings, watchdog, witness};

#[tokio::test]
async fn the_totals_are_what_was_driven() {
    watchdog(async {
        let mut settings = settings();
        settings.max_connections = 1;
        let server = TestServer::start_with(settings).await.unwrap();
        let mut client = server.client();
        client.greet().await.unwrap();
        for content in ["one\r\n", "three\r\n"] {
            let reply = client.send("a@example.org", "b@example.com", content).await;
            assert_eq!(reply.unwrap().code, 250);
        }
        server.inject(Stage::Rcpt, Fault::Refuse(Refusal::no_such_mailbox()));
        server.inject(Stage::Message, Fault::Refuse(Refusal::storage_full()));
        server.inject(Stage::Message, Fault::Panic);
        for code in [550, 503, 452, 451] {
            if code == 503 {
                client.command("RSET").await.unwrap();
                continue;
            }
            let reply = client.send("a@example.org", "b@example.com", "x\r\n").await;
            assert_eq!(reply.unwrap().code, code);
        }
        let reply = client
            .send("a@example.org", "b@example.com", "\n\r\n")
            .await;
        assert_eq!(reply.unwrap().code, 550);
        server.client().reply().await.unwrap();
        client.write(OPEN).await.unwrap();
        for code in [250, 250, 354] {
            assert_eq!(client.reply().await.unwrap().code, code);
        }
        drop(client);
        server.shutdown_handle().drain();
        let mut server = server;
        server.stopped().await;

        let mut expected = Totals::default();
        expected.accepted = 1;
        expected.connections_refused = 1;
        expected.sessions_ended = 1;
        expected.messages = 2;
        expected.octets = 12;
        expected.refused = 2;
        expected.handler_failures = 1;
        expected.bodies_refused = 1;
        expected.bodies_lost = 1;
        assert_eq!(server.totals(), expected);
    })
    .await;
}

#[test]
fn a_failure_to_accept_is_counted() {
    let counters = Counters::default();
    counters.observe(&Event::AcceptFailed);
    assert_eq!(counters.totals().accept_failures, 1);
}

#[tokio::test]
async fn events_come_in_order_and_tell_sizes() {
    watchdog(async {
        let mut settings = settings();
        let mut events = witness(&mut settings);
        let (server, handler) = (Server::new(settings), Arc::new(Keep::default()));
        let mut client = connect(&server, &handler);
        client.greet().await.unwrap();
        client
            .send("a@example.org", "b@example.com", ".dot\r\n")
            .await
            .unwrap();
        client.command("QUIT").await.unwrap();
        assert_eq!(events.next().await, Event::Accepted);
        let accepted = events.next().await;
        assert!(
            matches!(
                accepted,
                Event::MessageAccepted {
                    size: 6,
                    recipients: 1,
                    ..
                }
            ),
            "{accepted:?}"
        );
        assert_eq!(
            events.session_end().await,
            SessionEnd::Closed(CloseReason::Quit)
        );
        assert!(events.so_far().is_empty());
    })
    .await;
}

/// Keeps what it is told about the client at each stage.
#[derive(Default)]
struct Facts(Mutex<Vec<(Stage, SessionFacts)>>);

impl Facts {
    fn note(&self, stage: Stage, client: &Client) {
        self.0.lock().unwrap().push((stage, client.facts));
    }
}

impl Handler for Facts {
    async fn mail(&self, client: &Client, _: &Envelope) -> Verdict {
        self.note(Stage::Mail, client);
        Verdict::Accept
    }

    async fn rcpt(&self, client: &Client, _: &Envelope, _: &ForwardPath) -> Verdict {
        self.note(Stage::Rcpt, client);
        Verdict::Accept
    }

    async fn message(&self, client: &Client, _: Envelope, body: &mut Body<'_>) -> MessageVerdict {
        self.note(Stage::Message, client);
        while let Ok(Some(_)) = body.chunk().await {}
        accept()
    }
}

#[tokio::test]
async fn a_handler_sees_at_every_stage_what_was_noticed_before() {
    watchdog(async {
        let (server, handler) = (Server::new(settings()), Arc::new(Facts::default()));
        let mut client = connect(&server, &handler);
        client.reply().await.unwrap();
        // EHLO must end its flight (RFC 2920 section 3.1); and a wrong command.
        client
            .write(b"EHLO client.example\r\nBOGUS\r\n")
            .await
            .unwrap();
        client.reply().await.unwrap();
        client.reply().await.unwrap();
        let reply = client
            .send("a@example.org", "b@example.com", "hi\r\n")
            .await;
        assert_eq!(reply.unwrap().code, 250);
        let seen = handler.0.lock().unwrap();
        let stages: Vec<_> = seen.iter().map(|(stage, _)| *stage).collect();
        assert_eq!(stages, [Stage::Mail, Stage::Rcpt, Stage::Message]);
        for (stage, facts) in &*seen {
            assert!(
                facts.pipelining_misuse && facts.errors == 1,
                "{stage:?} {facts:?}"
            );
        }
    })
    .await;
}
