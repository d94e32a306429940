//! The blocking typed client.

use super::{Buffer, Call, ReplyView, Request};
use crate::address::Address;
use crate::client::{Client as RawClient, ConnectError};
use crate::outcome::Outcome;

/// A [`Client`](crate::Client) whose calls are typed.
///
/// It can be made [`From`] one with options of its own, and gives it back with
/// [`Client::bytes`], for calls of bytes over the same connection.
#[derive(Debug)]
pub struct Client {
    client: RawClient,
    buffer: Buffer,
}

impl Client {
    /// Connects to the server at `address`, with the default [`ClientOptions`](crate::ClientOptions).
    ///
    /// # Errors
    /// When nobody listens there, or the server refuses.
    pub fn connect(address: &Address) -> Result<Self, ConnectError> {
        RawClient::connect(address).map(Self::from)
    }

    /// Makes a call and lends the reply, as its codec reads it.
    ///
    /// Beside what can become of a call of bytes, it can end as
    /// [`Unencodable`](crate::Cause::Unencodable), and was not executed then, or as
    /// [`BadReply`](crate::Cause::BadReply).
    pub fn call<'c, R: Request>(
        &mut self,
        call: impl Into<Call<'c, R>>,
    ) -> Outcome<ReplyView<'_, R>> {
        self.client.call_typed(call, &mut self.buffer)
    }

    /// The client below, for calls of bytes.
    pub fn bytes(&mut self) -> &mut RawClient {
        &mut self.client
    }
}

impl From<RawClient> for Client {
    fn from(client: RawClient) -> Self {
        Self {
            client,
            buffer: Buffer::new(),
        }
    }
}

impl RawClient {
    /// Makes a typed call with memory of the caller's, as [`typed::Client::call`](Client::call) does
    /// with its own.
    pub fn call_typed<'b, 'c, R: Request>(
        &mut self,
        call: impl Into<Call<'c, R>>,
        buffer: &'b mut Buffer,
    ) -> Outcome<ReplyView<'b, R>> {
        let ended = match buffer.prepare(&call.into(), self.max_payload()) {
            Ok((call, reply)) => self.call_into(call, reply),
            Err(ended) => ended,
        };
        buffer.finish::<R>(ended)
    }
}
