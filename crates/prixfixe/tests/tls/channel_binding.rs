//! SCRAM-SHA-256-PLUS: a login is worth nothing on another connection.

use std::{num::NonZeroU32, sync::Arc};

use aws_lc_rs::{digest, hmac, pbkdf2};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use prixfixe::{
    AuthDemand, AuthFailure, Mechanisms, Secret, TlsMode, Verifier,
    auth::{ScramKeys, VerifierFuture},
    testkit::TestServer,
    tls::TlsSettings,
};
use rustls::{SupportedProtocolVersion, crypto::aws_lc_rs::default_provider};
use tokio::io::DuplexStream;
use tokio_rustls::client::TlsStream;

use crate::scene::{NAME, Talk, certificate, settings, start_tls, trust_with, watchdog};

/// Knows one user, whose name does not matter.
#[derive(Debug)]
struct OneUser;

const PASSWORD: &str = "pencil";

impl Verifier for OneUser {
    fn mechanisms(&self) -> Mechanisms {
        Mechanisms::PASSWORD
    }

    fn scram_keys<'a>(&'a self, _: &'a str) -> VerifierFuture<'a, ScramKeys> {
        let rounds = NonZeroU32::new(4096).ok_or(AuthFailure::Unavailable);
        let password = Secret::new(PASSWORD.to_owned());
        Box::pin(async move { Ok(ScramKeys::derive(&password, b"salt of anna", rounds?)) })
    }
}

type Client = Talk<TlsStream<DuplexStream>>;

async fn server() -> TestServer {
    let mut settings = settings(TlsMode::StartTls, TlsSettings::new(certificate(NAME)));
    settings.session.auth.demand = AuthDemand::Required;
    settings.verifier = Some(Arc::new(OneUser));
    TestServer::start_with(settings).await.unwrap()
}

async fn client(server: &TestServer, version: &'static SupportedProtocolVersion) -> Client {
    let certificate = server.certificate().unwrap();
    let config = trust_with(&[&certificate], default_provider(), &[version]);
    let mut client = start_tls(server, config).await;
    let greeting = client.command("EHLO client.example").await.unwrap();
    let offer = "AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN";
    assert!(
        greeting.lines.iter().any(|line| line == offer),
        "{greeting:?}"
    );
    client
}

/// What RFC 9266 binds to.
fn exported(client: &Client) -> Vec<u8> {
    let (_, connection) = client.0.get_ref().get_ref();
    let exported =
        connection.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(&[]));
    exported.unwrap().to_vec()
}

/// What RFC 5929 section 4 binds to, for a certificate signed with SHA-256.
fn end_point(server: &TestServer) -> Vec<u8> {
    let certificate = server.certificate().unwrap();
    digest::digest(&digest::SHA256, &certificate)
        .as_ref()
        .to_vec()
}

/// Logs in with this header and this binding: the code of the last reply, and the last challenge.
async fn log_in(client: &mut Client, mechanism: &str, header: &str, data: &[u8]) -> (u16, String) {
    let bare = "n=anna,r=fyko+d2lbbFgONRv9qkxdawL";
    let first = BASE64.encode(format!("{header}{bare}"));
    let reply = client
        .command(&format!("AUTH {mechanism} {first}"))
        .await
        .unwrap();
    if reply.code != 334 {
        return (reply.code, String::new());
    }
    let challenge = String::from_utf8(BASE64.decode(&reply.lines[0]).unwrap()).unwrap();
    let parts: Vec<_> = challenge.split(',').collect();
    let salt = BASE64.decode(parts[1].strip_prefix("s=").unwrap()).unwrap();
    let rounds = parts[2].strip_prefix("i=").unwrap().parse().unwrap();
    let mut salted = [0; 32];
    let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
    pbkdf2::derive(algorithm, rounds, &salt, PASSWORD.as_bytes(), &mut salted);
    let sign =
        |key: &[u8], message: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    let client_key = sign(&salted, b"Client Key");
    let stored_key = digest::digest(&digest::SHA256, client_key.as_ref());
    let binding = BASE64.encode([header.as_bytes(), data].concat());
    let without_proof = format!("c={binding},{}", parts[0]);
    let message = format!("{bare},{challenge},{without_proof}");
    let signature = sign(stored_key.as_ref(), message.as_bytes());
    let pairs = client_key.as_ref().iter().zip(signature.as_ref());
    let proof: Vec<u8> = pairs.map(|(key, signature)| key ^ signature).collect();
    let last = format!("{without_proof},p={}", BASE64.encode(proof));
    let reply = client.command(&BASE64.encode(last)).await.unwrap();
    let said = String::from_utf8(BASE64.decode(&reply.lines[0]).unwrap()).unwrap();
    (client.command("").await.unwrap().code, said)
}

const PLUS: &str = "SCRAM-SHA-256-PLUS";
const EXPORTER: &str = "p=tls-exporter,,";
const END_POINT: &str = "p=tls-server-end-point,,";
const MISMATCH: &str = "e=channel-bindings-dont-match";

#[tokio::test]
async fn a_login_is_bound_to_its_connection() {
    watchdog(async {
        let server = server().await;
        let mut one = client(&server, &rustls::version::TLS13).await;
        let mut two = client(&server, &rustls::version::TLS13).await;
        let (of_one, of_two) = (exported(&one), exported(&two));
        assert_ne!(of_one, of_two);
        let (code, why) = log_in(&mut one, PLUS, EXPORTER, &of_two).await;
        assert_eq!((code, &why[..]), (535, MISMATCH), "somebody is in between");
        let (code, proof) = log_in(&mut one, PLUS, EXPORTER, &of_one).await;
        assert!(code == 235 && proof.starts_with("v="), "{code} {proof}");
        let refused = two.command("MAIL FROM:<a@example.org>").await.unwrap();
        assert_eq!(refused.code, 530, "a login of another");
        assert_eq!(one.send("Hello\r\n").await.unwrap().code, 250);
        let (code, _) = log_in(&mut two, PLUS, END_POINT, &end_point(&server)).await;
        assert_eq!(code, 235);
    })
    .await;
}

/// Below TLS 1.3 there is no exporter that binds to one connection alone.
#[tokio::test]
async fn an_older_connection_binds_to_the_certificate_alone() {
    watchdog(async {
        let server = server().await;
        let mut client = client(&server, &rustls::version::TLS12).await;
        let data = exported(&client);
        assert_eq!(log_in(&mut client, PLUS, EXPORTER, &data).await.0, 535);
        let (code, _) = log_in(&mut client, PLUS, END_POINT, &end_point(&server)).await;
        assert_eq!(code, 235);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_was_kept_from_binding_is_refused() {
    watchdog(async {
        let server = server().await;
        let mut client = client(&server, &rustls::version::TLS13).await;
        let downgraded = log_in(&mut client, "SCRAM-SHA-256", "y,,", b"").await;
        assert_eq!(downgraded.0, 535);
        assert_eq!(log_in(&mut client, PLUS, "n,,", b"").await.0, 535);
        assert_eq!(
            log_in(&mut client, "SCRAM-SHA-256", "n,,", b"").await.0,
            235
        );
    })
    .await;
}
