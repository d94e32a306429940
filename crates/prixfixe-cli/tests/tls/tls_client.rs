//! A client that speaks TLS, takes any certificate, and says which it was shown.

use std::{io, net::TcpStream, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime},
};

use crate::{
    certificates::Made,
    smtp_client::{Client, code},
};

pub(crate) type Secure = Client<StreamOwned<ClientConnection, TcpStream>>;

const WATCHDOG: Duration = Duration::from_secs(60);

/// A connection on which nothing hangs.
pub(crate) fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(WATCHDOG)).unwrap();
    stream.set_write_timeout(Some(WATCHDOG)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// TLS from the first octet on, up to EHLO.
pub(crate) fn implicit(address: &str, name: &str) -> Secure {
    let mut client = secure(connect(address), name, None).unwrap();
    assert_eq!(code(&client.reply()), 220);
    assert_eq!(code(&client.command("EHLO client.example")), 250);
    client
}

/// TLS from STARTTLS on, up to the second EHLO.
pub(crate) fn start_tls(address: &str, name: &str) -> Secure {
    over(connect(address), name, None).unwrap()
}

/// The same on a connection that is there already, and with a certificate of the client's.
pub(crate) fn over(stream: TcpStream, name: &str, own: Option<&Made>) -> io::Result<Secure> {
    let mut client = Client::over(stream);
    assert_eq!(code(&client.reply()), 220);
    let offered = client.command("EHLO client.example");
    assert!(offered.contains("STARTTLS"), "{offered}");
    assert_eq!(code(&client.command("STARTTLS")), 220);
    let mut client = secure(client.into_stream(), name, own)?;
    let offered = client.command("EHLO client.example");
    assert_eq!(code(&offered), 250);
    assert!(!offered.contains("STARTTLS"), "{offered}");
    Ok(client)
}

/// A handshake, as far as the client can tell that it succeeded: in TLS 1.3 it knows of a refusal
/// of its certificate only with the first read.
pub(crate) fn secure(mut stream: TcpStream, name: &str, own: Option<&Made>) -> io::Result<Secure> {
    let mut connection = ClientConnection::new(
        Arc::new(config(own)),
        ServerName::try_from(name.to_owned()).unwrap(),
    )
    .unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(Client::on(StreamOwned::new(connection, stream)))
}

fn config(own: Option<&Made>) -> ClientConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer(provider)));
    match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let chain = vec![CertificateDer::from(own.certificate.clone())];
            let key = PrivateKeyDer::try_from(own.key.clone()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    }
}

/// The certificate that a client was shown.
pub(crate) fn shown(client: &Secure) -> Vec<u8> {
    client.stream().conn.peer_certificates().unwrap()[0].to_vec()
}

#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
