//! The asynchronous typed client.

use super::{Buffer, Call, ReplyView, Request};
use crate::address::Address;
use crate::asynchronous::AsyncClient as RawClient;
use crate::client::ConnectError;
use crate::outcome::Outcome;

/// An [`AsyncClient`](crate::AsyncClient) whose calls are typed. Clones are the same client, and any
/// number of tasks use it, each with a [`Buffer`] of its own.
#[derive(Clone, Debug)]
pub struct AsyncClient {
    client: RawClient,
}

impl AsyncClient {
    /// Connects to the server at `address`, with the default [`ClientOptions`](crate::ClientOptions).
    ///
    /// # Errors
    /// When nobody listens there, or the server refuses.
    ///
    /// # Panics
    /// As [`AsyncClient::connect`](crate::AsyncClient::connect).
    pub async fn connect(address: &Address) -> Result<Self, ConnectError> {
        RawClient::connect(address).await.map(Self::from)
    }

    /// Makes a call, puts the reply into `buffer` and lends it, as its codec reads it. Dropping the
    /// future takes the call back.
    ///
    /// It ends as calls of [`typed::Client`](super::Client::call) do.
    pub async fn call<'b, R: Request>(
        &self,
        call: impl Into<Call<'_, R>>,
        buffer: &'b mut Buffer,
    ) -> Outcome<ReplyView<'b, R>> {
        let ended = match buffer.prepare(&call.into(), self.client.max_payload()) {
            Ok((call, reply)) => self.client.call_into(call, reply).await,
            Err(ended) => ended,
        };
        buffer.finish::<R>(ended)
    }

    /// The client below, for calls of bytes.
    pub fn bytes(&self) -> &RawClient {
        &self.client
    }
}

impl From<RawClient> for AsyncClient {
    fn from(client: RawClient) -> Self {
        Self { client }
    }
}
