//! The transports, as one type, so that nothing above is generic over them.

use std::{
    io::{self, Write as _},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
};

#[cfg(feature = "testkit")]
use std::task::Waker;

#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    #[cfg(feature = "testkit")]
    Memory(tokio::io::DuplexStream),
}

impl Stream {
    pub(crate) fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_write_ready(cx),
            Self::Unix(stream) => stream.poll_write_ready(cx),
            #[cfg(feature = "testkit")]
            Self::Memory(_) => Poll::Ready(Ok(())),
        }
    }

    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        let polled = match self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
            #[cfg(feature = "testkit")]
            Self::Memory(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
        };
        polled.map_ok(|()| buffer.filled().len())
    }

    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, octets),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, octets),
            #[cfg(feature = "testkit")]
            Self::Memory(stream) => Pin::new(stream).poll_write(cx, octets),
        }
    }

    /// Says one last line and closes, without waiting: a fresh socket takes a line at once, and
    /// from who does not read it nothing is lost.
    pub(crate) fn dismiss(self, line: &[u8]) {
        let _ = match self {
            Self::Tcp(stream) => stream.into_std().and_then(|mut stream| stream.write(line)),
            Self::Unix(stream) => stream.into_std().and_then(|mut stream| stream.write(line)),
            #[cfg(feature = "testkit")]
            Self::Memory(mut stream) => {
                let mut cx = Context::from_waker(Waker::noop());
                match Pin::new(&mut stream).poll_write(&mut cx, line) {
                    Poll::Ready(written) => written,
                    Poll::Pending => Ok(0),
                }
            }
        };
    }

    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(feature = "testkit")]
            Self::Memory(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
