//! The asynchronous client.

mod connection;
mod connector;
mod deadlines;
mod driver;
mod flight;
mod lanes;
mod live;
mod order;
mod places;
mod reply;
mod state;
mod stream;
mod stream_state;
mod sweep;
mod timer;
mod wakes;

pub use connector::AsyncConnector;
pub use reply::AsyncReply;
pub use stream::{AsyncStream, StreamReceiver, StreamSender};

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::address::Address;
use crate::call::Call;
use crate::client::{ClientStatistics, ConnectError, back_off};
use crate::outcome::{CallError, Cause, Executed, Failure, Outcome, Refusal};
use flight::Flight;
use lanes::Lanes;
use order::{NotSent, Opens, Order, Standing};
use places::{Due, Ended};

/// A connection over which any number of tasks make calls, each ending in an
/// [`Outcome`](crate::Outcome). Clones are the same client.
///
/// As many calls are in flight as [`ChannelSizes::max_in_flight`](crate::ChannelSizes) says; further
/// ones wait for their turn, in order, within their time. Dropping the future of a call takes the call
/// back, so it may stand in `select!`. As with the blocking [`Client`](crate::Client), a server that
/// went away is found again, and calls that were certainly not executed are sent again within their
/// time. Calls that a draining server still works on end there, while new ones go to its successor.
///
/// ```no_run
/// use prixfixe_ipc::{Address, AsyncClient, Outcome};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = AsyncClient::connect(&Address::path("/run/echo.sock")?).await?;
/// match client.call(b"hello").await {
///     Outcome::Completed(reply) => println!("{} bytes", reply.len()),
///     Outcome::Refused(refusal) => eprintln!("{refusal}"),
///     Outcome::Failed(failure) => eprintln!("{failure}"),
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Cost
/// A call allocates nothing, makes no system call while the server and the runtime are awake, and sets
/// no timer: one task for all clients of a connector looks for replies and deadlines. A client's state
/// stands behind a [`Mutex`](std::sync::Mutex) that is held for the time of a copy, never over an
/// `await`, a system call or a waker. On a runtime of one thread it is never contended; on others only
/// when one client is shared by threads, and with the task that looks for replies. Who wants none
/// of that gives each task a client of its own: they share the socket all the same.
///
/// Replies that come while the caller does something else wait in memory of the client, of which the
/// system gives pages only as replies reach them.
#[derive(Clone)]
pub struct AsyncClient {
    inner: Arc<Inner>,
}

/// What the clones of a client share.
struct Inner {
    connector: AsyncConnector,
    lanes: Lanes,
    /// Held while the connection is made anew, never during a call.
    reconnecting: Mutex<()>,
    max_payload: usize,
    /// The longest item of a stream, in octets.
    max_message: usize,
}

impl AsyncClient {
    /// Connects to the server at `address`, with the default [`ClientOptions`](crate::ClientOptions),
    /// over a socket of its own. Many clients of one server share one by an [`AsyncConnector`].
    ///
    /// # Errors
    /// When nobody listens there, or the server refuses.
    ///
    /// # Panics
    /// As [`AsyncConnector::client`].
    pub async fn connect(address: &Address) -> Result<Self, ConnectError> {
        AsyncConnector::new(address.clone()).client().await
    }

    /// Makes a call and lends the reply, which may be as long as a message can be. The server keeps
    /// room for that in the ring before it takes the call, so where many calls are in flight and
    /// replies are short, [`AsyncClient::call_into`] with a short buffer lets more of them run at once.
    ///
    /// It ends by its deadline, also while it waits for its turn or for a server. The future does
    /// nothing until it is polled; dropping it takes the call back.
    pub fn call<'f, 'c>(
        &'f self,
        call: impl Into<Call<'c>>,
    ) -> impl Future<Output = Outcome<AsyncReply<'f>>> + Send {
        let call = call.into();
        let client = &*self.inner;
        async move {
            let (ended, flight) = client.run(call, client.max_payload, None).await;
            match (ended.outcome, flight) {
                (Outcome::Completed(length), Some(flight)) => {
                    let shared = flight.shared();
                    let (place, buffer) = flight.lend(length);
                    Outcome::Completed(AsyncReply {
                        shared,
                        place,
                        buffer,
                        length,
                        message_type: ended.message_type,
                    })
                }
                (Outcome::Refused(refusal), _) => Outcome::Refused(refusal),
                (Outcome::Failed(failure), _) => Outcome::Failed(failure),
                (Outcome::Completed(_), None) => Outcome::failed(Cause::HungUp, Executed::Maybe),
            }
        }
    }

    /// Makes a call, puts the reply into `reply` and returns its length. A reply that does not fit
    /// into `reply` is refused as too large. As with [`Client::call_into`](crate::Client::call_into) a
    /// long request or a long `reply` makes it a long call, which goes in parts.
    ///
    /// Otherwise as [`AsyncClient::call`].
    pub fn call_into<'f, 'c>(
        &'f self,
        call: impl Into<Call<'c>>,
        reply: &'f mut [u8],
    ) -> impl Future<Output = Outcome<usize>> + Send {
        let call = call.into();
        let client = &self.inner;
        async move {
            let limit = reply.len();
            let is_long = call.payload().len() > client.max_payload || limit > client.max_payload;
            if is_long || call.lendable().is_some() {
                return long_call(client, call, reply).await;
            }
            client.run(call, limit, Some(reply)).await.0.outcome
        }
    }

    /// Opens a stream with `call`, whose payload the handler gets as the request. Needs a server with an
    /// [`AsyncHandler`](crate::AsyncHandler).
    ///
    /// # Errors
    /// When there is no connection or no room within the time of the call, or the request is too large.
    /// It was not executed then.
    pub fn stream<'f, 'c>(
        &'f self,
        call: impl Into<Call<'c>>,
    ) -> impl Future<Output = Result<AsyncStream, CallError>> + Send {
        let call = call.into();
        AsyncStream::open(&self.inner, call, Opens::Stream)
    }

    /// The most octets that a message can have.
    pub(crate) fn max_payload(&self) -> usize {
        self.inner.max_payload
    }

    /// Asks the server whether its loop turns, and returns how long the answer took. See
    /// [`Client::ping`](crate::Client::ping).
    ///
    /// # Errors
    /// As [`AsyncConnector::ping`].
    ///
    /// # Panics
    /// As [`AsyncConnector::client`].
    pub async fn ping(&self, timeout: Duration) -> Result<Duration, Cause> {
        self.inner.connector.ping(timeout).await
    }

    /// What all clients of this one's connector have counted so far.
    pub fn statistics(&self) -> ClientStatistics {
        self.inner.connector.statistics()
    }
}

impl Inner {
    /// Makes a call, in as many attempts as its time and its kind allow. Without a `buffer` the reply
    /// stays in its place, and the flight owns that.
    async fn run(
        &self,
        mut call: Call<'_>,
        reply_limit: usize,
        mut buffer: Option<&mut [u8]>,
    ) -> (Ended, Option<Flight<'_>>) {
        let mut due = Due {
            timeout: call.timeout_value(),
            at: None,
        };
        // Whether an attempt before may have been executed.
        let mut executed = Executed::No;
        // Each turn ends the call or has lost a connection; the deadline bounds them.
        loop {
            let lane = self.lanes.current();
            let sent = poll_fn(|context| {
                let order = Order {
                    call: &call,
                    reply_limit,
                    due,
                    first_queued: false,
                    opens: Opens::Nothing,
                };
                Poll::Ready(lane.send(order, context.waker()))
            })
            .await;
            let sent = match sent {
                Err(NotSent::Full) => {
                    let order = Order {
                        call: &call,
                        reply_limit,
                        due,
                        first_queued: true,
                        opens: Opens::Nothing,
                    };
                    lane.queue(order, &mut due).await
                }
                sent => sent,
            };
            let mut flight = match sent {
                Ok(placed) => Flight::new(&lane.shared, placed.place),
                Err(NotSent::Lost) => match self.connect_again(&mut due).await {
                    Ok(()) => continue,
                    Err(cause) => return (Ended::failed(cause, executed), None),
                },
                Err(refused @ (NotSent::TooLarge | NotSent::Busy)) => {
                    let refusal = match refused {
                        NotSent::Busy => Refusal::Busy,
                        _ => Refusal::TooLarge,
                    };
                    let ended = Ended {
                        outcome: Outcome::Refused(refusal),
                        message_type: 0,
                    };
                    return (ended, None);
                }
                Err(NotSent::Corrupt(corrupt)) => {
                    return (Ended::failed(Cause::Corrupt(corrupt), executed), None);
                }
                Err(NotSent::Late | NotSent::Full) => {
                    return (Ended::failed(Cause::Deadline, executed), None);
                }
                Err(NotSent::Forked) => return (Ended::failed(Cause::Forked, executed), None),
            };
            let ended = poll_fn(|context| flight.poll(context, buffer.as_deref_mut())).await;
            let Outcome::Failed(failure) = ended.outcome else {
                return (ended, Some(flight));
            };
            if failure.executed == Executed::Maybe {
                executed = Executed::Maybe;
            }
            let again = failure.executed == Executed::No || call.is_idempotent();
            if !failure.cause.asks_for_another_server() || !again {
                return (Ended::failed(failure.cause, executed), None);
            }
            let now = Instant::now();
            due.at = due.at.or(flight.deadline());
            let left = due.at(now).saturating_duration_since(now);
            if left.is_zero() {
                return (Ended::failed(Cause::Deadline, executed), None);
            }
            call = call.timeout(left);
        }
    }

    async fn connect_again(&self, due: &mut Due) -> Result<(), Cause> {
        let at = due.at(Instant::now());
        let connect = async {
            let _one_at_a_time = self.reconnecting.lock().await;
            // Ends with the caller's time.
            loop {
                let lane = self.lanes.current();
                let standing = lane.shared.lock().standing();
                match standing {
                    Standing::Connected => return Ok(()),
                    Standing::Unconnected => return self.connector.reconnect(&lane.shared).await,
                    Standing::Leaving => {}
                }
                let other = self.lanes.other();
                let standing = other.shared.lock().standing();
                if standing == Standing::Leaving {
                    // The server before has not finished either.
                    tokio::time::sleep(back_off()).await;
                    continue;
                }
                if standing == Standing::Unconnected {
                    self.connector.reconnect(&other.shared).await?;
                }
                self.lanes.switch();
                return Ok(());
            }
        };
        // Without a runtime there is no timer either.
        tokio::runtime::Handle::try_current().map_err(|_| Cause::Unreachable)?;
        let connected = tokio::time::timeout_at(at.into(), connect).await;
        connected.unwrap_or(Err(Cause::Unreachable))
    }
}

/// Makes a call whose request or reply may be longer than a record, in as many attempts as its time and its
/// kind allow.
async fn long_call(client: &Arc<Inner>, mut call: Call<'_>, reply: &mut [u8]) -> Outcome<usize> {
    let until = crate::client::after(Instant::now(), call.timeout_value());
    let mut executed = Executed::No;
    // Each turn ends the call or has lost a connection; the deadline bounds them.
    loop {
        let ended = AsyncStream::long_call(client, call, reply, until).await;
        let Outcome::Failed(failure) = ended else {
            return ended;
        };
        if failure.executed == Executed::Maybe {
            executed = Executed::Maybe;
        }
        let again = failure.executed == Executed::No || call.is_idempotent();
        if !failure.cause.asks_for_another_server() || !again {
            return Outcome::failed(failure.cause, executed);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Outcome::failed(Cause::Deadline, executed);
        }
        call = call.timeout(left);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for lane in self.lanes.all() {
            if !lane.shared.is_forked() {
                let connection = lane.shared.lock().disconnect();
                drop(connection);
            }
        }
    }
}

impl Ended {
    const fn failed(cause: Cause, executed: Executed) -> Self {
        Self {
            outcome: Outcome::Failed(Failure { cause, executed }),
            message_type: 0,
        }
    }
}

impl std::fmt::Debug for AsyncClient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("AsyncClient")
            .field("connector", &self.inner.connector)
            .finish_non_exhaustive()
    }
}
