//! Octets to the server and replies from it, each under a deadline.

use std::future::poll_fn;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};

use super::alarm::Alarm;
use super::fault::Fault;
use super::reply::{MOST_LINE, MOST_REPLY, ReplyParser};
use super::stream::Stream;

/// What a connection reads at first, in octets: most replies are far shorter.
const FIRST_READ: usize = 1024;
/// The most that is read but not yet taken: a reply, and the line that makes it too long.
const MOST_READ: usize = MOST_REPLY + MOST_LINE + 1;

#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    alarm: Alarm,
    buffer: Vec<u8>,
    /// How much of the buffer is the last reply, kept to be quoted.
    last: usize,
    /// How much of it was read.
    filled: usize,
}

impl Wire {
    pub(super) fn new(stream: Stream, alarm: Alarm) -> Self {
        Self {
            stream,
            alarm,
            buffer: vec![0; FIRST_READ],
            last: 0,
            filled: 0,
        }
    }

    /// The code of the next reply.
    pub(super) async fn reply(&mut self, deadline: Instant) -> Result<u16, Fault> {
        self.forget_last();
        let mut parser = ReplyParser::default();
        loop {
            if self.filled > 0 {
                let seen = &self.buffer[..self.filled];
                if let Some(reply) = parser.advance(seen).map_err(Fault::Malformed)? {
                    self.last = reply.length;
                    return Ok(reply.code);
                }
            }
            if self.filled == self.buffer.len() {
                let length = (2 * self.buffer.len()).min(MOST_READ);
                self.buffer.resize(length, 0);
            }
            let room = &mut self.buffer[self.filled..];
            match self.alarm.guard(deadline, self.stream.read(room)).await? {
                0 => return Err(Fault::Closed),
                read => self.filled += read,
            }
        }
    }

    /// Moves what was read after the last reply to the front: nothing, but for pipelined ones.
    fn forget_last(&mut self) {
        self.buffer.copy_within(self.last..self.filled, 0);
        self.filled -= self.last;
        self.last = 0;
    }

    /// The lines of the last reply, without their ends.
    pub(super) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.buffer[..self.last]
            .split_inclusive(|octet| *octet == b'\n')
            .map(|line| line.strip_suffix(b"\r\n").unwrap_or(line))
    }

    /// Whether something was read that nobody has asked for.
    pub(super) fn has_unasked(&self) -> bool {
        self.filled > self.last
    }

    /// The same, with a look at the socket. It waits for nothing, and asks the system only where the
    /// runtime knows that something came.
    pub(super) async fn finds_unasked(&mut self) -> bool {
        if self.has_unasked() {
            return true;
        }
        let Self {
            stream,
            buffer,
            filled,
            ..
        } = self;
        let mut room = ReadBuf::new(&mut buffer[*filled..]);
        poll_fn(|context| {
            // Whatever ails the socket, the next step meets it and names it.
            let _ = Pin::new(&mut *stream).poll_read(context, &mut room);
            Poll::Ready(())
        })
        .await;
        *filled += room.filled().len();
        self.has_unasked()
    }

    /// Writes the pieces, in one go if the socket takes them; `patience` is how long it may take
    /// none of them. After an error the last octet has not left: under TLS the record that it
    /// belongs to is not whole.
    pub(super) async fn write<const PIECES: usize>(
        &mut self,
        pieces: [&[u8]; PIECES],
        now: Instant,
        patience: Duration,
    ) -> Result<(), Fault> {
        let mut slices = pieces.map(IoSlice::new);
        let mut left = &mut slices[..];
        // An empty piece in front would look like a socket that takes nothing.
        IoSlice::advance_slices(&mut left, 0);
        let mut deadline = now + patience;
        while !left.is_empty() {
            let write = self.stream.write_vectored(left);
            let written = self.alarm.guard(deadline, write).await?;
            if written == 0 {
                return Err(Fault::Closed);
            }
            IoSlice::advance_slices(&mut left, written);
            if !left.is_empty() {
                deadline = Instant::now() + patience;
            }
        }
        if let Stream::Tls(stream) = &mut self.stream {
            self.alarm.guard(deadline, stream.flush()).await?;
        }
        Ok(())
    }

    pub(super) async fn shutdown(&mut self, deadline: Instant) -> Result<(), Fault> {
        self.alarm.guard(deadline, self.stream.shutdown()).await
    }

    /// The socket, to put TLS around it, and the timer.
    pub(super) fn into_parts(self) -> (Stream, Alarm) {
        (self.stream, self.alarm)
    }
}
