//! What the application gives a server to do when the answer takes time.

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::events::ClientIdentity;
use super::handler::{Reply, Request};
use super::stream_desk::StreamDesk;
use crate::message_memory::MessageMemory;
use crate::outcome::Refusal;
use crate::record::RequestHeader;
use crate::stream::StreamError;

/// Answers calls while others go on.
///
/// For each call it makes a future, which is polled on the server's thread, beside those of up to
/// [`ServerConfig::max_running`](super::ServerConfig) calls; further ones wait in their rings. The
/// future answers by writing to its [`OwnedReply`] and returning `Ok`, or by returning a refusal.
/// Answers go out in the order in which they are ready.
///
/// A handler that panics, or whose future does, has its call refused as
/// [`Refusal::HandlerPanicked`]; the server goes on. When the server stops, running futures are
/// dropped, and their callers learn that the call may have been executed. A future whose caller has
/// given up or gone runs to its end all the same.
///
/// ```no_run
/// use prixfixe_ipc::{Address, OwnedReply, OwnedRequest, Server, ServerConfig};
///
/// let server = Server::bind(&Address::path("/run/echo.sock")?, ServerConfig::default())?;
/// server.serve_async(|request: OwnedRequest, mut reply: OwnedReply| async move {
///     std::future::ready(()).await; // ask somebody else
///     reply.write(request.payload())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # With tokio
/// The server is no task of a runtime, and has no need of one. A handler that uses tokio's timers or
/// sockets needs a runtime that runs elsewhere, and its thread has to be in the context of it:
///
/// ```no_run
/// # use prixfixe_ipc::{Address, OwnedReply, OwnedRequest, Server, ServerConfig};
/// # use std::time::Duration;
/// # fn example(server: Server, runtime: tokio::runtime::Handle) {
/// std::thread::spawn(move || {
///     let _context = runtime.enter();
///     server.serve_async(|request: OwnedRequest, mut reply: OwnedReply| async move {
///         tokio::time::sleep(Duration::from_millis(5)).await;
///         reply.write(request.payload())
///     })
/// });
/// # }
/// ```
pub trait AsyncHandler {
    /// What answers a call. It never moves to another thread.
    type Future: Future<Output = Result<(), Refusal>>;

    /// Begins to answer `request`. What can be done at once may be done here, or in the future, which
    /// is polled right after.
    fn handle(&mut self, request: OwnedRequest, reply: OwnedReply) -> Self::Future;
}

impl<F, A> AsyncHandler for F
where
    F: FnMut(OwnedRequest, OwnedReply) -> A,
    A: Future<Output = Result<(), Refusal>>,
{
    type Future = A;

    fn handle(&mut self, request: OwnedRequest, reply: OwnedReply) -> A {
        self(request, reply)
    }
}

/// A call as an [`AsyncHandler`] sees it: a private copy in memory that the server uses again once
/// this is dropped, or memory that nobody can change any more.
pub struct OwnedRequest {
    payload: MessageMemory,
    length: usize,
    header: RequestHeader,
    client: ClientIdentity,
    stream: Option<Arc<StreamDesk>>,
    /// An item was begun and not finished.
    within_item: bool,
    desk: Lease,
}

/// Where an [`AsyncHandler`] puts its answer. It has to be dropped when the future returns, which it is
/// unless it was given away.
pub struct OwnedReply {
    buffer: Vec<u8>,
    limit: usize,
    message_type: u32,
    stream: Option<Arc<StreamDesk>>,
    /// An item was begun and not finished.
    within_item: bool,
    desk: Lease,
}

/// The buffers of one running call, as they come back from a handler.
#[derive(Debug, Default)]
pub(super) struct Desk {
    returned: Mutex<Returned>,
}

/// What came back.
#[derive(Debug, Default)]
pub(super) struct Returned {
    /// Tells this call from earlier ones, whose buffers come too late.
    call: u64,
    pub(super) request: Option<MessageMemory>,
    pub(super) reply: Option<(Vec<u8>, u32)>,
}

/// The right to give one call's buffer back.
struct Lease {
    desk: Arc<Desk>,
    call: u64,
}

impl OwnedRequest {
    /// The same as a [`Request`], which has all that can be asked of it.
    pub fn as_request(&self) -> Request<'_> {
        Request {
            payload: self.payload(),
            header: &self.header,
            client: self.client,
        }
    }

    /// The bytes as they were sent.
    pub fn payload(&self) -> &[u8] {
        self.payload.payload(self.length)
    }

    /// As [`Request::message_type`].
    pub fn message_type(&self) -> u32 {
        self.as_request().message_type()
    }

    /// As [`Request::caller_id`].
    pub fn caller_id(&self) -> Option<u128> {
        self.as_request().caller_id()
    }

    /// As [`Request::timeout`].
    pub fn timeout(&self) -> Duration {
        self.as_request().timeout()
    }

    /// As [`Request::priority`].
    pub fn priority(&self) -> u8 {
        self.as_request().priority()
    }

    /// Who asks.
    pub fn client(&self) -> ClientIdentity {
        self.client
    }
}

impl OwnedRequest {
    /// Whether the call has opened a stream: then items come after it, and may be
    /// [sent](OwnedReply::send_item) before the reply.
    pub fn opens_stream(&self) -> bool {
        self.stream.is_some()
    }

    /// Waits for the next item of the client's and puts it into `item`, in place of what that held.
    /// False at the end of the stream. Dropping the request tells the client to send no more.
    ///
    /// The future may be dropped before it is ready, and nothing is lost of the items then: what `item`
    /// holds of one is completed by the next call with the same `item`.
    ///
    /// # Errors
    /// When the client gave up or has gone, an item is longer than
    /// [`ServerConfig::max_message`](super::ServerConfig), or the call opens no stream.
    pub async fn next_item(&mut self, item: &mut Vec<u8>) -> Result<bool, StreamError> {
        let stream = self.stream.as_ref().ok_or(StreamError::NotAStream)?;
        if !std::mem::take(&mut self.within_item) {
            item.clear();
        }
        let within_item = &mut self.within_item;
        poll_fn(|context| {
            let fetched = stream.poll_fetch(item, context);
            *within_item = fetched.is_pending() && !item.is_empty();
            fetched
        })
        .await
    }
}

impl OwnedReply {
    /// Sends an item to the client, once there is room for it and the client has given leave. Items
    /// come before the reply, in the order in which they are sent.
    ///
    /// A future that is dropped before it is ready may have sent the beginning of the item; then the
    /// stream goes no further.
    ///
    /// # Errors
    /// When the client wants no more or has gone, or the call opens no stream.
    pub async fn send_item(&mut self, item: &[u8]) -> Result<(), StreamError> {
        let stream = self.stream.as_ref().ok_or(StreamError::NotAStream)?;
        if std::mem::replace(&mut self.within_item, true) {
            return Err(StreamError::Stopped);
        }
        let mut left_off = None;
        let sent = poll_fn(|context| stream.poll_leave(item, &mut left_off, context)).await;
        self.within_item = false;
        sent
    }

    /// As [`Reply::write`].
    ///
    /// # Errors
    /// When the caller has no room for that many.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        Reply::new(&mut self.buffer, self.limit).write(bytes)
    }

    /// As [`Reply::extend`].
    ///
    /// # Errors
    /// When the caller has no room for that many.
    pub fn extend(&mut self, length: usize) -> Result<&mut [u8], Refusal> {
        let start = self.buffer.len();
        Reply::new(&mut self.buffer, self.limit).extend(length)?;
        Ok(&mut self.buffer[start..])
    }

    /// How many more bytes the caller has room for.
    pub fn room(&self) -> usize {
        self.limit - self.buffer.len()
    }

    /// Where the answer goes, and how long it may be.
    pub(crate) fn parts(&mut self) -> (&mut Vec<u8>, usize) {
        (&mut self.buffer, self.limit)
    }

    /// As [`Reply::set_message_type`].
    pub fn set_message_type(&mut self, message_type: u32) {
        self.message_type = message_type;
    }
}

impl io::Write for OwnedReply {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::Write::write(&mut Reply::new(&mut self.buffer, self.limit), bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The buffers for a call: `request` holds its payload, `reply` has room for the answer.
pub(super) struct Buffers {
    pub(super) request: MessageMemory,
    /// Bytes of `request` that belong to the payload.
    pub(super) length: usize,
    pub(super) reply: Vec<u8>,
}

impl Desk {
    /// Hands the buffers for `call` out.
    pub(super) fn lend(
        self: &Arc<Self>,
        call: u64,
        buffers: Buffers,
        header: RequestHeader,
        client: ClientIdentity,
        limit: usize,
        stream: Option<Arc<StreamDesk>>,
    ) -> (OwnedRequest, OwnedReply) {
        *self.returned() = Returned {
            call,
            request: None,
            reply: None,
        };
        let lease = || Lease {
            desk: Arc::clone(self),
            call,
        };
        let request = OwnedRequest {
            payload: buffers.request,
            length: buffers.length,
            header,
            client,
            stream: stream.clone(),
            within_item: false,
            desk: lease(),
        };
        let reply = OwnedReply {
            buffer: buffers.reply,
            limit,
            message_type: 0,
            stream,
            within_item: false,
            desk: lease(),
        };
        (request, reply)
    }

    /// Takes what has come back. What comes later is dropped.
    pub(super) fn collect(&self) -> Returned {
        let mut returned = self.returned();
        let nothing = Returned {
            call: NO_CALL,
            request: None,
            reply: None,
        };
        std::mem::replace(&mut *returned, nothing)
    }

    fn returned(&self) -> MutexGuard<'_, Returned> {
        // No change can be left half done by a panic.
        self.returned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The number of no call: they count from 1.
const NO_CALL: u64 = 0;

impl Lease {
    fn give_back(&self, put: impl FnOnce(&mut Returned)) {
        let mut returned = self.desk.returned();
        if returned.call == self.call {
            put(&mut returned);
        }
    }
}

impl Drop for OwnedRequest {
    fn drop(&mut self) {
        if let Some(stream) = &self.stream {
            stream.leave_reading();
        }
        let payload = std::mem::take(&mut self.payload);
        self.desk
            .give_back(|returned| returned.request = Some(payload));
    }
}

impl Drop for OwnedReply {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        let message_type = self.message_type;
        self.desk
            .give_back(|returned| returned.reply = Some((buffer, message_type)));
    }
}

impl std::fmt::Debug for OwnedRequest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_request().fmt(formatter)
    }
}

impl std::fmt::Debug for OwnedReply {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("OwnedReply")
            .field("length", &self.buffer.len())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
