//! STARTTLS (RFC 3207), and those who would slip something past it.

use prixfixe::TlsMode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::scene::{
    NAME, ask_for_tls, handshake, server, sessions_ended, start_tls, trusting, watchdog,
};

#[tokio::test]
async fn what_comes_behind_it_in_the_same_flight_closes_the_connection() {
    watchdog(async {
        for behind in [
            "RSET\r\n",
            "EHLO client.example\r\n",
            "X",
            "\r\n",
            "\u{16}\u{3}\u{1}",
        ] {
            let server = server(TlsMode::StartTls).await;
            let mut client = server.client();
            client.greet().await.unwrap();
            let flight = format!("STARTTLS\r\n{behind}");
            client.write(flight.as_bytes()).await.unwrap();
            client.reply().await.unwrap_err();
            sessions_ended(&server, 1).await;
            let totals = server.totals();
            assert_eq!(totals.starttls_injections, 1, "{behind:?}");
            assert_eq!((totals.tls_handshakes, totals.tls_failures), (0, 0));
        }
    })
    .await;
}

#[tokio::test]
async fn what_comes_behind_it_later_in_the_clear_is_no_command() {
    watchdog(async {
        let server = server(TlsMode::StartTls).await;
        let mut stream = ask_for_tls(server.client()).await;
        stream.write_all(b"RSET\r\nQUIT\r\n").await.unwrap();
        let mut told = Vec::new();
        stream.read_to_end(&mut told).await.unwrap();
        // An alert (RFC 8446 section 6), and nothing that could be taken for a reply.
        assert_eq!(told.first(), Some(&21), "{told:?}");
        assert!(told.len() < 10, "{told:?}");
        sessions_ended(&server, 1).await;
        assert_eq!(server.totals().tls_failures, 1);
    })
    .await;
}

#[tokio::test]
async fn a_second_one_is_out_of_order() {
    watchdog(async {
        let server = server(TlsMode::StartTls).await;
        let mut client = start_tls(&server, trusting(&server)).await;
        assert_eq!(client.command("STARTTLS").await.unwrap().code, 503);
        client.command("EHLO client.example").await.unwrap();
        assert_eq!(client.command("STARTTLS").await.unwrap().code, 503);
        assert_eq!(client.command("NOOP").await.unwrap().code, 250);
    })
    .await;
}

#[tokio::test]
async fn an_argument_is_refused_and_nothing_has_changed() {
    watchdog(async {
        let server = server(TlsMode::StartTls).await;
        let mut client = server.client();
        client.greet().await.unwrap();
        assert_eq!(client.command("STARTTLS now").await.unwrap().code, 501);
        let reply = client.send("a@example.org", "b@example.com", "Hello\r\n");
        assert_eq!(reply.await.unwrap().code, 250);
    })
    .await;
}

#[tokio::test]
async fn it_drops_a_transaction_and_the_name_of_the_client() {
    watchdog(async {
        let mut server = server(TlsMode::StartTls).await;
        let mut client = server.client();
        client.greet().await.unwrap();
        for line in ["MAIL FROM:<evil@example.org>", "RCPT TO:<evil@example.com>"] {
            assert_eq!(client.command(line).await.unwrap().code, 250);
        }
        assert_eq!(client.command("STARTTLS").await.unwrap().code, 220);
        let stream = client.into_stream();
        let mut client = handshake(stream, trusting(&server), NAME).await.unwrap();
        assert_eq!(client.command("DATA").await.unwrap().code, 503);
        client.command("EHLO inside.example").await.unwrap();
        assert_eq!(client.command("DATA").await.unwrap().code, 503);
        assert_eq!(client.send("Hello\r\n").await.unwrap().code, 250);
        let mail = server.mail().await;
        assert_eq!(mail.client.helo.unwrap().as_str(), "inside.example");
        assert_eq!(mail.envelope.recipients.len(), 1);
        assert_eq!(mail.envelope.reverse_path.to_string(), "<a@example.org>");
    })
    .await;
}

#[tokio::test]
async fn without_certificates_it_is_not_offered() {
    watchdog(async {
        let server = server(TlsMode::None).await;
        let mut client = server.client();
        let greeting = client.greet().await.unwrap();
        assert!(
            !greeting.lines.iter().any(|line| line == "STARTTLS"),
            "{greeting:?}"
        );
        assert_eq!(client.command("STARTTLS").await.unwrap().code, 502);
    })
    .await;
}
