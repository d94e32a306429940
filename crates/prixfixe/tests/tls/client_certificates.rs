//! Certificates of clients: who is let in, and what the handler sees.

use std::{io, sync::Arc};

use prixfixe::{
    Mail, TlsMode,
    testkit::TestServer,
    tls::{CaCertificates, ClientCertificates, ClientTrust, TlsSettings},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer},
    version::{TLS12, TLS13},
};

use crate::scene::{NAME, certificate, handshake, sessions_ended, settings, trusting, watchdog};

/// An authority, and two clients: one that it vouches for, and one that vouches for itself.
struct People {
    authority: CertificateDer<'static>,
    known: (CertificateDer<'static>, Vec<u8>),
    stranger: (CertificateDer<'static>, Vec<u8>),
}

fn people() -> People {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let named = |name: &str| {
        let mut params = CertificateParams::new(vec!["client.example".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        (params, KeyPair::generate().unwrap())
    };
    let (params, key) = named("known, and more\r\nX-Injected: yes");
    let known = params.signed_by(&key, &authority).unwrap();
    let known = (known.der().clone(), key.serialize_der());
    let (params, key) = named("stranger");
    let stranger = params.self_signed(&key).unwrap();
    let stranger = (stranger.der().clone(), key.serialize_der());
    People {
        authority: authority.der().clone(),
        known,
        stranger,
    }
}

async fn server(clients: ClientCertificates) -> TestServer {
    let mut tls = TlsSettings::new(certificate(NAME));
    tls.client_certificates = clients;
    let settings = settings(TlsMode::Implicit, tls);
    TestServer::start_with(settings).await.unwrap()
}

fn config(
    server: &TestServer,
    (certificate, key): &(CertificateDer<'static>, Vec<u8>),
    version: &'static rustls::SupportedProtocolVersion,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(server.certificate().unwrap().into()).unwrap();
    let key = PrivateKeyDer::try_from(key.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![certificate.clone()], key)
        .unwrap();
    Arc::new(config)
}

/// Sends a message. With TLS 1.3 a client hears of a refused certificate only when it reads.
async fn deliver(server: &mut TestServer, config: Arc<ClientConfig>) -> io::Result<Mail> {
    let stream = server.client().into_stream();
    let mut client = handshake(stream, config, NAME).await?;
    client.reply().await?;
    client.command("EHLO client.example").await?;
    assert_eq!(client.send("Hello\r\n").await?.code, 250);
    Ok(server.mail().await)
}

#[tokio::test]
async fn any_certificate_is_taken_where_no_authority_is_named() {
    watchdog(async {
        let people = people();
        for clients in [
            ClientCertificates::Optional(ClientTrust::Any),
            ClientCertificates::Required(ClientTrust::Any),
        ] {
            let mut server = server(clients).await;
            for version in [&TLS12, &TLS13] {
                let config = config(&server, &people.stranger, version);
                // Once more resumed: the certificate is remembered.
                for resumed in [false, true] {
                    let mail = deliver(&mut server, Arc::clone(&config)).await.unwrap();
                    let facts = mail.client.tls.unwrap();
                    assert_eq!(facts.resumed, resumed);
                    let shown = facts.client_certificate.as_ref().unwrap();
                    assert_eq!(shown.subject(), "CN=stranger");
                    assert_eq!(shown.der(), &*people.stranger.0);
                    assert!(!shown.is_verified());
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn who_needs_none_may_come_without() {
    watchdog(async {
        for clients in [
            ClientCertificates::None,
            ClientCertificates::Optional(ClientTrust::Any),
        ] {
            let mut server = server(clients).await;
            let config = trusting(&server);
            let mail = deliver(&mut server, config).await.unwrap();
            assert!(mail.client.tls.unwrap().client_certificate.is_none());
        }
        let mut server = server(ClientCertificates::Required(ClientTrust::Any)).await;
        let config = trusting(&server);
        deliver(&mut server, config).await.unwrap_err();
        sessions_ended(&server, 1).await;
        assert_eq!(server.totals().tls_failures, 1);
    })
    .await;
}

#[tokio::test]
async fn with_authorities_the_chain_has_to_be_valid() {
    watchdog(async {
        let people = people();
        let authorities = CaCertificates::from_bytes(&people.authority).unwrap();
        let trust = ClientTrust::IssuedBy(authorities);
        for clients in [
            ClientCertificates::Optional(trust.clone()),
            ClientCertificates::Required(trust),
        ] {
            let mut server = server(clients).await;
            for (sessions, version) in (1..).zip([&TLS12, &TLS13]) {
                let known = config(&server, &people.known, version);
                let mail = deliver(&mut server, known).await.unwrap();
                let facts = mail.client.tls.unwrap();
                let shown = facts.client_certificate.as_ref().unwrap();
                assert!(shown.is_verified());
                // RFC 4514, and nothing in it can begin a line.
                assert_eq!(shown.subject(), r"CN=known\, and more\0d\0aX-Injected: yes");
                assert_eq!(shown.fingerprint().len(), 32 * 3 - 1);

                let stranger = config(&server, &people.stranger, version);
                deliver(&mut server, stranger).await.unwrap_err();
                sessions_ended(&server, sessions * 2).await;
                assert_eq!(server.totals().tls_failures, sessions);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_ticket_does_not_get_past_a_demand_that_is_new() {
    watchdog(async {
        let mut tls = TlsSettings::new(certificate(NAME));
        let settings = settings(TlsMode::Implicit, tls.clone());
        let handle = settings.tls.clone().unwrap();
        let mut server = TestServer::start_with(settings).await.unwrap();
        let config = trusting(&server);
        deliver(&mut server, Arc::clone(&config)).await.unwrap();
        tls.client_certificates = ClientCertificates::Required(ClientTrust::Any);
        handle.replace(tls).unwrap();
        deliver(&mut server, config).await.unwrap_err();
    })
    .await;
}
