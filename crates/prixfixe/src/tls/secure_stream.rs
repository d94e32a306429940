//! A stream under TLS, from the first octet of its handshake.

use std::{
    fmt,
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{FallibleAccept, TlsAcceptor, server::TlsStream};

use super::{
    Certificate, ChannelBindings, Tls, TlsFacts, TlsVersion, read_ahead::ReadAhead, swap::Offer,
};
use crate::{stream::Stream, timer::now};

/// Octets of replies that wait inside of the TLS library, encrypted: one record. What does not fit
/// waits outside, where it is counted already.
const WRITE_BUFFER: usize = 16 << 10;

/// A handshake under way.
pub(crate) struct Handshake {
    accept: FallibleAccept<ReadAhead>,
    offer: Arc<Offer>,
    start: Instant,
}

/// A stream after its handshake.
#[derive(Debug)]
pub(crate) struct SecureStream {
    stream: TlsStream<ReadAhead>,
    version: TlsVersion,
    /// What the client was shown.
    certificate: Certificate,
}

impl Handshake {
    pub(crate) fn new(stream: Stream, tls: &Tls) -> Self {
        let offer = tls.offer();
        let acceptor = TlsAcceptor::from(Arc::clone(&offer.config));
        let accept = acceptor.accept_with(ReadAhead::new(stream), |connection| {
            connection.set_buffer_limit(Some(WRITE_BUFFER));
        });
        Self {
            accept: accept.into_fallible(),
            offer,
            start: now(),
        }
    }

    /// Goes on. A handshake that fails has sent its alert, if it could at once, and gives the
    /// stream back.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(SecureStream, TlsFacts), (io::Error, Stream)>> {
        Pin::new(&mut self.accept).poll(cx).map(|made| {
            let stream = made.map_err(|(error, stream)| (error, stream.into_stream()))?;
            let (_, connection) = stream.get_ref();
            let Some(facts) = TlsFacts::of(connection, &self.offer, now() - self.start) else {
                let (stream, _) = stream.into_inner();
                return Err((io::ErrorKind::InvalidData.into(), stream.into_stream()));
            };
            let certificate = self.offer.certificates.of(connection.server_name());
            let secure = SecureStream {
                version: facts.version,
                certificate: certificate.clone(),
                stream,
            };
            Ok((secure, facts))
        })
    }
}

impl SecureStream {
    pub(crate) fn channel_bindings(&self) -> ChannelBindings<'_> {
        let (_, connection) = self.stream.get_ref();
        ChannelBindings {
            connection,
            certificate: &self.certificate,
            version: self.version,
        }
    }

    pub(crate) fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.get_mut().0.stream().poll_writable(cx)
    }

    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut buffer);
        if polled.is_pending() && self.stream.get_ref().1.wants_write() {
            // What was read may be a question to TLS itself, a refused renegotiation for
            // instance, and its client waits for the answer before it says more.
            if let Poll::Ready(Err(error)) = self.poll_flush(cx) {
                return Poll::Ready(Err(error));
            }
        }
        polled.map_ok(|()| buffer.filled().len())
    }

    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    /// Writes what was taken and encrypted but not written.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Sends close_notify (RFC 8446 section 6.1); the socket stays open both ways.
    pub(crate) fn poll_close_notify(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Said once however often this is called.
        self.stream.get_mut().1.send_close_notify();
        self.poll_flush(cx)
    }

    /// Sends close_notify and ends the sending side of the socket.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake").finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "testkit"))]
mod tests {
    use std::future::poll_fn;

    use rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs::default_provider,
        version::{TLS12, TLS13},
    };
    use tokio_rustls::TlsConnector;

    use super::*;
    use crate::tls::TlsSettings;

    #[tokio::test]
    async fn both_sides_see_the_same_channel() {
        let certificate = Certificate::self_signed(&"mx.example.com".parse().unwrap()).unwrap();
        let tls = Tls::new(TlsSettings::new(certificate.clone())).unwrap();
        for version in [&TLS12, &TLS13] {
            let mut roots = RootCertStore::empty();
            roots.add(certificate.der().to_vec().into()).unwrap();
            let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
                .with_protocol_versions(&[version])
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            let connector = TlsConnector::from(Arc::new(config));
            let (ours, theirs) = tokio::io::duplex(64 << 10);
            let mut handshake = Handshake::new(Stream::Memory(theirs), &tls);
            let name = "mx.example.com".try_into().unwrap();
            let (client, server) = tokio::join!(
                connector.connect(name, ours),
                poll_fn(|cx| handshake.poll(cx))
            );
            let (client, (server, _)) = (client.unwrap(), server.unwrap());
            let exported = client.get_ref().1.export_keying_material(
                [0; 32],
                b"EXPORTER-Channel-Binding",
                Some(&[]),
            );
            let bindings = server.channel_bindings();
            let expected =
                (version.version == rustls::ProtocolVersion::TLSv1_3).then_some(exported.unwrap());
            assert_eq!(bindings.exporter(), expected);
            // Signed by ECDSA with SHA-256, as which it is the fingerprint in octets.
            let end_point = bindings.server_end_point().unwrap();
            let hex: Vec<_> = end_point.iter().map(|o| format!("{o:02X}")).collect();
            assert_eq!(hex.join(":"), certificate.fingerprint());
        }
    }
}
