//! An orderly stop: idle sessions are told, transactions end, nobody is cut off without a word.

use std::{io::Write, net::TcpStream, sync::Arc, time::Duration};

use prixfixe::{
    CloseReason, Handler, ListenerSettings, Server, SessionEnd, Stage,
    testkit::{Fault, TestServer, connect},
};

use tokio::runtime::Builder;

use crate::scene::{Keep, OPEN, SocketClient, settings, watchdog, witness};

#[tokio::test]
async fn idle_sessions_are_told_and_closed() {
    watchdog(async {
        let mut server = TestServer::start().await.unwrap();
        let (mut new, mut greeted) = (server.client(), server.client());
        new.reply().await.unwrap();
        greeted.greet().await.unwrap();
        server.shutdown_handle().drain();
        for client in [&mut new, &mut greeted] {
            let reply = client.reply().await.unwrap();
            assert_eq!(reply.code, 421);
            assert!(reply.lines[0].starts_with("4.3.2 "), "{reply:?}");
            client.reply().await.unwrap_err();
        }
        drop((new, greeted));
        server.stopped().await;
    })
    .await;
}

#[tokio::test]
async fn a_transaction_under_way_comes_to_its_end() {
    watchdog(async {
        let mut server = TestServer::start().await.unwrap();
        let mut client = server.client();
        client.greet().await.unwrap();
        client.command("MAIL FROM:<a@example.org>").await.unwrap();
        server.shutdown_handle().drain();
        let reply = client.command("RCPT TO:<b@example.com>").await.unwrap();
        assert_eq!(reply.code, 250);
        assert_eq!(client.command("DATA").await.unwrap().code, 354);
        client.write(b"Hello\r\n.\r\n").await.unwrap();
        assert_eq!(client.reply().await.unwrap().code, 250);
        assert_eq!(client.reply().await.unwrap().code, 421);
        client.reply().await.unwrap_err();
        drop(client);
        server.stopped().await;
        assert_eq!(server.mail().await.content, b"Hello\r\n");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_does_not_end_is_cut_off_when_the_drain_is_over() {
    let mut server = TestServer::start().await.unwrap();
    let mut client = server.client();
    client.greet().await.unwrap();
    client.command("MAIL FROM:<a@example.org>").await.unwrap();
    let start = tokio::time::Instant::now();
    server.shutdown_handle().drain();
    assert_eq!(client.reply().await.unwrap().code, 421);
    assert_eq!(start.elapsed().as_secs(), 30);
    client.reply().await.unwrap_err();
    drop(client);
    server.stopped().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_hangs_does_not_hold_up_the_stop() {
    for stage in [Stage::Connect, Stage::Mail, Stage::Message] {
        let mut server = TestServer::start().await.unwrap();
        server.inject(stage, Fault::Stall);
        let mut client = server.client();
        let talk = async {
            let _ = client.greet().await;
            let _ = client
                .send("a@example.org", "b@example.com", "hi\r\n")
                .await;
        };
        let stop = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            server.shutdown_handle().drain();
            server.stopped().await;
        };
        tokio::join!(talk, stop);
    }
}

/// The runtime goes as soon as `serve` is done, as it does at the end of a program.
fn serve_to_the_end(server: Server, mut runtime: Builder) {
    let runtime = runtime.enable_all().build().unwrap();
    let serving = watchdog(server.serve(Keep::default()));
    runtime.block_on(serving).unwrap();
}

#[test]
fn who_waits_in_the_queue_is_told() {
    // Often, since what could go wrong is a race.
    let one: fn() -> Builder = Builder::new_current_thread;
    let two: fn() -> Builder = || {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(2);
        builder
    };
    for runtime in [one, two].into_iter().cycle().take(20) {
        let mut server = Server::new(settings());
        let address = server
            .listen_tcp("127.0.0.1:0", ListenerSettings::default())
            .unwrap();
        let mut queued: Vec<_> = (0..300).map(|_| SocketClient::connect(address)).collect();
        server.shutdown_handle().drain();
        serve_to_the_end(server, runtime());
        for (number, client) in queued.iter_mut().enumerate() {
            let line = client.line();
            assert!(
                matches!(&line, Ok(line) if line.starts_with("421 4.3.2 ")),
                "{number}: {line:?}"
            );
        }
    }
}

#[tokio::test]
async fn no_new_connection_is_taken_on() {
    watchdog(async {
        let mut server = TestServer::start().await.unwrap();
        let address = server.address();
        server.shutdown_handle().drain();
        server.stopped().await;
        let error = TcpStream::connect(address).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    })
    .await;
}

#[tokio::test]
async fn the_stop_reaches_sessions_whose_handler_polled_with_another_waker() {
    use std::task::{Context, Waker};

    struct Foreign;
    impl Handler for Foreign {
        async fn rcpt(
            &self,
            _: &prixfixe::Client,
            _: &prixfixe::Envelope,
            _: &prixfixe::ForwardPath,
        ) -> prixfixe::Verdict {
            prixfixe::Verdict::Accept
        }
        async fn message(
            &self,
            _: &prixfixe::Client,
            _: prixfixe::Envelope,
            body: &mut prixfixe::Body<'_>,
        ) -> prixfixe::MessageVerdict {
            // As a combinator does that gives each of its futures a waker of its own.
            let first = std::pin::pin!(body.chunk()).poll(&mut Context::from_waker(Waker::noop()));
            assert!(first.is_pending());
            while let Ok(Some(_)) = body.chunk().await {}
            crate::scene::accept()
        }
    }

    watchdog(async {
        let mut settings = settings();
        let mut events = witness(&mut settings);
        let (server, handler) = (Server::new(settings), Arc::new(Foreign));
        let mut client = connect(&server, &handler);
        // In one write, so that the server has not waited for anything before.
        let mut flight = b"HELO client.example\r\n".to_vec();
        flight.extend_from_slice(OPEN);
        client.write(&flight).await.unwrap();
        for code in [220, 250, 250, 250, 354] {
            assert_eq!(client.reply().await.unwrap().code, code);
        }
        client.write(b"Hello\r\n.\r\n").await.unwrap();
        assert_eq!(client.reply().await.unwrap().code, 250);
        server.shutdown_handle().drain();
        assert_eq!(client.reply().await.unwrap().code, 421);
        drop(client);
        let end = events.session_end().await;
        assert_eq!(end, SessionEnd::Closed(CloseReason::Shutdown));
    })
    .await;
}

#[tokio::test]
async fn a_client_that_goes_on_talking_still_reads_its_421() {
    watchdog(async {
        let server = TestServer::start().await.unwrap();
        let address = server.address();
        let stop = server.shutdown_handle();
        let talk = move || {
            let mut client = SocketClient::connect(address);
            assert!(client.line().unwrap().starts_with("220 "));
            stop.drain();
            // These cross the 421 on the way.
            let _ = client.0.get_mut().write_all(&b"NOOP\r\n".repeat(50));
            loop {
                let line = client.line().unwrap();
                if line.starts_with("421 ") {
                    break;
                }
                assert!(line.starts_with("250 "), "{line:?}");
            }
        };
        tokio::task::spawn_blocking(talk).await.unwrap();
    })
    .await;
}
