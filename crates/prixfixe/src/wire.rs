//! A stream with its input and output buffers.

use std::{
    fmt, io,
    task::{Context, Poll, ready},
};

use prixfixe_proto::Session;
use zeroize::Zeroize as _;

use crate::{
    read_buffer::{self, READ_BUFFER},
    stream::Stream,
    tls::{Tls, TlsFacts},
    transport::Transport,
};

/// Replies kept allocated between flights: more than an ordinary flight needs.
const OUTPUT_KEPT: usize = 512;

/// The two buffers of a connection around its stream.
///
/// The read buffer is held only while it has unread octets: a connection that waits keeps at most
/// the start of a command line, in a small vector. That may be the start of a password, and is
/// overwritten wherever it is moved away from.
pub(crate) struct Wire {
    pub(crate) transport: Transport,
    buffer: Option<Box<[u8]>>,
    /// The unread part of the buffer.
    start: usize,
    end: usize,
    /// What was unread when the buffer was given back.
    parked: Vec<u8>,
    /// Replies that are still to be written, from `written` on.
    pub(crate) output: Vec<u8>,
    written: usize,
}

impl Wire {
    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            transport: Transport::Plain(stream),
            buffer: None,
            start: 0,
            end: 0,
            parked: Vec::new(),
            output: Vec::new(),
            written: 0,
        }
    }

    /// The unread input and the output. What is parked shows only when more has come behind it.
    pub(crate) fn split(&mut self) -> (&[u8], &mut Vec<u8>) {
        let input = self
            .buffer
            .as_ref()
            .map_or(&[][..], |buffer| &buffer[self.start..self.end]);
        (input, &mut self.output)
    }

    /// Octets that were just consumed, `back` of them before the unread input; they stay in place
    /// until more is read.
    pub(crate) fn consumed(&self, back: usize, len: usize) -> &[u8] {
        let start = self.start - back;
        self.buffer
            .as_ref()
            .map_or(&[], |buffer| &buffer[start..start + len])
    }

    pub(crate) fn consume(&mut self, octets: usize) {
        self.start += octets;
    }

    /// Overwrites octets that were just consumed: the buffer goes on to other connections.
    pub(crate) fn erase_consumed(&mut self, octets: usize) {
        let start = self.start.saturating_sub(octets);
        if let Some(consumed) = self
            .buffer
            .as_mut()
            .and_then(|b| b.get_mut(start..self.start))
        {
            consumed.zeroize();
        }
    }

    /// Whether replies can be written.
    pub(crate) fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport.poll_writable(cx)
    }

    /// Reads more input behind the unread one; 0 says that the client sends no more.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let buffer = self.buffer.get_or_insert_with(|| {
            self.start = 0;
            self.end = self.parked.len();
            let mut buffer = read_buffer::take();
            buffer[..self.end].copy_from_slice(&self.parked);
            self.parked.zeroize();
            buffer
        });
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if READ_BUFFER - self.end < Session::INPUT_MIN {
            buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        match self.transport.poll_read(cx, &mut buffer[self.end..]) {
            Poll::Ready(read) => {
                let read = read?;
                self.end += read;
                Poll::Ready(Ok(read))
            }
            Poll::Pending => {
                self.park();
                Poll::Pending
            }
        }
    }

    /// Writes all replies.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.output.len() {
            let written = ready!(self.transport.poll_write(cx, &self.output[self.written..]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
        }
        self.written = 0;
        self.output.clear();
        self.output.shrink_to(OUTPUT_KEPT);
        self.transport.poll_flush(cx)
    }

    /// Makes a handshake of what follows. What is unread or unwritten is thrown away: it is of
    /// before.
    pub(crate) fn begin_handshake(&mut self, tls: &Tls) {
        self.park();
        self.parked = Vec::new();
        self.output.clear();
        self.written = 0;
        self.transport.begin_handshake(tls);
    }

    pub(crate) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<TlsFacts>> {
        self.transport.poll_handshake(cx)
    }

    /// Under TLS, says that nothing more is coming.
    pub(crate) fn poll_close_notify(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport.poll_close_notify(cx)
    }

    /// Whether something was read that the session has not seen.
    pub(crate) fn has_unread(&self) -> bool {
        self.start < self.end || !self.parked.is_empty()
    }

    /// Reads and drops what the client still sends; 0 says that it sends no more.
    pub(crate) fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.park();
        self.parked.clear();
        self.poll_fill(cx)
    }

    /// Tells the client that nothing more is coming.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport.poll_shutdown(cx)
    }

    /// Gives the read buffer back if all of it was read. What is unread stays in sight: it may
    /// hold whole commands, for which nobody sends more.
    pub(crate) fn release(&mut self) {
        if self.start == self.end {
            self.park();
        }
    }

    /// Gives the read buffer back; what is unread in it is kept aside.
    pub(crate) fn park(&mut self) {
        if let Some(mut buffer) = self.buffer.take() {
            self.parked.clear();
            let unread = &mut buffer[self.start..self.end];
            self.parked.extend_from_slice(unread);
            unread.zeroize();
            (self.start, self.end) = (0, 0);
            read_buffer::give_back(buffer);
        }
    }
}

/// Without what was said: a buffer also holds what is left over from other connections.
impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("transport", &self.transport)
            .field("unread", &(self.end - self.start + self.parked.len()))
            .field("unwritten", &(self.output.len() - self.written))
            .finish_non_exhaustive()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            read_buffer::give_back(buffer);
        }
    }
}

#[cfg(all(test, feature = "testkit"))]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt as _;

    use super::*;

    fn holds_the_secret(octets: &[u8]) -> bool {
        octets.windows(6).any(|window| window == b"secret")
    }

    #[tokio::test]
    async fn the_start_of_a_line_is_neither_shown_nor_left_behind() {
        let (mut client, server) = tokio::io::duplex(64);
        let mut wire = Wire::new(Stream::Memory(server));
        client.write_all(b"AUTH PLAIN secret").await.unwrap();
        poll_fn(|cx| wire.poll_fill(cx)).await.unwrap();
        assert!(holds_the_secret(wire.split().0));
        // "sec" as a list of octets is printed.
        assert!(!format!("{wire:?}").contains("115, 101, 99"), "{wire:?}");
        let idle = poll_fn(|cx| Poll::Ready(wire.poll_fill(cx).is_pending())).await;
        assert!(idle && wire.buffer.is_none() && holds_the_secret(&wire.parked));
        assert!(!format!("{wire:?}").contains("115, 101, 99"), "{wire:?}");
        let free = read_buffer::take();
        assert!(!holds_the_secret(&free));
        read_buffer::give_back(free);
        client.write_all(b"\r\n").await.unwrap();
        poll_fn(|cx| wire.poll_fill(cx)).await.unwrap();
        assert_eq!(wire.split().0, b"AUTH PLAIN secret\r\n");
        assert!(wire.parked.is_empty());
    }
}
