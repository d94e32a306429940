//! A handler that knows several types of requests.

use super::codec::{EncodeError, Output};
use super::{Request, RequestView, header};
use crate::outcome::Refusal;
use crate::server::{Handler, Reply, Request as RawRequest};

/// A [`Handler`] that gives each typed request to the function for its type.
///
/// Where no function is given for a type, [`Service::otherwise`] gets the call, or it is refused as
/// [`Refusal::UnknownType`]. A request in another version or encoding is refused as
/// [`Refusal::OtherVersion`], one that is not valid as [`Refusal::Malformed`], and no function sees it.
#[derive(Default)]
#[must_use]
pub struct Service {
    functions: Functions<Box<dyn Answer + Send>>,
    otherwise: Option<Box<dyn Handler + Send>>,
}

impl Service {
    /// One that refuses everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers requests of type `R` with `answer`, which gets the request as its codec reads it and
    /// the call that brought it: who asks, how long, under which id.
    ///
    /// # Panics
    /// When requests of this [`TYPE`](Request::TYPE) are answered already.
    pub fn on<R: Request>(
        mut self,
        mut answer: impl for<'a> FnMut(RequestView<'a, R>, RawRequest<'a>) -> Result<R::Reply, Refusal>
        + Send
        + 'static,
    ) -> Self {
        let function = move |request: RawRequest<'_>, reply: &mut Reply<'_>| {
            let view = header::read::<R, R::Codec>(request.payload(), R::TYPE, R::VERSION)?;
            let answered = answer(view, request)?;
            let (buffer, limit) = reply.parts();
            write_reply::<R>(&answered, buffer, limit)?;
            reply.set_message_type(R::TYPE);
            Ok(())
        };
        self.functions.insert(R::TYPE, Box::new(function));
        self
    }

    /// Gives calls of all other types to a handler of bytes.
    pub fn otherwise(mut self, handler: impl Handler + Send + 'static) -> Self {
        self.otherwise = Some(Box::new(handler));
        self
    }
}

impl Handler for Service {
    fn handle(&mut self, request: RawRequest<'_>, reply: &mut Reply<'_>) -> Result<(), Refusal> {
        match (
            self.functions.get_mut(request.message_type()),
            &mut self.otherwise,
        ) {
            (Some(function), _) => function.answer(request, reply),
            (None, Some(otherwise)) => otherwise.handle(request, reply),
            (None, None) => Err(Refusal::UnknownType),
        }
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Service")
            .field("types", &self.functions)
            .field("otherwise", &self.otherwise.is_some())
            .finish()
    }
}

/// Encodes a reply behind its header, into the empty buffer of a call.
pub(super) fn write_reply<R: Request>(
    reply: &R::Reply,
    buffer: &mut Vec<u8>,
    limit: usize,
) -> Result<(), Refusal> {
    let mut output = Output::new(buffer, limit);
    let written = header::write::<R::Reply, R::Codec>(reply, R::TYPE, R::VERSION, &mut output);
    written.map_err(|error| match error {
        EncodeError::TooLarge => Refusal::TooLarge,
        EncodeError::Unencodable => Refusal::HandlerFailed,
    })
}

/// What answers one type of request.
trait Answer {
    fn answer(&mut self, request: RawRequest<'_>, reply: &mut Reply<'_>) -> Result<(), Refusal>;
}

impl<F> Answer for F
where
    F: FnMut(RawRequest<'_>, &mut Reply<'_>) -> Result<(), Refusal>,
{
    fn answer(&mut self, request: RawRequest<'_>, reply: &mut Reply<'_>) -> Result<(), Refusal> {
        self(request, reply)
    }
}

/// Functions by the type of request, in the order of the types.
pub(super) struct Functions<F>(Vec<(u32, F)>);

impl<F> Functions<F> {
    pub(super) fn insert(&mut self, message_type: u32, function: F) {
        match self.place(message_type) {
            Ok(_) => panic!("requests of type {message_type} are answered already"),
            Err(place) => self.0.insert(place, (message_type, function)),
        }
    }

    pub(super) fn get_mut(&mut self, message_type: u32) -> Option<&mut F> {
        let place = self.place(message_type).ok()?;
        self.0.get_mut(place).map(|(_, function)| function)
    }

    fn place(&self, message_type: u32) -> Result<usize, usize> {
        self.0
            .binary_search_by_key(&message_type, |(known, _)| *known)
    }
}

impl<F> Default for Functions<F> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<F> std::fmt::Debug for Functions<F> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let types = self.0.iter().map(|(message_type, _)| message_type);
        formatter.debug_list().entries(types).finish()
    }
}
