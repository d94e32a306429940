//! `max_connections`: one more is told so, and a slot that is freed is usable again.

use std::net::SocketAddr;

use prixfixe::testkit::TestServer;

use crate::scene::{SocketClient, settings, watchdog};

#[tokio::test]
async fn one_more_than_allowed_gets_421() {
    watchdog(async {
        let mut settings = settings();
        settings.max_connections = 2;
        let server = TestServer::start_with(settings).await.unwrap();
        let (mut first, mut second) = (server.client(), server.client());
        first.greet().await.unwrap();
        second.greet().await.unwrap();
        let mut third = server.client();
        let reply = third.reply().await.unwrap();
        assert_eq!(reply.code, 421);
        assert!(reply.lines[0].starts_with("4.7.0 "), "{reply:?}");
        third.reply().await.unwrap_err();
        assert_eq!(server.totals().connections_refused, 1);
        // Those inside do not notice.
        let reply = first.send("a@example.org", "b@example.com", "hi\r\n").await;
        assert_eq!(reply.unwrap().code, 250);
    })
    .await;
}

#[tokio::test]
async fn a_slot_that_is_freed_is_taken_again() {
    watchdog(async {
        let mut settings = settings();
        settings.max_connections = 1;
        let server = TestServer::start_with(settings).await.unwrap();
        let address = server.address();
        let clients = move || {
            for _ in 0..10 {
                take_the_only_slot(address);
            }
        };
        tokio::task::spawn_blocking(clients).await.unwrap();
    })
    .await;
}

/// The slot of a client that has left is free a moment later, so this may be turned away at first.
fn take_the_only_slot(address: SocketAddr) {
    let mut inside = loop {
        let mut client = SocketClient::connect(address);
        let banner = client.line().unwrap();
        if banner.starts_with("220 ") {
            break client;
        }
        assert!(banner.starts_with("421 4.7.0 "), "{banner}");
    };
    let mut outside = SocketClient::connect(address);
    assert!(outside.line().unwrap().starts_with("421 4.7.0 "));
    assert_eq!(outside.line().unwrap(), "");
    assert!(inside.say("QUIT\r\n").starts_with("221 "));
}
