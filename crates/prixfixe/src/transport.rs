//! A socket, in the clear or under TLS.

use std::{
    io, mem,
    task::{Context, Poll, ready},
};

use crate::{
    stream::Stream,
    tls::{ChannelBindings, Handshake, SecureStream, Tls, TlsFacts},
};

/// What a connection reads from and writes to. TLS is boxed, so that a connection without it does
/// not pay for its size.
#[derive(Debug)]
pub(crate) enum Transport {
    Plain(Stream),
    /// Nothing can be read or written until the handshake is over.
    Handshake(Box<Handshake>),
    Secure(Box<SecureStream>),
    /// Only between two of the others.
    Gone,
}

impl Transport {
    pub(crate) fn begin_handshake(&mut self, tls: &Tls) {
        *self = match mem::replace(self, Self::Gone) {
            Self::Plain(stream) => Self::Handshake(Box::new(Handshake::new(stream, tls))),
            other => other,
        };
    }

    /// Goes on with a handshake that has begun. If it fails, the stream is plain again, good for
    /// nothing but to be closed.
    pub(crate) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<TlsFacts>> {
        let Self::Handshake(handshake) = self else {
            return Poll::Ready(unready());
        };
        match ready!(handshake.poll(cx)) {
            Ok((secure, facts)) => {
                *self = Self::Secure(Box::new(secure));
                Poll::Ready(Ok(facts))
            }
            Err((error, stream)) => {
                *self = Self::Plain(stream);
                Poll::Ready(Err(error))
            }
        }
    }

    pub(crate) fn channel_bindings(&self) -> Option<ChannelBindings<'_>> {
        match self {
            Self::Secure(stream) => Some(stream.channel_bindings()),
            Self::Plain(_) | Self::Handshake(_) | Self::Gone => None,
        }
    }

    pub(crate) fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => stream.poll_writable(cx),
            Self::Secure(stream) => stream.poll_writable(cx),
            Self::Handshake(_) | Self::Gone => Poll::Ready(unready()),
        }
    }

    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => stream.poll_read(cx, buffer),
            Self::Secure(stream) => stream.poll_read(cx, buffer),
            Self::Handshake(_) | Self::Gone => Poll::Ready(unready()),
        }
    }

    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => stream.poll_write(cx, octets),
            Self::Secure(stream) => stream.poll_write(cx, octets),
            Self::Handshake(_) | Self::Gone => Poll::Ready(unready()),
        }
    }

    /// Writes what [`poll_write`](Self::poll_write) has taken; a plain socket holds nothing back.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Secure(stream) => stream.poll_flush(cx),
            Self::Plain(_) | Self::Handshake(_) | Self::Gone => Poll::Ready(Ok(())),
        }
    }

    /// Under TLS, tells the client that nothing more is coming; in the clear closing the socket
    /// says the same.
    pub(crate) fn poll_close_notify(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Secure(stream) => stream.poll_close_notify(cx),
            Self::Plain(_) | Self::Handshake(_) | Self::Gone => Poll::Ready(Ok(())),
        }
    }

    /// Ends the sending side.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => stream.poll_shutdown(cx),
            Self::Secure(stream) => stream.poll_shutdown(cx),
            Self::Handshake(_) | Self::Gone => Poll::Ready(unready()),
        }
    }
}

fn unready<T>() -> io::Result<T> {
    Err(io::ErrorKind::NotConnected.into())
}
