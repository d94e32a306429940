//! Certificates in every form in which they can be given.

use std::fs;

use pkcs8::{PrivateKeyInfoRef, pkcs5::pbes2};
use rustls::ProtocolVersion;

use crate::{
    certificates::{made, pem},
    server_process::{LISTEN, Server, command, store},
    smtp_client::{code, id},
    stored_mail,
    tls_client::{connect, implicit, over, secure, shown, start_tls},
};

const NAME: &str = "mx.example.com";

#[test]
fn a_chain_and_its_key_in_pem() {
    let folder = tempfile::tempdir().unwrap();
    let made = made(NAME);
    made.write_as(folder.path(), "mx");
    let settings = format!("{LISTEN}[tls]\ncertificate = \"mx.pem\"\nkey = \"mx.key\"\n");
    let server = Server::start_with(folder.path(), &settings);
    // The short form of a listener offers STARTTLS once there is a certificate.
    let mut client = start_tls(server.address(), NAME);
    assert_eq!(shown(&client), made.certificate);
    let reply = client.deliver("a@example.org", "b@example.com", b"under TLS\r\n");
    let mail = stored_mail::named(&store(folder.path()), id(&reply));
    assert_eq!(mail.body, b"under TLS\r\n");
}

#[test]
fn one_certificate_and_its_key_in_der() {
    let folder = tempfile::tempdir().unwrap();
    let made = made(NAME);
    fs::write(folder.path().join("mx.der"), &made.certificate).unwrap();
    fs::write(folder.path().join("key.der"), &made.key).unwrap();
    let settings = "listen = []
[[listener]]
address = \"127.0.0.1:0\"
tls = \"implicit\"
[tls]
certificate = \"mx.der\"
key = \"key.der\"
";
    let server = Server::start_with(folder.path(), settings);
    assert_eq!(shown(&implicit(server.address(), NAME)), made.certificate);
}

#[test]
fn a_key_under_a_password() {
    let folder = tempfile::tempdir().unwrap();
    let made = made(NAME);
    // Few rounds, since it is the form that is tested and not the strength.
    let parameters = pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(
        2048,
        b"salt of test",
        *b"sixteen octets..",
    );
    let key = PrivateKeyInfoRef::try_from(made.key.as_slice()).unwrap();
    let encrypted = key
        .encrypt_with_params(parameters.unwrap(), "secret")
        .unwrap();
    let file = |name: &str| folder.path().join(name);
    fs::write(file("mx.pem"), pem("CERTIFICATE", &made.certificate)).unwrap();
    let text = pem("ENCRYPTED PRIVATE KEY", encrypted.as_bytes());
    fs::write(file("mx.key"), text).unwrap();
    fs::write(file("password"), "secret\n").unwrap();
    let settings = format!(
        "{LISTEN}[tls]\ncertificate = \"mx.pem\"\nkey = \"mx.key\"\n\
         key_password_file = \"password\"\n"
    );
    let server = Server::start_with(folder.path(), &settings);
    assert_eq!(shown(&start_tls(server.address(), NAME)), made.certificate);
}

#[test]
fn a_self_signed_one_is_made_at_the_start_and_its_fingerprint_is_logged() {
    let folder = tempfile::tempdir().unwrap();
    let settings = format!("{LISTEN}[tls]\ncertificate = \"self-signed\"\n");
    let mut server = Server::start_with(folder.path(), &settings);
    let line = server.await_log("self-signed certificate for mx.example.com until ");
    let (_, fingerprint) = line.split_once("SHA-256 fingerprint ").unwrap();
    let shown = shown(&start_tls(server.address(), NAME));
    assert_eq!(&fingerprint[..95], fingerprint_of(&shown));
}

/// As `openssl x509 -fingerprint -sha256` prints it.
fn fingerprint_of(certificate: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate);
    let octets: Vec<_> = digest.as_ref().iter().map(|o| format!("{o:02X}")).collect();
    octets.join(":")
}

#[test]
fn two_variables_are_enough() {
    let folder = tempfile::tempdir().unwrap();
    let made = made(NAME);
    let (certificate, key) = made.write_as(folder.path(), "mx");
    let mut command = command(folder.path(), LISTEN);
    command
        .env("SMTP_TLS_CERT", certificate)
        .env("SMTP_TLS_KEY", key);
    let server = Server::await_start(command);
    assert_eq!(shown(&start_tls(server.address(), NAME)), made.certificate);
}

#[test]
fn the_name_that_a_client_asks_for_chooses() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (made(NAME), made("mx2.example.com"));
    first.write_as(folder.path(), "mx");
    second.write_as(folder.path(), "mx2");
    let settings = format!(
        "{LISTEN}[tls]\ncertificate = \"mx.pem\"\nkey = \"mx.key\"\n[[tls.sni]]\n\
         name = \"mx2.example.com\"\ncertificate = \"mx2.pem\"\nkey = \"mx2.key\"\n"
    );
    let server = Server::start_with(folder.path(), &settings);
    let shown_to = |name: &str| shown(&start_tls(server.address(), name));
    assert_eq!(shown_to("mx2.example.com"), second.certificate);
    assert_eq!(shown_to(NAME), first.certificate);
    assert_eq!(shown_to("other.example.com"), first.certificate);
}

#[test]
fn the_algorithms_are_those_of_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    let settings = format!(
        "{LISTEN}[tls]\ncertificate = \"self-signed\"\nminimum_version = \"1.3\"\n\
         cipher_suites = [\"TLS_CHACHA20_POLY1305_SHA256\"]\n\
         key_exchange_groups = [\"secp384r1\"]\n"
    );
    let server = Server::start_with(folder.path(), &settings);
    let client = start_tls(server.address(), NAME);
    let connection = &client.stream().conn;
    assert_eq!(
        connection.protocol_version(),
        Some(ProtocolVersion::TLSv1_3)
    );
    let suite = connection.negotiated_cipher_suite().unwrap().suite();
    assert_eq!(suite, rustls::CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
    let group = connection.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(group, rustls::NamedGroup::secp384r1);
}

#[test]
fn certificates_of_clients_are_demanded() {
    let folder = tempfile::tempdir().unwrap();
    let (trusted, other) = (made("client.example"), made("client.example"));
    let authority = pem("CERTIFICATE", &trusted.certificate);
    fs::write(folder.path().join("ca.pem"), authority).unwrap();
    let settings = format!(
        "{LISTEN}[tls]\ncertificate = \"self-signed\"\nclient_certificates = \"required\"\n\
         client_ca = \"ca.pem\"\n"
    );
    let server = Server::start_with(folder.path(), &settings);
    let mut client = over(connect(server.address()), NAME, Some(&trusted)).unwrap();
    let reply = client.deliver("a@example.org", "b@example.com", b"known\r\n");
    assert_eq!(code(&reply), 250);
    for own in [None, Some(&other)] {
        let mut plain = crate::smtp_client::Client::greeted(server.address());
        assert_eq!(code(&plain.command("STARTTLS")), 220);
        let refused = secure(plain.into_stream(), NAME, own).and_then(|mut client| {
            client.send(b"EHLO client.example\r\n");
            client.try_line()
        });
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("received fatal alert"), "{error}");
    }
}
