//! Certificates and keys in every form that the documentation names, and what is said about others.

use std::{path::Path, sync::Arc};

use prixfixe::{
    TlsMode,
    testkit::TestServer,
    tls::{Certificate, CertificateError, TlsSettings},
};
use rustls::version::TLS12;

use crate::{
    openssl,
    scene::{NAME, certificate, handshake, settings, trust, trust_with, watchdog},
};

/// Makes `cert.pem` and `key.pem` for a key of this kind.
fn make(folder: &Path, kind: &str) {
    openssl::run(
        folder,
        &format!(
            "req -x509 -newkey {kind} -nodes -keyout key.pem -out cert.pem -subj /CN={NAME} \
             -addext subjectAltName=DNS:{NAME} -days 30"
        ),
    );
    openssl::run(folder, "x509 -in cert.pem -outform DER -out cert.der");
}

fn load(folder: &Path, chain: &str, key: &str) -> Result<Certificate, CertificateError> {
    Certificate::from_files(&folder.join(chain), &folder.join(key), Some("secret"))
}

const RSA: &str = "rsa:2048";
const ECDSA: &str = "ec -pkeyopt ec_paramgen_curve:P-256";

#[test]
fn all_forms_of_a_key_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for kind in [RSA, ECDSA, "ed25519"] {
        make(folder, kind);
        let mut forms = vec![
            "pkcs8 -topk8 -nocrypt -in key.pem -out form",
            "pkcs8 -topk8 -nocrypt -in key.pem -outform DER -out form",
            "pkcs8 -topk8 -v2 aes-256-cbc -in key.pem -passout pass:secret -out form",
            "pkcs8 -topk8 -v2 aes-256-cbc -in key.pem -passout pass:secret -outform DER -out form",
            "pkcs8 -topk8 -scrypt -in key.pem -passout pass:secret -out form",
        ];
        if kind != "ed25519" {
            // PKCS#1 and SEC1.
            forms.push("pkey -in key.pem -traditional -out form");
            forms.push("pkey -in key.pem -traditional -outform DER -out form");
        }
        for form in forms {
            openssl::run(folder, form);
            for chain in ["cert.pem", "cert.der"] {
                let certificate = load(folder, chain, "form");
                let certificate = certificate.unwrap_or_else(|e| panic!("{kind}, {form}: {e}"));
                assert_eq!(certificate.names(), [NAME]);
                assert_eq!(certificate.subject(), format!("CN={NAME}"));
            }
        }
        let printed = openssl::run(folder, "x509 -in cert.pem -noout -fingerprint -sha256");
        let certificate = load(folder, "cert.pem", "key.pem").unwrap();
        assert!(
            printed.trim().ends_with(certificate.fingerprint()),
            "{printed}"
        );
        let date = openssl::run(folder, "x509 -in cert.pem -noout -checkend 2500000");
        assert!(date.contains("will not expire"), "{date}");
        let left = certificate.not_after().elapsed().unwrap_err().duration();
        assert!((29..=30).contains(&(left.as_secs() / 86_400)), "{left:?}");
    }
}

#[test]
fn what_cannot_be_used_is_named_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    make(folder, ECDSA);
    std::fs::copy(folder.join("key.pem"), folder.join("other.key")).unwrap();
    make(folder, RSA);
    openssl::run(
        folder,
        "pkey -in key.pem -traditional -aes256 -passout pass:secret -out old.key",
    );
    openssl::run(
        folder,
        "pkcs8 -topk8 -in key.pem -passout pass:wrong -out wrong.key",
    );
    std::fs::write(folder.join("empty"), "").unwrap();
    std::fs::write(folder.join("text"), "no key, and no certificate\n").unwrap();
    let pem = std::fs::read_to_string(folder.join("cert.pem")).unwrap();
    let broken = pem.replacen("MII", "MIJ", 1);
    std::fs::write(folder.join("broken.pem"), broken).unwrap();
    for (chain, key, reason) in [
        ("cert.pem", "missing.key", "missing.key"),
        ("missing.pem", "key.pem", "missing.pem"),
        ("empty", "key.pem", "holds no certificate"),
        ("text", "key.pem", "malformed"),
        ("broken.pem", "key.pem", "certificate 1 of"),
        ("key.pem", "key.pem", "holds no certificate"),
        ("cert.pem", "empty", "holds no private key"),
        ("cert.pem", "text", "holds no private key"),
        ("cert.pem", "cert.pem", "holds no private key"),
        ("cert.pem", "other.key", "does not belong"),
        ("cert.pem", "old.key", "openssl pkcs8"),
        ("cert.pem", "wrong.key", "check the password"),
    ] {
        let error = load(folder, chain, key).unwrap_err().to_string();
        assert!(error.contains(reason), "{chain}, {key}: {error}");
        let file = if chain == "cert.pem" { key } else { chain };
        assert!(
            error.contains(&folder.join(file).display().to_string()),
            "{error}"
        );
    }
    let path = |name: &str| folder.join(name);
    let error = Certificate::from_files(&path("cert.pem"), &path("wrong.key"), None).unwrap_err();
    assert!(
        matches!(error, CertificateError::PasswordMissing(_)),
        "{error}"
    );
}

#[tokio::test]
async fn a_chain_is_shown_whole() {
    watchdog(async {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        // Nothing checks that the second has issued the first.
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
        let issuer = certificate("issuer.example");
        let mut chain = Vec::new();
        for der in [&**made.cert.der(), issuer.der()] {
            std::fs::write(folder.join("der"), der).unwrap();
            chain.extend(openssl::run(folder, "x509 -inform DER -in der").into_bytes());
        }
        let (first, key) = (made.cert.der().to_vec(), made.signing_key.serialize_der());
        let certificate = Certificate::from_bytes(&chain, &key, None).unwrap();
        let tls = TlsSettings::new(certificate);
        let server = TestServer::start_with(settings(TlsMode::Implicit, tls)).await;
        let server = server.unwrap();
        for config in [
            trust(&[&first]),
            trust_with(
                &[&first],
                rustls::crypto::aws_lc_rs::default_provider(),
                &[&TLS12],
            ),
        ] {
            let stream = server.client().into_stream();
            let client = handshake(stream, Arc::clone(&config), NAME).await.unwrap();
            let shown = client.connection().peer_certificates().unwrap();
            assert_eq!(shown.len(), 2);
            assert_eq!(&*shown[1], issuer.der());
        }
    })
    .await;
}

#[test]
fn a_self_signed_certificate_is_for_its_name_and_every_one_is_another() {
    let one = certificate(NAME);
    assert_eq!(one.names(), [NAME]);
    assert_eq!(one.subject(), format!("CN={NAME}"));
    assert_ne!(one.fingerprint(), certificate(NAME).fingerprint());
    assert_eq!(certificate("[192.0.2.1]").names(), ["192.0.2.1"]);
    assert_eq!(certificate("[IPv6:2001:db8::1]").names(), ["2001:db8::1"]);
    let debug = format!("{one:?}");
    assert!(debug.contains(NAME) && !debug.contains("key"), "{debug}");
}
