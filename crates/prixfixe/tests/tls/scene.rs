//! What the tests start from.

use std::{future::Future, io, sync::Arc, time::Duration};

use prixfixe::{
    Settings, TlsMode,
    testkit::{Reply, TestClient, TestServer},
    tls::{Certificate, Tls, TlsSettings},
};
use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::{CryptoProvider, aws_lc_rs::default_provider},
    pki_types::ServerName,
};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// The name that servers go by, and their certificates are for.
pub(crate) const NAME: &str = "mx.example.com";

pub(crate) fn certificate(name: &str) -> Certificate {
    Certificate::self_signed(&name.parse().unwrap()).unwrap()
}

/// Settings of a server with TLS.
pub(crate) fn settings(mode: TlsMode, tls: TlsSettings) -> Settings {
    let mut settings = Settings::new(NAME.parse().unwrap());
    settings.session.tls = mode;
    settings.tls = Some(Tls::new(tls).unwrap());
    settings
}

pub(crate) async fn server(mode: TlsMode) -> TestServer {
    let tls = TlsSettings::new(certificate(NAME));
    TestServer::start_with(settings(mode, tls)).await.unwrap()
}

/// A client's settings that trust these certificates, and no others.
pub(crate) fn trust(certificates: &[&[u8]]) -> Arc<ClientConfig> {
    trust_with(certificates, default_provider(), &[])
}

/// The same with algorithms of one's own; no versions are all versions.
pub(crate) fn trust_with(
    certificates: &[&[u8]],
    provider: CryptoProvider,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate.to_vec().into()).unwrap();
    }
    let versions = if versions.is_empty() {
        rustls::ALL_VERSIONS
    } else {
        versions
    };
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// Settings that trust the server's certificate.
pub(crate) fn trusting(server: &TestServer) -> Arc<ClientConfig> {
    trust(&[&server.certificate().unwrap()])
}

/// A TLS client handshake over any stream.
pub(crate) async fn handshake<S>(
    stream: S,
    config: Arc<ClientConfig>,
    name: &str,
) -> io::Result<Talk<TlsStream<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let stream = TlsConnector::from(config).connect(name, stream).await?;
    Ok(Talk::new(stream))
}

/// Up to where the client has said STARTTLS and heard 220.
pub(crate) async fn ask_for_tls(mut client: TestClient) -> DuplexStream {
    let greeting = client.greet().await.unwrap();
    assert!(
        greeting.lines.iter().any(|line| line == "STARTTLS"),
        "{greeting:?}"
    );
    assert_eq!(client.command("STARTTLS").await.unwrap().code, 220);
    client.into_stream()
}

/// A client under TLS from STARTTLS on.
pub(crate) async fn start_tls(
    server: &TestServer,
    config: Arc<ClientConfig>,
) -> Talk<TlsStream<DuplexStream>> {
    let stream = ask_for_tls(server.client()).await;
    handshake(stream, config, NAME).await.unwrap()
}

/// A client under TLS from the first octet on.
pub(crate) async fn implicit(
    server: &TestServer,
    config: Arc<ClientConfig>,
) -> Talk<TlsStream<DuplexStream>> {
    let stream = server.client().into_stream();
    handshake(stream, config, NAME).await.unwrap()
}

/// SMTP over any stream.
pub(crate) struct Talk<S>(pub(crate) BufReader<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self(BufReader::new(stream))
    }

    pub(crate) async fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.0.write_all(octets).await?;
        self.0.flush().await
    }

    pub(crate) async fn command(&mut self, line: &str) -> io::Result<Reply> {
        self.write(format!("{line}\r\n").as_bytes()).await?;
        self.reply().await
    }

    pub(crate) async fn reply(&mut self) -> io::Result<Reply> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let code = line[..3].parse().unwrap();
            lines.push(line[4..].trim_end().to_owned());
            if line.as_bytes()[3] != b'-' {
                return Ok(Reply { code, lines });
            }
        }
    }

    /// Sends a message and returns the last reply.
    pub(crate) async fn send(&mut self, content: &str) -> io::Result<Reply> {
        self.command("MAIL FROM:<a@example.org>").await?;
        self.command("RCPT TO:<b@example.com>").await?;
        self.command("DATA").await?;
        self.write(format!("{content}.\r\n").as_bytes()).await?;
        self.reply().await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<TlsStream<S>> {
    /// The client's side of the TLS connection.
    pub(crate) fn connection(&self) -> &rustls::ClientConnection {
        self.0.get_ref().get_ref().1
    }

    /// The certificate that the server showed.
    pub(crate) fn shown(&self) -> Vec<u8> {
        self.connection().peer_certificates().unwrap()[0].to_vec()
    }
}

/// Waits until so many sessions have ended.
pub(crate) async fn sessions_ended(server: &TestServer, sessions: u64) {
    while server.totals().sessions_ended < sessions {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.totals().sessions_ended, sessions);
}

/// A test that hangs fails, however slow the machine is.
pub(crate) async fn watchdog<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(120), test)
        .await
        .expect("the test hangs")
}
