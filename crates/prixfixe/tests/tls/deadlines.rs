//! How long a handshake may take, and that nobody else waits for it.

use std::time::Duration;

use prixfixe::{TlsMode, testkit::TestServer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    time::Instant,
};

use crate::scene::{ask_for_tls, implicit, server, trusting};

/// The beginning of a ClientHello.
const HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

/// Clients in the middle of a handshake, one from the first octet and one from STARTTLS on.
async fn in_handshake(mode: TlsMode, server: &TestServer) -> DuplexStream {
    let mut stream = match mode {
        TlsMode::StartTls => ask_for_tls(server.client()).await,
        _ => server.client().into_stream(),
    };
    stream.write_all(HELLO).await.unwrap();
    stream
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_takes_too_long_is_cut_off() {
    for mode in [TlsMode::Implicit, TlsMode::StartTls] {
        let server = server(mode).await;
        let mut stream = in_handshake(mode, &server).await;
        let start = Instant::now();
        let mut told = Vec::new();
        stream.read_to_end(&mut told).await.unwrap();
        assert_eq!(start.elapsed().as_secs(), 30);
        assert_eq!(told, b"");
        assert_eq!(server.totals().tls_failures, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn octets_one_by_one_do_not_move_the_deadline() {
    let server = server(TlsMode::Implicit).await;
    let mut stream = server.client().into_stream();
    let start = Instant::now();
    for octet in HELLO.iter().chain(&[0; 100]) {
        if stream.write_all(&[*octet]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!((30..=31).contains(&start.elapsed().as_secs()));
    assert_eq!(server.totals().sessions_ended, 1);
}

#[tokio::test(start_paused = true)]
async fn the_banner_has_its_time_from_the_end_of_the_handshake_on() {
    let server = server(TlsMode::Implicit).await;
    let stream = server.client().into_stream();
    tokio::time::sleep(Duration::from_secs(25)).await;
    server.inject(prixfixe::Stage::Connect, prixfixe::testkit::Fault::Stall);
    let config = trusting(&server);
    let mut client = crate::scene::handshake(stream, config, crate::scene::NAME)
        .await
        .unwrap();
    let start = Instant::now();
    assert_eq!(client.reply().await.unwrap().code, 421);
    assert_eq!(start.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn slow_handshakes_hold_nobody_up() {
    let mut server = server(TlsMode::StartTls).await;
    let mut slow = Vec::new();
    for _ in 0..200 {
        slow.push(in_handshake(TlsMode::StartTls, &server).await);
    }
    let start = Instant::now();
    let mut plain = server.client();
    plain.greet().await.unwrap();
    let reply = plain.send("a@example.org", "b@example.com", "Hello\r\n");
    assert_eq!(reply.await.unwrap().code, 250);
    // The clock stands still as long as somebody has something to do.
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(server.mail().await.client.tls.is_none());
    assert_eq!(server.totals().tls_failures, 0);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_handshakes() {
    for mode in [TlsMode::Implicit, TlsMode::StartTls] {
        for force in [false, true] {
            let mut server = server(mode).await;
            let mut stream = in_handshake(mode, &server).await;
            tokio::task::yield_now().await;
            let start = Instant::now();
            let stop = server.shutdown_handle();
            if force {
                stop.force();
            } else {
                stop.drain();
            }
            let mut told = Vec::new();
            stream.read_to_end(&mut told).await.unwrap();
            server.stopped().await;
            assert_eq!(start.elapsed(), Duration::ZERO);
            assert_eq!(server.totals().tls_failures, 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_connects_and_leaves_is_counted_and_no_more() {
    let server = server(TlsMode::Implicit).await;
    drop(server.client());
    crate::scene::sessions_ended(&server, 1).await;
    assert_eq!(server.totals().tls_failures, 1);
    let mut client = implicit(&server, trusting(&server)).await;
    assert_eq!(client.reply().await.unwrap().code, 220);
}
