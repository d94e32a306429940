//! What server and client agree on, and what the handler is told of it.

use prixfixe::{TlsMode, tls::TlsVersion};

use crate::scene::{implicit, server, start_tls, trusting, watchdog};

#[tokio::test]
async fn mail_comes_in_under_tls_from_the_first_octet() {
    watchdog(async {
        let mut server = server(TlsMode::Implicit).await;
        let mut client = implicit(&server, trusting(&server)).await;
        assert_eq!(client.reply().await.unwrap().code, 220);
        let greeting = client.command("EHLO client.example").await.unwrap();
        assert!(
            !greeting.lines.iter().any(|line| line == "STARTTLS"),
            "{greeting:?}"
        );
        assert_eq!(client.send("Hello\r\n").await.unwrap().code, 250);
        let mail = server.mail().await;
        assert_eq!(mail.content, b"Hello\r\n");
        let facts = mail.client.tls.unwrap();
        assert_eq!(facts.version, TlsVersion::Tls13);
        assert_eq!(facts.cipher_suite, "TLS_AES_256_GCM_SHA384");
        assert_eq!(facts.server_name.as_deref(), Some("mx.example.com"));
        assert!(!facts.resumed && facts.client_certificate.is_none());
        assert_eq!(server.totals().tls_handshakes, 1);
    })
    .await;
}

#[tokio::test]
async fn mail_comes_in_under_tls_from_starttls_on() {
    watchdog(async {
        let mut server = server(TlsMode::StartTls).await;
        let mut client = start_tls(&server, trusting(&server)).await;
        // All that was said before is forgotten.
        assert_eq!(
            client
                .command("MAIL FROM:<a@example.org>")
                .await
                .unwrap()
                .code,
            503
        );
        let greeting = client.command("EHLO client.example").await.unwrap();
        assert!(
            !greeting.lines.iter().any(|line| line == "STARTTLS"),
            "{greeting:?}"
        );
        assert_eq!(client.send("Hello\r\n").await.unwrap().code, 250);
        assert_eq!(client.command("QUIT").await.unwrap().code, 221);
        // The end is announced: without a close_notify this would be an error of another kind.
        let end = client.reply().await.unwrap_err();
        assert_eq!(end.kind(), std::io::ErrorKind::UnexpectedEof);
        assert!(end.get_ref().is_none(), "{end:?}");
        assert!(server.mail().await.client.tls.is_some());
    })
    .await;
}
