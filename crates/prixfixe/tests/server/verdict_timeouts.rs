//! How long the server waits for a handler, with the clock stopped.

use std::{sync::Arc, time::Duration};

use prixfixe::{
    Body, Client, CommitPoint, Envelope, Event, ForwardPath, Handler, MessageVerdict, Server,
    Settings, Stage, Verdict,
    testkit::{Fault, TestServer, connect},
};
use tokio::{
    sync::mpsc::{UnboundedSender, unbounded_channel},
    time::{Instant, sleep},
};

use crate::scene::{OPEN, accept, settings, witness};

#[tokio::test(start_paused = true)]
async fn each_stage_has_its_time() {
    for (stage, seconds) in [
        (Stage::Helo, 60),
        (Stage::Mail, 60),
        (Stage::Rcpt, 60),
        (Stage::Message, 300),
    ] {
        let mut server = TestServer::start().await.unwrap();
        server.inject(stage, Fault::Stall);
        let mut client = server.client();
        let start = Instant::now();
        let greeted = client.greet().await.unwrap();
        if stage == Stage::Helo {
            assert_eq!(greeted.code, 451);
            client.command("EHLO client.example").await.unwrap();
        } else {
            let reply = client.send("a@example.org", "b@example.com", "1\r\n").await;
            assert_eq!(reply.unwrap().code, 451, "{stage:?}");
            assert_eq!(client.command("RSET").await.unwrap().code, 250);
        }
        assert_eq!(start.elapsed().as_secs(), seconds, "{stage:?}");
        // The session goes on.
        let reply = client.send("a@example.org", "b@example.com", "2\r\n").await;
        assert_eq!(reply.unwrap().code, 250, "{stage:?}");
        assert_eq!(server.mail().await.content, b"2\r\n");
        assert_eq!(server.totals().handler_failures, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_verdict_on_the_connection_it_ends() {
    let server = TestServer::start().await.unwrap();
    server.inject(Stage::Connect, Fault::Stall);
    let mut client = server.client();
    let start = Instant::now();
    assert_eq!(client.reply().await.unwrap().code, 421);
    // The client has a banner within 30 seconds, whatever it says.
    assert_eq!(start.elapsed().as_secs(), 30);
    client.reply().await.unwrap_err();
}

/// Reads the body, passes its commit point to the test or enters it, and takes its time.
struct Committing {
    enter: bool,
    takes: Duration,
    points: UnboundedSender<CommitPoint>,
}

impl Handler for Committing {
    async fn rcpt(&self, _: &Client, _: &Envelope, _: &ForwardPath) -> Verdict {
        Verdict::Accept
    }

    async fn message(&self, _: &Client, _: Envelope, body: &mut Body<'_>) -> MessageVerdict {
        while let Ok(Some(_)) = body.chunk().await {}
        let point = body.commit_point();
        if self.enter {
            assert!(point.enter());
        }
        self.points.send(point).unwrap();
        sleep(self.takes).await;
        accept()
    }
}

#[tokio::test(start_paused = true)]
async fn past_the_commit_point_the_verdict_is_awaited_however_late() {
    let (points, _keep) = unbounded_channel();
    let handler = Arc::new(Committing {
        enter: true,
        takes: Duration::from_secs(5000),
        points,
    });
    let server = Server::new(settings());
    let mut client = connect(&server, &handler);
    client.greet().await.unwrap();
    let start = Instant::now();
    let reply = client
        .send("a@example.org", "b@example.com", "hi\r\n")
        .await;
    assert_eq!(reply.unwrap().code, 250);
    assert_eq!(start.elapsed().as_secs(), 5000);
    assert_eq!(client.command("NOOP").await.unwrap().code, 250);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_was_given_up_cannot_be_committed() {
    let (points, mut given) = unbounded_channel();
    let handler = Arc::new(Committing {
        enter: false,
        takes: Duration::from_secs(5000),
        points,
    });
    let server = Server::new(settings());
    let mut client = connect(&server, &handler);
    client.greet().await.unwrap();
    let start = Instant::now();
    let reply = client
        .send("a@example.org", "b@example.com", "hi\r\n")
        .await;
    assert_eq!(reply.unwrap().code, 451);
    assert_eq!(start.elapsed().as_secs(), 300);
    assert!(!given.recv().await.unwrap().enter());
}

/// Takes 100 seconds for each chunk.
struct Thorough;

impl Handler for Thorough {
    async fn rcpt(&self, _: &Client, _: &Envelope, _: &ForwardPath) -> Verdict {
        Verdict::Accept
    }

    async fn message(&self, _: &Client, _: Envelope, body: &mut Body<'_>) -> MessageVerdict {
        while let Ok(Some(_)) = body.chunk().await {
            sleep(Duration::from_secs(100)).await;
        }
        accept()
    }
}

async fn pieces(settings: Settings, every: Duration) -> u16 {
    let (server, handler) = (Server::new(settings), Arc::new(Thorough));
    let mut client = connect(&server, &handler);
    client.greet().await.unwrap();
    client.write(OPEN).await.unwrap();
    for code in [250, 250, 354] {
        assert_eq!(client.reply().await.unwrap().code, code);
    }
    for _ in 0..10 {
        sleep(every).await;
        client.write(b"Hello\r\n").await.unwrap();
    }
    client.write(b".\r\n").await.unwrap();
    client.reply().await.unwrap().code
}

#[tokio::test(start_paused = true)]
async fn the_time_does_not_run_while_the_handler_waits_for_the_client() {
    // Twenty-five minutes in all, and no wait of the handler's own above 100 seconds.
    assert_eq!(pieces(settings(), Duration::from_secs(150)).await, 250);
}

#[tokio::test(start_paused = true)]
async fn it_runs_while_the_handler_is_busy() {
    let mut settings = settings();
    settings.session.timeouts.message_verdict = Duration::from_secs(99);
    let mut events = witness(&mut settings);
    assert_eq!(pieces(settings, Duration::from_secs(1)).await, 451);
    let failed = Event::HandlerFailed {
        stage: Stage::Message,
        panicked: false,
    };
    assert!(events.so_far().contains(&failed));
}

/// Enters its commit point and falls over.
struct Falling;

impl Handler for Falling {
    async fn rcpt(&self, _: &Client, _: &Envelope, _: &ForwardPath) -> Verdict {
        Verdict::Accept
    }

    async fn message(&self, _: &Client, _: Envelope, body: &mut Body<'_>) -> MessageVerdict {
        while let Ok(Some(_)) = body.chunk().await {}
        assert!(body.commit_point().enter());
        panic!("past the commit point");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_past_the_commit_point_is_answered_with_nothing() {
    let server = Server::new(settings());
    let mut client = connect(&server, &Arc::new(Falling));
    client.greet().await.unwrap();
    // The message may be stored or not: neither 250 nor 451 would be true.
    let sent = client.send("a@example.org", "b@example.com", "x\r\n").await;
    sent.unwrap_err();
}
