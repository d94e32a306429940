//! The same for handlers whose answers take time.

use std::pin::Pin;
use std::sync::Arc;

use super::service::{Functions, write_reply};
use super::{Request, RequestView, header};
use crate::outcome::Refusal;
use crate::server::{AsyncHandler, OwnedReply, OwnedRequest, Request as RawRequest};

/// An [`AsyncHandler`] that gives each typed request to the asynchronous function for its type, and
/// else as a [`Service`](super::Service). For each call it allocates the function's future.
///
#[cfg_attr(feature = "rkyv", doc = "```")]
#[cfg_attr(not(feature = "rkyv"), doc = "```ignore")]
/// use prixfixe_ipc::typed::{AsyncService, Request, Rkyv};
///
/// #[derive(rkyv::Archive, rkyv::Serialize)]
/// struct Length(String);
///
/// impl Request for Length {
///     type Reply = u64;
///     type Codec = Rkyv;
///     const TYPE: u32 = 7;
///     const VERSION: u32 = 1;
/// }
///
/// let service = AsyncService::new().on::<Length>(async |length, call| {
///     std::future::ready(call.client()).await; // ask somebody else
///     Ok(length.0.len() as u64)
/// });
/// ```
#[derive(Default)]
#[must_use]
pub struct AsyncService {
    functions: Functions<Begin>,
    otherwise: Option<Begin>,
}

/// Begins to answer a call.
type Begin = Box<dyn FnMut(OwnedRequest, OwnedReply) -> Answering + Send>;

/// A call that is being answered, on the server's thread.
type Answering = Pin<Box<dyn Future<Output = Result<(), Refusal>>>>;

impl AsyncService {
    /// One that refuses everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers requests of type `R` with `answer`, as [`Service::on`](super::Service::on).
    ///
    /// # Panics
    /// When requests of this [`TYPE`](Request::TYPE) are answered already.
    pub fn on<R: Request>(
        mut self,
        answer: impl for<'a> AsyncFn(RequestView<'a, R>, RawRequest<'a>) -> Result<R::Reply, Refusal>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        let answer = Arc::new(answer);
        let begin = move |request: OwnedRequest, mut reply: OwnedReply| -> Answering {
            let answer = Arc::clone(&answer);
            Box::pin(async move {
                let call = request.as_request();
                let view = header::read::<R, R::Codec>(call.payload(), R::TYPE, R::VERSION)?;
                let answered = answer(view, call).await?;
                let (buffer, limit) = reply.parts();
                write_reply::<R>(&answered, buffer, limit)?;
                reply.set_message_type(R::TYPE);
                Ok(())
            })
        };
        self.functions.insert(R::TYPE, Box::new(begin));
        self
    }

    /// Gives calls of all other types to a handler of bytes.
    pub fn otherwise<H>(mut self, mut handler: H) -> Self
    where
        H: AsyncHandler<Future: 'static> + Send + 'static,
    {
        let begin = move |request: OwnedRequest, reply: OwnedReply| -> Answering {
            Box::pin(handler.handle(request, reply))
        };
        self.otherwise = Some(Box::new(begin));
        self
    }
}

impl AsyncHandler for AsyncService {
    type Future = Answering;

    fn handle(&mut self, request: OwnedRequest, reply: OwnedReply) -> Answering {
        let function = self.functions.get_mut(request.message_type());
        match function.or(self.otherwise.as_mut()) {
            Some(begin) => begin(request, reply),
            None => Box::pin(std::future::ready(Err(Refusal::UnknownType))),
        }
    }
}

impl std::fmt::Debug for AsyncService {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("AsyncService")
            .field("types", &self.functions)
            .field("otherwise", &self.otherwise.is_some())
            .finish()
    }
}
