//! The ciphertext arrives in pieces of any size, cut anywhere, both ways.

use prixfixe::{TlsMode, testkit::TestServer};
use rustls::{SupportedProtocolVersion, crypto::aws_lc_rs::default_provider, version};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream};

use crate::scene::{NAME, handshake, server, trust_with, watchdog};

/// Lets everybody see what has arrived.
const TURNS: usize = 4;

/// Copies octets; `next` says how many may go at once from a position on.
async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    next: impl Fn(usize) -> usize,
) -> usize {
    let (mut position, mut buffer) = (0, vec![0; 64 << 10]);
    loop {
        let most = next(position).clamp(1, buffer.len());
        match from.read(&mut buffer[..most]).await {
            Ok(0) | Err(_) => break,
            Ok(read) => {
                position += read;
                if to.write_all(&buffer[..read]).await.is_err() {
                    break;
                }
            }
        }
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
    }
    let _ = to.shutdown().await;
    position
}

/// Has a whole session through a relay that cuts; returns how many octets went to the server.
async fn session(
    server: &mut TestServer,
    version: &'static SupportedProtocolVersion,
    cut: impl Fn(usize) -> usize + Copy + Send + 'static,
) -> usize {
    let theirs = server.client().into_stream();
    let (ours, middle) = tokio::io::duplex(64 << 10);
    let relay = tokio::spawn(relay(middle, theirs, cut));
    let certificate = server.certificate().unwrap();
    let config = trust_with(&[&certificate], default_provider(), &[version]);
    let mut client = handshake(ours, config, NAME).await.unwrap();
    assert_eq!(client.reply().await.unwrap().code, 220);
    assert_eq!(
        client.command("EHLO client.example").await.unwrap().code,
        250
    );
    assert_eq!(
        client.send("Hello\r\n..\r\nend\r\n").await.unwrap().code,
        250
    );
    assert_eq!(client.command("QUIT").await.unwrap().code, 221);
    assert_eq!(server.mail().await.content, b"Hello\r\n.\r\nend\r\n");
    drop(client);
    relay.await.unwrap()
}

async fn relay(
    client: DuplexStream,
    server: DuplexStream,
    cut: impl Fn(usize) -> usize + Copy,
) -> usize {
    let (from_client, to_client) = tokio::io::split(client);
    let (from_server, to_server) = tokio::io::split(server);
    let (sent, _) = tokio::join!(
        copy(from_client, to_server, cut),
        copy(from_server, to_client, cut)
    );
    sent
}

#[tokio::test]
async fn pieces_of_any_size_make_the_same_session() {
    watchdog(async {
        let mut server = server(TlsMode::Implicit).await;
        for version in [&version::TLS12, &version::TLS13] {
            for size in [1, 2, 3, 5, 16, 17, 100, 1000] {
                session(&mut server, version, move |_| size).await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn one_cut_at_every_octet_makes_the_same_session() {
    watchdog(async {
        let mut server = server(TlsMode::Implicit).await;
        for version in [&version::TLS12, &version::TLS13] {
            let octets = session(&mut server, version, |_| usize::MAX).await;
            for cut in 1..octets {
                let next = move |position| {
                    if position < cut {
                        cut - position
                    } else {
                        usize::MAX
                    }
                };
                session(&mut server, version, next).await;
            }
        }
    })
    .await;
}
