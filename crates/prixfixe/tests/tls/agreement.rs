//! What server and client agree on, and what the handler is told of it.

use std::sync::Arc;

use prixfixe::{
    ListenError, ListenerSettings, Server, Settings, TlsMode,
    testkit::TestServer,
    tls::{Tls, TlsSettings, TlsVersion},
};
use rustls::{
    CipherSuite, NamedGroup, ProtocolVersion,
    crypto::aws_lc_rs::{default_provider, kx_group},
    version::{TLS12, TLS13},
};

use crate::scene::{
    NAME, certificate, handshake, implicit, server, sessions_ended, settings, start_tls, trust,
    trust_with, trusting, watchdog,
};

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

#[tokio::test]
async fn the_name_that_a_client_asks_for_decides_about_the_certificate() {
    watchdog(async {
        let (one, other) = (certificate(NAME), certificate("other.example"));
        let mut tls = TlsSettings::new(one.clone());
        tls.sni = vec![("Other.Example".parse().unwrap(), other.clone())];
        let server = TestServer::start_with(settings(TlsMode::Implicit, tls)).await;
        let server = server.unwrap();
        let config = trust(&[one.der(), other.der()]);
        for (name, shown) in [
            (NAME, &one),
            ("other.example", &other),
            ("OTHER.EXAMPLE", &other),
        ] {
            let stream = server.client().into_stream();
            let client = handshake(stream, Arc::clone(&config), name).await.unwrap();
            assert_eq!(client.shown(), shown.der(), "{name}");
        }
        // An unknown name gets the default, which the client then refuses as another's.
        let stream = server.client().into_stream();
        assert!(handshake(stream, config, "third.example").await.is_err());
    })
    .await;
}

#[tokio::test]
async fn an_old_version_is_refused_where_a_new_one_is_the_least() {
    watchdog(async {
        let certificate = certificate(NAME);
        let mut tls = TlsSettings::new(certificate.clone());
        tls.minimum_version = TlsVersion::Tls13;
        let server = TestServer::start_with(settings(TlsMode::Implicit, tls)).await;
        let server = server.unwrap();
        let old = trust_with(&[certificate.der()], default_provider(), &[&TLS12]);
        let stream = server.client().into_stream();
        let error = handshake(stream, old, NAME).await.map(drop).unwrap_err();
        assert!(error.to_string().contains("ProtocolVersion"), "{error}");
        sessions_ended(&server, 1).await;
        assert_eq!(server.totals().tls_failures, 1);

        let server = self::server(TlsMode::Implicit).await;
        let certificate = server.certificate().unwrap();
        let old = trust_with(&[&certificate], default_provider(), &[&TLS12]);
        let mut client = implicit(&server, old).await;
        assert_eq!(client.reply().await.unwrap().code, 220);
        assert_eq!(
            client.connection().protocol_version(),
            Some(ProtocolVersion::TLSv1_2)
        );
    })
    .await;
}

#[tokio::test]
async fn only_the_chosen_suites_and_groups_are_offered() {
    watchdog(async {
        let certificate = certificate(NAME);
        let mut tls = TlsSettings::new(certificate.clone());
        let suites = [
            "TLS_CHACHA20_POLY1305_SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        ];
        tls.cipher_suites = Some(suites.map(|name| name.parse().unwrap()).to_vec());
        tls.key_exchange_groups = Some(vec!["secp384r1".parse().unwrap()]);
        let server = TestServer::start_with(settings(TlsMode::Implicit, tls)).await;
        let server = server.unwrap();
        for (version, suite) in [
            (&TLS13, CipherSuite::TLS13_CHACHA20_POLY1305_SHA256),
            (&TLS12, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
        ] {
            let config = trust_with(&[certificate.der()], default_provider(), &[version]);
            let client = implicit(&server, config).await;
            let agreed = client.connection().negotiated_cipher_suite().unwrap();
            assert_eq!(agreed.suite(), suite);
            let group = client.connection().negotiated_key_exchange_group().unwrap();
            assert_eq!(group.name(), NamedGroup::secp384r1);
        }
        let mut provider = default_provider();
        provider.kx_groups = vec![kx_group::X25519];
        let config = trust_with(&[certificate.der()], provider, &[]);
        let stream = server.client().into_stream();
        assert!(handshake(stream, config, NAME).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn the_default_group_withstands_quantum_computers() {
    watchdog(async {
        let server = server(TlsMode::Implicit).await;
        let mut provider = default_provider();
        provider.kx_groups = vec![kx_group::X25519MLKEM768, kx_group::X25519];
        let config = trust_with(&[&server.certificate().unwrap()], provider, &[]);
        let client = implicit(&server, config).await;
        let group = client.connection().negotiated_key_exchange_group().unwrap();
        assert_eq!(group.name(), NamedGroup::X25519MLKEM768);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_comes_again_resumes_its_session() {
    watchdog(async {
        for version in [&TLS12, &TLS13] {
            let mut server = server(TlsMode::Implicit).await;
            let certificate = server.certificate().unwrap();
            let config = trust_with(&[&certificate], default_provider(), &[version]);
            for resumed in [false, true] {
                let mut client = implicit(&server, Arc::clone(&config)).await;
                client.reply().await.unwrap();
                client.command("EHLO client.example").await.unwrap();
                assert_eq!(client.send("Hello\r\n").await.unwrap().code, 250);
                let facts = server.mail().await.client.tls.unwrap();
                assert_eq!(facts.resumed, resumed, "{version:?}");
            }
        }
    })
    .await;
}

#[test]
fn settings_that_make_no_handshake_are_refused() {
    let refused = |change: fn(&mut TlsSettings), reason: &str| {
        let mut tls = TlsSettings::new(certificate(NAME));
        change(&mut tls);
        let error = Tls::new(tls).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    };
    refused(
        |tls| {
            tls.minimum_version = TlsVersion::Tls13;
            let suite = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256".parse().unwrap();
            tls.cipher_suites = Some(vec![suite]);
        },
        "TLS_AES_256_GCM_SHA384",
    );
    refused(
        |tls| tls.cipher_suites = Some(Vec::new()),
        "no cipher suite",
    );
    refused(|tls| tls.key_exchange_groups = Some(Vec::new()), "empty");
    refused(
        |tls| tls.sni = vec![("[192.0.2.1]".parse().unwrap(), tls.certificate.clone())],
        "[192.0.2.1]",
    );
    refused(
        |tls| tls.sni = vec![("münchen.example".parse().unwrap(), tls.certificate.clone())],
        "A-label",
    );
}

#[test]
fn a_listener_without_certificates_is_refused() {
    let mut server = Server::new(Settings::new(NAME.parse().unwrap()));
    let mut listener = ListenerSettings::default();
    listener.tls = TlsMode::StartTls;
    let error = server.listen_tcp("127.0.0.1:0", listener).unwrap_err();
    assert!(matches!(error, ListenError::NoCertificate), "{error}");
}
