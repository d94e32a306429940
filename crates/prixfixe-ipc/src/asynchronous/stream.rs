//! Items in both directions, for tasks that wait for them.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::Inner;
use super::live::Nudge;
use super::order::{NotSent, Opens, Order};
use super::places::Due;
use super::state::{Shared, State};
use super::stream_state::{Cut, StreamKey};
use super::wakes::Wakes;
use crate::call::Call;
use crate::client::streams::{Fetched, PartSent, append, place};
use crate::outcome::{CallError, Cause, Executed, Outcome, Refusal};
use crate::stream::StreamError;

/// A call of which the request and the reply are sequences of items, made by
/// [`AsyncClient::stream`](super::AsyncClient::stream). Dropping it gives the call up.
///
/// Other calls and streams of the same client go on beside it. What was sent and not received is bounded,
/// and waits are, as [`Stream`](crate::Stream) says, which is the same for a thread.
///
/// ```no_run
/// # use prixfixe_ipc::{Address, AsyncClient};
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = AsyncClient::connect(&Address::path("/run/lines.sock")?).await?;
/// let mut stream = client.stream(b"grep needle").await?;
/// let (mut sender, mut receiver) = stream.split();
/// let send = async {
///     for line in ["hay", "needle", "more hay"] {
///         sender.send(line.as_bytes()).await?;
///     }
///     sender.end().await
/// };
/// let receive = async {
///     let mut line = Vec::new();
///     while receiver.receive(&mut line).await? {
///         println!("{}", String::from_utf8_lossy(&line));
///     }
///     Ok(())
/// };
/// tokio::try_join!(send, receive)?;
/// # Ok(())
/// # }
/// ```
pub struct AsyncStream {
    sender: Half,
    receiver: Half,
    /// It is a long call whose request is still to be sent.
    follows: bool,
    /// It is ended or given up.
    over: bool,
}

/// The sending half of an [`AsyncStream`].
#[derive(Debug)]
pub struct StreamSender<'s> {
    half: &'s mut Half,
}

/// The receiving half of an [`AsyncStream`].
#[derive(Debug)]
pub struct StreamReceiver<'s> {
    half: &'s mut Half,
}

/// One direction.
struct Half {
    client: Arc<Inner>,
    /// Where it was sent, wherever other calls go meanwhile.
    shared: Arc<Shared>,
    key: StreamKey,
    timeout: Duration,
    /// Of a long call: when all of it has to be over.
    until: Option<Instant>,
    /// Items that went through whole.
    items: u64,
    /// The beginning of an item went through, and not its end.
    within_item: bool,
}

impl AsyncStream {
    pub(super) async fn open(
        client: &Arc<Inner>,
        call: Call<'_>,
        opens: Opens,
    ) -> Result<Self, CallError> {
        let (shared, key, follows) = client.open_stream(call, opens).await?;
        let half = || Half {
            client: Arc::clone(client),
            shared: Arc::clone(&shared),
            key,
            timeout: call.timeout_value(),
            until: None,
            items: 0,
            within_item: false,
        };
        Ok(Self {
            sender: half(),
            receiver: half(),
            follows,
            over: false,
        })
    }

    /// Both directions, for tasks of their own.
    pub fn split(&mut self) -> (StreamSender<'_>, StreamReceiver<'_>) {
        let sender = StreamSender {
            half: &mut self.sender,
        };
        let receiver = StreamReceiver {
            half: &mut self.receiver,
        };
        (sender, receiver)
    }

    /// As [`StreamSender::send`].
    ///
    /// # Errors
    /// The same.
    pub async fn send(&mut self, item: &[u8]) -> Result<(), StreamError> {
        self.split().0.send(item).await
    }

    /// As [`StreamSender::end`].
    ///
    /// # Errors
    /// The same.
    pub async fn end(&mut self) -> Result<(), StreamError> {
        self.split().0.end().await
    }

    /// As [`StreamReceiver::receive`].
    ///
    /// # Errors
    /// The same.
    pub async fn receive(&mut self, item: &mut Vec<u8>) -> Result<bool, StreamError> {
        self.split().1.receive(item).await
    }

    /// Items that were sent whole.
    pub fn sent(&self) -> u64 {
        self.sender.items
    }

    /// Items that were received whole. Of a stream that was cut, so many are certain.
    pub fn received(&self) -> u64 {
        self.receiver.items
    }

    /// Ends the stream: sends no more, passes over items that still come, waits for the reply, puts it into
    /// `reply` and returns its length.
    pub async fn reply(mut self, reply: &mut [u8]) -> Outcome<usize> {
        // What failed shows below, unless the reply is there all the same.
        let _ = self.end().await;
        self.await_reply(reply, 0).await
    }

    /// One attempt of a long call, which has to be over at `until`.
    pub(super) async fn long_call(
        client: &Arc<Inner>,
        call: Call<'_>,
        reply: &mut [u8],
        until: Instant,
    ) -> Outcome<usize> {
        let opening = Opens::Long {
            reply_limit: reply.len(),
        };
        let mut stream = match Self::open(client, call, opening).await {
            Ok(stream) => stream,
            Err(CallError::Refused(refusal)) => return Outcome::Refused(refusal),
            Err(CallError::Failed(failure)) => return Outcome::Failed(failure),
        };
        stream.sender.until = Some(until);
        stream.receiver.until = Some(until);
        if stream.follows {
            match stream.send(call.payload()).await {
                // What the server has ended early is refused, as the reply says.
                Ok(()) | Err(StreamError::Stopped) => {}
                // The server executes nothing before it has the last part.
                Err(StreamError::Deadline) => {
                    return Outcome::failed(Cause::Deadline, Executed::No);
                }
                Err(_) => return Outcome::failed(Cause::HungUp, Executed::No),
            }
        }
        stream.long_reply(reply).await
    }

    async fn long_reply(mut self, reply: &mut [u8]) -> Outcome<usize> {
        let mut length = 0;
        loop {
            let mut take = |part: &[u8]| place(part, reply, &mut length);
            match self.receiver.fetch(&mut take).await {
                Ok(Fetched::Part(_)) => {}
                Ok(Fetched::End | Fetched::Nothing) => break,
                // The server was told how much room there is.
                Ok(Fetched::TooLarge) => return Outcome::Refused(Refusal::TooLarge),
                Err(cause) => return self.failed(cause),
            }
        }
        self.await_reply(reply, length).await
    }

    /// Waits for the reply, which goes into `reply` behind the `length` bytes that came before, and passes over
    /// items that still come.
    async fn await_reply(&mut self, reply: &mut [u8], length: usize) -> Outcome<usize> {
        let key = self.receiver.key;
        let replied = self
            .receiver
            .wait(|state, waker, wakes| {
                let (replied, nudge) = state.stream_reply(key, (&mut *reply, length), waker, wakes);
                (replied.transpose(), nudge)
            })
            .await;
        match replied {
            Ok(outcome) => {
                self.over = true;
                let fetched = self.receiver.shared.lock().take_fetched();
                drop(fetched);
                outcome
            }
            Err(cause) => self.failed(cause),
        }
    }

    fn failed(&mut self, cause: Cause) -> Outcome<usize> {
        self.over = true;
        Outcome::failed(cause, self.receiver.give_up())
    }
}

impl StreamSender<'_> {
    /// Sends an item, once there is room for it and the server has given leave. Of a future that was dropped
    /// before it was ready the beginning of the item may have gone; then this stream sends no more, and the
    /// handler finds it cut there.
    ///
    /// # Errors
    /// When the server wants no more or has ended the call (then its [reply](AsyncStream::reply) says why),
    /// is gone, or nothing moved in time.
    pub async fn send(&mut self, item: &[u8]) -> Result<(), StreamError> {
        let half = &mut *self.half;
        if half.within_item {
            return Err(StreamError::Stopped);
        }
        let key = half.key;
        let mut from = 0;
        // Each turn sends a part.
        loop {
            let sent = half
                .wait(|state, waker, wakes| {
                    let (sent, nudge) = state.send_part(key, item, from, waker, wakes);
                    let sent = match sent {
                        Ok(PartSent::Later) => None,
                        Ok(PartSent::Written(length)) => Some(Ok(Some(length))),
                        Ok(PartSent::Stopped) => Some(Ok(None)),
                        Err(cut) => Some(Err(cut)),
                    };
                    (sent, nudge)
                })
                .await?;
            from += sent.ok_or(StreamError::Stopped)?;
            half.within_item = from < item.len();
            if !half.within_item {
                half.items += 1;
                return Ok(());
            }
        }
    }

    /// Says that no more items follow. The server may go on sending.
    ///
    /// # Errors
    /// When the server is gone, or had no room for that in time.
    pub async fn end(&mut self) -> Result<(), StreamError> {
        let key = self.half.key;
        let ended = self.half.wait(|state, waker, wakes| {
            let (ended, nudge) = state.end_items(key, waker, wakes);
            let ended = match ended {
                Ok(true) => Some(Ok(())),
                Ok(false) => None,
                Err(cut) => Some(Err(cut)),
            };
            (ended, nudge)
        });
        Ok(ended.await?)
    }
}

impl StreamReceiver<'_> {
    /// Waits for the next item and puts it into `item`, in place of what that held. False when the server
    /// has ended the call, and no more come.
    ///
    /// A future that is dropped before it is ready loses nothing: what `item` holds then of an item is
    /// completed by the next call with the same `item`.
    ///
    /// # Errors
    /// When the server is gone, after all that had come before; when nothing came in time; or when the
    /// item is longer than [`ClientOptions::max_message`](crate::ClientOptions).
    pub async fn receive(&mut self, item: &mut Vec<u8>) -> Result<bool, StreamError> {
        let half = &mut *self.half;
        if !half.within_item {
            item.clear();
        }
        let max_item = half.client.max_message;
        // Each turn fetches a part.
        loop {
            let mut take = |part: &[u8]| append(item, max_item, part);
            let fetched = half.fetch(&mut take).await?;
            match fetched {
                Fetched::Part(ends_item) => half.within_item = !ends_item,
                Fetched::TooLarge => return Err(StreamError::TooLarge),
                Fetched::End | Fetched::Nothing => return Ok(false),
            }
            if !half.within_item {
                half.items += 1;
                return Ok(true);
            }
        }
    }
}

impl Half {
    /// Asks the state again and again until it has an answer, for as long as the call allows.
    async fn wait<T>(
        &mut self,
        mut ask: impl FnMut(&mut State, &Waker, &mut Wakes) -> (Option<Result<T, Cut>>, Option<Nudge>),
    ) -> Result<T, Cause> {
        let shared = &*self.shared;
        if shared.is_forked() {
            return Err(Cause::Forked);
        }
        let mut poll = |context: &mut Context<'_>| {
            let mut wakes = Wakes::default();
            let mut state = shared.lock();
            let (asked, nudge) = ask(&mut state, context.waker(), &mut wakes);
            let mut lost = None;
            if let Some(Err(Cut::Corrupt(corrupt))) = &asked {
                lost = state.lose(Cause::Corrupt(*corrupt));
            }
            drop(state);
            wakes.wake();
            if let Some(Err(Cut::Corrupt(_))) = &asked {
                drop(lost);
                shared.tell_ended();
            }
            if let Some(nudge) = nudge {
                nudge.go();
            }
            asked.map_or(Poll::Pending, |asked| {
                Poll::Ready(asked.map_err(Cause::from))
            })
        };
        // Most of the time it is there, and no timer is needed.
        let first = poll_fn(|context| Poll::Ready(poll(context))).await;
        if let Poll::Ready(done) = first {
            return done;
        }
        let after = || crate::client::after(Instant::now(), self.timeout);
        let until = self.until.unwrap_or_else(after);
        let waited = tokio::time::timeout_at(until.into(), poll_fn(poll)).await;
        waited.unwrap_or(Err(Cause::Deadline))
    }

    /// Shows `take` the next part of an item, and passes it unless that returns false.
    async fn fetch(
        &mut self,
        take: &mut (dyn FnMut(&[u8]) -> bool + Send),
    ) -> Result<Fetched, Cause> {
        let key = self.key;
        self.wait(|state, waker, wakes| {
            let (fetched, nudge) = state.fetch(key, take, waker, wakes);
            let fetched = match fetched {
                Ok(Fetched::Nothing) => None,
                Ok(fetched) => Some(Ok(fetched)),
                Err(cut) => Some(Err(cut)),
            };
            (fetched, nudge)
        })
        .await
    }

    fn give_up(&self) -> Executed {
        if self.shared.is_forked() {
            return Executed::Maybe;
        }
        let (executed, nudge, connection) = self.shared.lock().give_up_stream(self.key);
        drop(connection);
        if let Some(nudge) = nudge {
            nudge.go();
        }
        executed
    }
}

impl Inner {
    /// Sends a call that opens a stream, waiting for a connection and for room as calls do. Returns also
    /// whether the request of a long one is still to be sent.
    async fn open_stream(
        &self,
        mut call: Call<'_>,
        opens: Opens,
    ) -> Result<(Arc<Shared>, StreamKey, bool), CallError> {
        let mut due = Due {
            timeout: call.timeout_value(),
            at: None,
        };
        // Each turn ends or has lost a connection; the deadline bounds them.
        loop {
            let order = Order {
                call: &call,
                reply_limit: self.max_payload,
                due,
                first_queued: false,
                opens,
            };
            let lane = self.lanes.current();
            let sent = poll_fn(|context| Poll::Ready(lane.send(order, context.waker()))).await;
            let sent = match sent {
                Err(NotSent::Full) => lane.queue(order, &mut due).await,
                sent => sent,
            };
            let cause = match sent {
                Ok(placed) => {
                    let key = StreamKey {
                        generation: placed.generation,
                        call: placed.call,
                    };
                    return Ok((Arc::clone(&lane.shared), key, placed.follows));
                }
                Err(NotSent::Lost) => match self.connect_again(&mut due).await {
                    Ok(()) => {
                        let left = due
                            .at(Instant::now())
                            .saturating_duration_since(Instant::now());
                        call = call.timeout(left);
                        continue;
                    }
                    Err(cause) => cause,
                },
                Err(NotSent::TooLarge) => return Err(CallError::Refused(Refusal::TooLarge)),
                Err(NotSent::Busy) => return Err(CallError::Refused(Refusal::Busy)),
                Err(NotSent::Corrupt(corrupt)) => Cause::Corrupt(corrupt),
                Err(NotSent::Late | NotSent::Full) => Cause::Deadline,
                Err(NotSent::Forked) => Cause::Forked,
            };
            return Err(CallError::not_executed(cause));
        }
    }
}

impl From<Cause> for StreamError {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Deadline => Self::Deadline,
            _ => Self::HungUp,
        }
    }
}

impl Drop for AsyncStream {
    fn drop(&mut self) {
        if !self.over {
            let _: Executed = self.receiver.give_up();
        }
    }
}

impl std::fmt::Debug for Half {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Half")
            .field("items", &self.items)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for AsyncStream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("AsyncStream")
            .field("sent", &self.sent())
            .field("received", &self.received())
            .finish_non_exhaustive()
    }
}
