//! The end of TLS at every state of a session, in order or not: the session ends, nothing is
//! accepted, and the server goes on.

use std::io::{self, Write as _};

use prixfixe::{TlsMode, testkit::TestServer};
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

use crate::scene::{NAME, Talk, handshake, implicit, server, sessions_ended, trusting, watchdog};

/// What a client has said when the end comes, whole commands each with its reply.
const STATES: [(&str, &[&str], &str); 9] = [
    ("before EHLO", &[], ""),
    ("within EHLO", &[], "EHLO cli"),
    ("between transactions", &["EHLO c"], ""),
    ("within a command", &["EHLO c"], "MAIL FROM:<a@exa"),
    (
        "in a transaction",
        &["EHLO c", "MAIL FROM:<a@example.org>"],
        "",
    ),
    (
        "before the body",
        &[
            "EHLO c",
            "MAIL FROM:<a@example.org>",
            "RCPT TO:<b@example.com>",
            "DATA",
        ],
        "",
    ),
    (
        "within the body",
        &[
            "EHLO c",
            "MAIL FROM:<a@example.org>",
            "RCPT TO:<b@example.com>",
            "DATA",
        ],
        "Subject: x\r\n\r\nhalf of it\r\n.",
    ),
    (
        "within a chunk",
        &[
            "EHLO c",
            "MAIL FROM:<a@example.org>",
            "RCPT TO:<b@example.com>",
        ],
        "BDAT 1000 LAST\r\nhalf of it\r\n",
    ),
    (
        "between two chunks",
        &[
            "EHLO c",
            "MAIL FROM:<a@example.org>",
            "RCPT TO:<b@example.com>",
            "BDAT 0",
        ],
        "",
    ),
];

type Client = Talk<TlsStream<DuplexStream>>;

async fn brought_to(server: &TestServer, commands: &[&str], rest: &str) -> Client {
    let mut client = implicit(server, trusting(server)).await;
    client.reply().await.unwrap();
    for command in commands {
        assert!(
            client.command(command).await.unwrap().code < 400,
            "{command}"
        );
    }
    client.write(rest.as_bytes()).await.unwrap();
    client
}

async fn at_every_state(end: impl AsyncFn(Client)) {
    watchdog(async {
        let mut server = server(TlsMode::Implicit).await;
        for (sessions, (state, commands, rest)) in (1..).zip(STATES) {
            end(brought_to(&server, commands, rest).await).await;
            sessions_ended(&server, sessions).await;
            assert!(server.try_mail().is_none(), "{state}");
        }
        let mut client = brought_to(&server, &["EHLO c"], "").await;
        assert_eq!(client.send("Hello\r\n").await.unwrap().code, 250);
        assert_eq!(server.mail().await.content, b"Hello\r\n");
    })
    .await;
}

#[tokio::test]
async fn close_notify_ends_the_session_and_is_answered() {
    at_every_state(async |mut client| {
        client.0.shutdown().await.unwrap();
        let mut rest = Vec::new();
        // Without a close_notify of the server this would be an error.
        client.0.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"");
    })
    .await;
}

#[tokio::test]
async fn what_follows_close_notify_counts_for_nothing() {
    at_every_state(async |mut client| {
        let (_, connection) = client.0.get_mut().get_mut();
        connection.send_close_notify();
        client.0.get_mut().flush().await.unwrap();
        let (stream, _) = client.0.get_mut().get_mut();
        let _ = stream.write_all(b"\r\n.\r\nQUIT\r\n").await;
        let mut rest = Vec::new();
        let _ = client.0.read_to_end(&mut rest).await;
        assert_eq!(rest, b"");
    })
    .await;
}

#[tokio::test]
async fn an_end_without_close_notify_is_no_end_of_a_body() {
    at_every_state(async |client| {
        let (stream, _) = client.0.into_inner().into_inner();
        drop(stream);
    })
    .await;
}

/// Writes octets past the client's TLS and expects a fatal alert.
async fn disturb(mut client: Client, octets: &[u8]) {
    let (stream, _) = client.0.get_mut().get_mut();
    stream.write_all(octets).await.unwrap();
    let mut rest = Vec::new();
    let error = client.0.read_to_end(&mut rest).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
    assert!(error.to_string().contains("alert"), "{error}");
    assert_eq!(rest, b"");
}

#[tokio::test]
async fn octets_in_the_clear_are_answered_with_an_alert() {
    at_every_state(async |client| disturb(client, b"\r\n.\r\nQUIT\r\n").await).await;
    // As a record of application data that was never encrypted.
    at_every_state(async |client| {
        disturb(
            client,
            b"\x17\x03\x03\x00\x20\r\n.\r\nQUIT\r\naaaaaaaaaaaaaaaaaaaaa",
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn an_alert_or_a_new_handshake_in_the_clear_ends_the_session() {
    // A close_notify that anybody on the way could send.
    at_every_state(async |client| disturb(client, b"\x15\x03\x03\x00\x02\x01\x00").await).await;
    at_every_state(async |client| {
        disturb(client, b"\x16\x03\x01\x00\x04\x01\x00\x00\x00").await;
    })
    .await;
}

#[tokio::test]
async fn a_reset_ends_the_session() {
    watchdog(async {
        let mut server = server(TlsMode::Implicit).await;
        for (sessions, (state, commands, rest)) in (1..).zip(STATES) {
            let stream = TcpStream::connect(server.address()).await.unwrap();
            let mut client = handshake(stream, trusting(&server), NAME).await.unwrap();
            client.reply().await.unwrap();
            for command in commands {
                client.command(command).await.unwrap();
            }
            client.write(rest.as_bytes()).await.unwrap();
            let (stream, _) = client.0.into_inner().into_inner();
            // Closing then resets instead of ending in order.
            let at_once = Some(std::time::Duration::ZERO);
            SockRef::from(&stream).set_linger(at_once).unwrap();
            drop(stream);
            sessions_ended(&server, sessions).await;
            assert!(server.try_mail().is_none(), "{state}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_renegotiation_is_refused() {
    watchdog(async {
        let server = server(TlsMode::StartTls).await;
        let address = server.address();
        let talk = move || {
            let mut client = std::process::Command::new("openssl")
                .args(["s_client", "-starttls", "smtp", "-tls1_2", "-connect"])
                .arg(address.to_string())
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .expect("openssl is needed; `cargo xtask setup` installs it");
            // Read when the handshake is over; in this program a line that begins with R asks for
            // another one.
            let mut input = client.stdin.take().unwrap();
            input.write_all(b"R\n").unwrap();
            let told = client.wait_with_output().unwrap();
            drop(input);
            told
        };
        let told = tokio::task::spawn_blocking(talk).await.unwrap();
        let errors = String::from_utf8_lossy(&told.stderr);
        assert!(errors.contains("no renegotiation"), "{errors}");
        sessions_ended(&server, 1).await;
        assert_eq!(server.totals().tls_handshakes, 1);
    })
    .await;
}
