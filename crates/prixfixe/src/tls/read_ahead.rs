//! Reading from a socket in larger pieces than the TLS library asks for.

use std::{
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{read_buffer, stream::Stream};

/// A socket whose octets are taken out by as many as there are. The TLS library asks for 4 KiB at
/// a time, which would be eight times the system calls.
///
/// Like a [`Wire`](crate::wire::Wire) it holds a buffer only while there is something in it.
pub(crate) struct ReadAhead {
    stream: Stream,
    buffer: Option<Box<[u8]>>,
    /// What is still to be handed out.
    start: usize,
    end: usize,
}

impl ReadAhead {
    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            stream,
            buffer: None,
            start: 0,
            end: 0,
        }
    }

    pub(crate) fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// The socket without what was read from it already: good for closing.
    pub(crate) fn into_stream(mut self) -> Stream {
        self.release();
        self.stream
    }

    fn release(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            read_buffer::give_back(buffer);
        }
    }
}

/// Without the buffer, which also holds what is left over from other connections.
impl fmt::Debug for ReadAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadAhead")
            .field("stream", &self.stream)
            .field("unread", &(self.end - self.start))
            .finish_non_exhaustive()
    }
}

impl AsyncRead for ReadAhead {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        output: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let buffer = this.buffer.get_or_insert_with(read_buffer::take);
        if this.start == this.end {
            let read = this.stream.poll_read(cx, buffer);
            (this.start, this.end) = match read {
                Poll::Ready(Ok(read)) => (0, read),
                Poll::Ready(Err(_)) | Poll::Pending => (0, 0),
            };
            if this.end == 0 {
                this.release();
                ready!(read)?;
                return Poll::Ready(Ok(()));
            }
        }
        let piece = output.remaining().min(this.end - this.start);
        output.put_slice(&buffer[this.start..this.start + piece]);
        this.start += piece;
        if this.start == this.end {
            this.release();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ReadAhead {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().stream.poll_write(cx, octets)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Sockets hold nothing back.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream.poll_shutdown(cx)
    }
}
