//! A bound on what the clients of the admin listener can hold.
//!
//! [`CONNECTIONS`] at a time, each for at most [`TIME`] whatever it does: who sends a header octet
//! by octet, never reads the answer or stays silent loses its place after that. Who comes meanwhile
//! waits in the queue of the system, where it costs the server nothing, and no descriptor that
//! a mail client could have. `axum::serve` has neither bound; a listener can have both.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::serve::Listener;
use prixfixe::SocketFile;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};

/// Connections at a time: a supervisor has one or two.
const CONNECTIONS: usize = 64;

/// The time from the acceptance of a connection to its end. An answer takes milliseconds.
const TIME: Duration = Duration::from_secs(5);

/// A listener whose connections are limited in number and time.
pub(super) struct Bounded<L> {
    /// Dropped first: once the socket is closed, the path may be another server's already.
    _file: Option<SocketFile>,
    listener: L,
    free: Arc<Semaphore>,
}

impl<L> Bounded<L> {
    /// Limits `listener`, whose socket has `file`.
    pub(super) fn new(listener: L, file: Option<SocketFile>) -> Self {
        Self {
            _file: file,
            listener,
            free: Arc::new(Semaphore::new(CONNECTIONS)),
        }
    }
}

impl<L: Listener> Listener for Bounded<L> {
    type Io = Connection<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        // An error would say that the semaphore is closed, which nobody does.
        let permit = Arc::clone(&self.free).acquire_owned().await.ok();
        let (io, address) = self.listener.accept().await;
        let connection = Connection {
            io,
            end: Box::pin(sleep(TIME)),
            _permit: permit,
        };
        (connection, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A connection that fails once its time is up.
pub(super) struct Connection<S> {
    io: S,
    end: Pin<Box<Sleep>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl<S: Unpin> Connection<S> {
    /// The stream below, while there is time. The task is woken when there is none left.
    fn in_time(&mut self, cx: &mut Context<'_>) -> io::Result<Pin<&mut S>> {
        match self.end.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(Pin::new(&mut self.io)),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.in_time(cx)?.poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.in_time(cx)?.poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.in_time(cx)?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Closing waits for nobody, and is wanted also when the time is up.
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
