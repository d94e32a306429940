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

use super::{Certificate, ChannelBindings, Tls, TlsFacts, TlsVersion, swap::Offer};
use crate::{stream::Stream, timer::now};

/// Octets of replies that wait inside of the TLS library, encrypted: one record. What does not fit
/// waits outside, where it is counted already.
const WRITE_BUFFER: usize = 16 << 10;

/// A handshake under way.
pub(crate) struct Handshake {
    accept: FallibleAccept<Stream>,
    offer: Arc<Offer>,
    start: Instant,
}

/// A stream after its handshake.
#[derive(Debug)]
pub(crate) struct SecureStream {
    stream: TlsStream<Stream>,
    version: TlsVersion,
    /// What the client was shown.
    certificate: Certificate,
}

impl Handshake {
    pub(crate) fn new(stream: Stream, tls: &Tls) -> Self {
        let offer = tls.offer();
        let acceptor = TlsAcceptor::from(Arc::clone(&offer.config));
        let accept = acceptor.accept_with(stream, |connection| {
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
            let stream = made?;
            let (_, connection) = stream.get_ref();
            let Some(facts) = TlsFacts::of(connection, &self.offer, now() - self.start) else {
                let (stream, _) = stream.into_inner();
                return Err((io::ErrorKind::InvalidData.into(), stream));
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
        self.stream.get_mut().0.poll_writable(cx)
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
