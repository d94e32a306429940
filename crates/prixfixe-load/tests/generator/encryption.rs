//! STARTTLS and TLS from the first octet, trust, and sessions taken up again.

use std::net::TcpStream;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use prixfixe_load::failure::FailureKind;
use prixfixe_load::failure::Stage;
use prixfixe_load::plan::{Plan, Tls, TlsTerms, Trust};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::scripted_server::{Act, OFFERS, Server, closed, converse, run};

/// A server for `localhost` with a certificate of its own, which is written to the folder.
fn server(folder: &Path, implicit: bool) -> Server {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let text = base64::engine::general_purpose::STANDARD.encode(made.cert.der());
    let text = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
    std::fs::write(folder.join("certificate.pem"), text).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    Server::start(move |stream, connection| {
        if !implicit && ask_for_tls(&stream).is_err() {
            return;
        }
        let session = ServerConnection::new(Arc::clone(&config)).unwrap();
        let encrypted = StreamOwned::new(session, stream);
        let _ = if implicit {
            converse(encrypted, connection, OFFERS, &|_| Act::Usual)
        } else {
            converse(Continued::new(encrypted), connection, OFFERS, &|_| {
                Act::Usual
            })
        };
    })
}

/// The dialogue up to STARTTLS and its reply.
fn ask_for_tls(mut stream: &TcpStream) -> std::io::Result<()> {
    use std::io::{Read, Write};
    let mut say = |text: &str| stream.write_all(text.as_bytes());
    say("220 here\r\n")?;
    let line = |reply: &str| {
        let mut octet = [0];
        let mut stream = stream;
        while octet != *b"\n" {
            stream.read_exact(&mut octet)?;
        }
        stream.write_all(reply.as_bytes())
    };
    line("250-here\r\n250 STARTTLS\r\n")?;
    line("220 go\r\n")
}

fn terms(folder: &Path, resume: bool) -> TlsTerms {
    TlsTerms {
        trust: Trust::File(folder.join("certificate.pem")),
        server_name: Some("localhost".to_owned()),
        resume,
    }
}

fn plan(server: &Server, tls: Tls) -> Plan {
    let mut plan = closed(server, 6, 1);
    plan.per_connection = NonZeroU32::new(2);
    plan.tls = tls;
    plan
}

#[test]
fn messages_go_over_implicit_tls_and_starttls() {
    for implicit in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let server = server(folder.path(), implicit);
        let terms = terms(folder.path(), false);
        let tls = if implicit {
            Tls::Implicit(terms)
        } else {
            Tls::StartTls(terms)
        };
        let measured = run(&plan(&server, tls));
        assert_eq!(measured.accepted, 6, "{:?}", measured.errors);
        let connections = measured.connections;
        assert_eq!((connections.tls_full, connections.tls_resumed), (3, 0));
        assert_eq!(measured.stages_ms[&Stage::Tls].count, 3);
        assert_eq!(measured.stages_ms[&Stage::Banner].count, 3);
        assert_eq!(measured.stages_ms[&Stage::Ehlo].count, 3);
    }
}

#[test]
fn sessions_are_taken_up_again_where_the_plan_says_so() {
    for implicit in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let server = server(folder.path(), implicit);
        let terms = terms(folder.path(), true);
        let tls = if implicit {
            Tls::Implicit(terms)
        } else {
            Tls::StartTls(terms)
        };
        let measured = run(&plan(&server, tls));
        assert_eq!(measured.accepted, 6, "{:?}", measured.errors);
        let connections = measured.connections;
        assert_eq!((connections.tls_full, connections.tls_resumed), (1, 2));
    }
}

#[test]
fn a_certificate_is_believed_by_those_who_should() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path(), true);
    let trusting = |trust, name: &str| {
        let terms = TlsTerms {
            trust,
            server_name: Some(name.to_owned()),
            resume: false,
        };
        let mut plan = plan(&server, Tls::Implicit(terms));
        plan.schedule = prixfixe_load::schedule::Schedule::Closed {
            messages: Some(1),
            lasts: None,
        };
        run(&plan)
    };
    let file = || Trust::File(folder.path().join("certificate.pem"));
    assert_eq!(trusting(Trust::Anybody, "other.example").accepted, 1);
    assert_eq!(trusting(file(), "localhost").accepted, 1);
    for measured in [
        trusting(file(), "other.example"),
        trusting(Trust::System, "localhost"),
    ] {
        assert_eq!(measured.failed, 1);
        assert_eq!(measured.errors[0].kind, FailureKind::Tls);
        assert_eq!(measured.errors[0].stage, Stage::Tls);
        assert!(
            measured.errors[0].example.contains("certificate"),
            "{:?}",
            measured.errors
        );
    }
}

#[test]
fn a_server_that_speaks_no_tls_is_a_failure_of_tls() {
    let server = Server::scripted(|_| Act::Usual);
    let terms = TlsTerms {
        trust: Trust::Anybody,
        server_name: None,
        resume: false,
    };
    let mut plan = closed(&server, 1, 1);
    plan.tls = Tls::Implicit(terms);
    let measured = run(&plan);
    assert_eq!(measured.errors[0].kind, FailureKind::Tls);
    assert_eq!(measured.errors[0].stage, Stage::Tls);
}

/// A stream whose dialogue began before TLS: the greeting was said, so its first write is dropped.
struct Continued {
    stream: StreamOwned<ServerConnection, TcpStream>,
    greeted: bool,
}

impl Continued {
    fn new(stream: StreamOwned<ServerConnection, TcpStream>) -> Self {
        Self {
            stream,
            greeted: false,
        }
    }
}

impl std::io::Read for Continued {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl std::io::Write for Continued {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        if !std::mem::replace(&mut self.greeted, true) {
            return Ok(octets.len());
        }
        self.stream.write(octets)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

impl crate::scripted_server::Resettable for Continued {
    fn reset(&mut self) {
        self.stream.reset();
    }
}
