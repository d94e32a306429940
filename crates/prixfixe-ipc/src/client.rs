//! The blocking client.

pub(crate) mod channel;
mod connector;
pub(crate) mod link;
mod long;
mod pipeline;
pub(crate) mod slots;
mod stream;
pub(crate) mod streams;
mod wait;

#[cfg(feature = "tokio")]
pub(crate) use connector::back_off;
pub use connector::{ClientOptions, Connector};
pub use link::ConnectError;
pub use pipeline::{CallId, Pipeline, SubmitError};
pub use stream::Stream;
#[cfg(feature = "tokio")]
pub(crate) use wait::LONGEST_SLEEP;

use std::time::Duration;

use crate::address::Address;
use crate::call::Call;
use crate::client::channel::{Channel, SendFailure};
use crate::outcome::{CallError, Cause, Executed, Outcome, Refusal};
use connector::Connection;
pub(crate) use wait::after;
use wait::{Deadline, Waited};

/// A connection over which one thread makes calls, each ending in an [`Outcome`].
///
/// It connects by itself: when the server went away, or said that it will, the next call finds its
/// successor. Calls that were certainly not executed are sent again then, within their time; others
/// only if they are [idempotent](Call::idempotent).
///
/// ```no_run
/// use prixfixe_ipc::{Address, Client, Outcome};
///
/// let mut client = Client::connect(&Address::path("/run/echo.sock")?)?;
/// match client.call(b"hello") {
///     Outcome::Completed(reply) => println!("{} bytes", reply.len()),
///     Outcome::Refused(refusal) => eprintln!("{refusal}"),
///     Outcome::Failed(failure) => eprintln!("{failure}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Client {
    connector: Connector,
    connection: Option<Connection>,
    /// For [`Client::call`], made on connecting.
    reply: Vec<u8>,
    statistics: ClientStatistics,
}

/// What a client has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientStatistics {
    /// How often it slept for a reply.
    pub sleeps: u64,
    /// How often it rang for a server that slept.
    pub rings: u64,
    /// Replies that were there when a sleep timed out, hence wake-ups that were lost. Stays 0.
    pub woke_late: u64,
    /// Rings repeated because an answer was long in coming.
    pub rang_again: u64,
    /// Connections made after the first.
    pub reconnects: u64,
}

impl Client {
    /// Connects to the server at `address`, with the default [`ClientOptions`].
    ///
    /// # Errors
    /// When nobody listens there, or the server refuses.
    pub fn connect(address: &Address) -> Result<Self, ConnectError> {
        Connector::new(address.clone()).client()
    }

    /// Makes a call and returns the reply in a buffer of the client's own, which has
    /// [`ChannelSizes::max_payload`](crate::ChannelSizes::max_payload) bytes. Longer replies want
    /// [`Client::call_into`].
    pub fn call<'c>(&mut self, call: impl Into<Call<'c>>) -> Outcome<&[u8]> {
        let mut reply = std::mem::take(&mut self.reply);
        // Within the capacity: a client that makes no call, or none this way, touches none of it.
        reply.resize(self.max_payload(), 0);
        let outcome = self.call_into(call, &mut reply);
        self.reply = reply;
        outcome.map(|length| &self.reply[..length])
    }

    /// Makes a call, puts the reply into `reply` and returns its length. A reply that does not fit
    /// into `reply` is refused as too large.
    ///
    /// A request that is longer than [`ChannelSizes::max_payload`](crate::ChannelSizes::max_payload), or a
    /// longer `reply`, makes it a long call: these go in parts, and may have up to
    /// [`ServerConfig::max_message`](crate::ServerConfig) bytes.
    pub fn call_into<'c>(&mut self, call: impl Into<Call<'c>>, reply: &mut [u8]) -> Outcome<usize> {
        let call = call.into();
        let mut deadline = Deadline::new(call.timeout_value());
        // An attempt that fails must not deny what an earlier one may have done.
        let mut executed = Executed::No;
        // Each turn ends the call or has lost a connection; the deadline bounds them.
        loop {
            let mut failure = match self.call_once(&call, reply, &mut deadline) {
                Outcome::Failed(failure) => failure,
                ended => return ended,
            };
            if executed == Executed::Maybe {
                failure.executed = executed;
            }
            executed = failure.executed;
            let elsewhere = failure.cause.asks_for_another_server();
            if elsewhere || matches!(failure.cause, Cause::Corrupt(_) | Cause::Forked) {
                self.connection = None;
            }
            let again = failure.executed == Executed::No || call.is_idempotent();
            if !elsewhere || !again {
                return Outcome::Failed(failure);
            }
            if deadline.passed() {
                return Outcome::failed(Cause::Deadline, failure.executed);
            }
        }
    }

    /// Opens a stream with `call`, whose payload the handler gets as the request. Needs a server with an
    /// [`AsyncHandler`](crate::AsyncHandler).
    ///
    /// # Errors
    /// When there is no connection within the time of the call, or the request is too large. It was not
    /// executed then.
    pub fn stream<'c>(&mut self, call: impl Into<Call<'c>>) -> Result<Stream<'_>, CallError> {
        let call = call.into();
        let mut deadline = Deadline::new(call.timeout_value());
        self.connect_again(&mut deadline)
            .map_err(CallError::not_executed)?;
        let Some(connection) = self.connection.as_mut() else {
            return Err(CallError::not_executed(Cause::Unreachable));
        };
        let open = |channel: &mut Channel| channel.open_stream(&call);
        let number = connection.open(open, &mut deadline, &mut self.statistics)?;
        let timeout = call.timeout_value();
        Ok(Stream::new(
            connection,
            &mut self.statistics,
            number,
            timeout,
        ))
    }

    /// Many calls at once over this connection.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub fn pipeline(&mut self) -> Result<Pipeline<'_>, ConnectError> {
        if !self.takes_calls() {
            self.connection = Some(self.connector.connection(None)?);
        }
        let connection = self.connection.as_mut().ok_or(ConnectError::NoAnswer)?;
        Ok(Pipeline::new(connection, &mut self.statistics))
    }

    /// Asks the server whether its loop turns, and returns how long the answer took.
    ///
    /// The answer is not the handler's: a server whose handler does not return has none, one whose
    /// asynchronous handlers all wait has. Calls are not disturbed, and nothing is asked of the rings.
    /// If there is no connection, one is made, for as long as `timeout` allows. A process pings a
    /// server at most 40 times in a second; pings beyond wait for their turn, within their time, which
    /// does not count as the answer's.
    ///
    /// # Errors
    /// As a call fails: by the deadline, when the server goes, or when nobody can be reached.
    pub fn ping(&self, timeout: Duration) -> Result<Duration, Cause> {
        self.connector.ping(timeout)
    }

    /// Gives back the memory that earlier calls have used and none needs at the moment: of the request
    /// ring, all but its first page, and the buffer of [`Client::call`]. For a client that will be silent
    /// for long after large messages: it has no timer, and else looks after this with the calls that it
    /// makes and the items that it sends or waits for. The server does so by itself for replies.
    pub fn release_memory(&mut self) {
        self.reply = Vec::new();
        if let Some(connection) = self.connection.as_mut().filter(|it| !it.is_forked()) {
            connection.release_memory();
        }
    }

    /// What was counted so far.
    pub fn statistics(&self) -> ClientStatistics {
        self.statistics
    }

    /// Whether there is a connection for the next call, as far as this client knows.
    pub(crate) fn takes_calls(&self) -> bool {
        let connection = self.connection.as_ref();
        connection.is_some_and(Connection::takes_calls)
    }

    /// Whether its connection is of no more use, also where that was not noticed yet: a system call.
    pub(crate) fn is_over(&self) -> bool {
        let connection = self.connection.as_ref();
        connection.is_none_or(Connection::is_over)
    }

    /// Gives the connection back, and the memory of replies. The next call connects anew.
    pub(crate) fn disconnect(&mut self) {
        self.connection = None;
        self.reply = Vec::new();
    }

    /// The most octets that a message can have.
    pub(crate) fn max_payload(&self) -> usize {
        self.connector.max_payload()
    }

    /// One attempt, over one connection.
    #[inline]
    fn call_once(
        &mut self,
        call: &Call<'_>,
        reply: &mut [u8],
        deadline: &mut Deadline,
    ) -> Outcome<usize> {
        if !self.takes_calls()
            && let Err(cause) = self.connect_again(deadline)
        {
            return Outcome::failed(cause, Executed::No);
        }
        let Some(connection) = self.connection.as_mut() else {
            return Outcome::failed(Cause::Unreachable, Executed::No);
        };
        let max_payload = connection.channel().sizes().max_payload() as usize;
        let is_long = call.payload().len() > max_payload || reply.len() > max_payload;
        if is_long || call.lendable().is_some() {
            return long::call(connection, call, reply, deadline, &mut self.statistics);
        }
        let sent = loop {
            match connection.send(call, reply.len(), &mut self.statistics) {
                Ok(sent) => break sent,
                Err(SendFailure::TooLarge) => return Outcome::Refused(Refusal::TooLarge),
                Err(SendFailure::Busy) => return Outcome::Refused(Refusal::Busy),
                Err(SendFailure::Corrupt(corrupt)) => {
                    return Outcome::failed(Cause::Corrupt(corrupt), Executed::No);
                }
                // Only calls that were given up can be in the way; their ends make room.
                Err(SendFailure::Full) => {
                    match connection.pass_over_one(deadline, &mut self.statistics) {
                        Waited::Ready => {}
                        Waited::Over(cause) => return Outcome::failed(cause, Executed::No),
                    }
                }
            }
        };
        connection.finish(sent, reply, deadline, &mut self.statistics)
    }

    /// Makes the connection anew if there is none, trying for as long as the deadline allows.
    #[cold]
    fn connect_again(&mut self, deadline: &mut Deadline) -> Result<(), Cause> {
        match &self.connection {
            Some(connection) if connection.is_forked() => {
                self.connection = None;
                Err(Cause::Forked)
            }
            Some(connection) if connection.takes_calls() => Ok(()),
            Some(_) | None => {
                // The old one first, so that the server need not have room for both.
                self.connection = None;
                self.connection = Some(self.connector.reconnect(deadline.at())?);
                self.statistics.reconnects += 1;
                Ok(())
            }
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Client")
            .field("address", self.connector.address())
            .field("connected", &self.connection.is_some())
            .finish_non_exhaustive()
    }
}
