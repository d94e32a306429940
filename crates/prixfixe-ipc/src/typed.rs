//! Typed calls: requests and replies that are types of the application, over a codec of its choice.
//!
//! A [`Request`] says by what number it goes, in which version of its schema, what answers it, and how
//! both become octets. A [`Service`] is a [`Handler`](crate::Handler) that gives each request to the
//! function for its type; a [`Client`] makes calls whose replies are read where they lie. Requests of
//! other types, of other versions and in other encodings are refused with a reason, and never reach a
//! handler; so is what is not valid. Everything else is as with calls of bytes: outcomes, deadlines,
//! what happens on a crash.
//!
#![cfg_attr(feature = "rkyv", doc = "```")]
#![cfg_attr(not(feature = "rkyv"), doc = "```ignore")]
//! use prixfixe_ipc::typed::{self, Rkyv, Service};
//! use prixfixe_ipc::{Address, Server, ServerConfig};
//! use rkyv::{Archive, Serialize};
//!
//! #[derive(Archive, Serialize)]
//! struct Greet {
//!     name: String,
//! }
//!
//! #[derive(Archive, Serialize)]
//! struct Greeting {
//!     text: String,
//! }
//!
//! impl typed::Request for Greet {
//!     type Reply = Greeting;
//!     type Codec = Rkyv;
//!     const TYPE: u32 = 1;
//!     const VERSION: u32 = 1;
//! }
//!
//! let address = Address::abstract_name(format!("doc-typed-{}", std::process::id()))?;
//! let service = Service::new().on::<Greet>(|greet, _call| {
//!     Ok(Greeting {
//!         text: format!("hello, {}", greet.name),
//!     })
//! });
//! let _running = Server::bind(&address, ServerConfig::default())?.spawn(service)?;
//!
//! let mut client = typed::Client::connect(&address)?;
//! let greet = Greet { name: "Ada".to_owned() };
//! let greeting = client.call(&greet).completed()?;
//! assert_eq!(greeting.text, "hello, Ada");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is read in place
//! With `Rkyv` the handler sees `&Archived<Greet>`, and the caller `&Archived<Greeting>`: the octets
//! that came, checked as a whole and used where they lie. They lie in private memory, into which they
//! were copied out of the ring, so nobody can change them after the check. That memory is aligned to
//! 16, and so is what follows the header of a typed payload; nothing is copied to align it.
//!
//! # What it costs
//! Encoding goes straight to where the payload is sent from. `Rkyv` keeps its working memory from
//! call to call, so with it the library allocates nothing for a call, on either side; what a handler
//! makes for its reply, a `String` say, is its own. An `AsyncService` allocates once for each call,
//! for the future.

#[cfg(feature = "tokio")]
mod async_client;
mod async_service;
mod buffer;
mod call;
mod client;
mod codec;
mod header;
#[cfg(feature = "rkyv")]
mod rkyv_codec;
mod service;

#[cfg(feature = "tokio")]
pub use async_client::AsyncClient;
pub use async_service::AsyncService;
pub use buffer::Buffer;
pub use call::Call;
pub use client::Client;
pub use codec::{Codec, EncodeError, Full, Invalid, Output};
#[cfg(feature = "rkyv")]
pub use rkyv_codec::Rkyv;
pub use service::Service;

/// A request of the application, and what answers it.
pub trait Request: Sized + 'static {
    /// What a handler answers. A `Result` or an `Option` is as good as any other type: what a
    /// [`Refusal`](crate::Refusal) says is little, and its values are the library's.
    type Reply: 'static;

    /// How both become octets, and are looked at again.
    type Codec: Codec<Self> + Codec<Self::Reply>;

    /// The number by which it goes: other than that of every other request of its server. It is the
    /// [message type](crate::Request::message_type) of the call.
    const TYPE: u32;

    /// The version of its schema. To be raised with every change of the request or of its reply, also
    /// of types within them, after which what one side writes may mean something else to the other.
    const VERSION: u32;
}

/// What a handler of `R` sees.
pub type RequestView<'a, R> = <<R as Request>::Codec as Codec<R>>::View<'a>;

/// What a caller of `R` sees.
pub type ReplyView<'a, R> = <<R as Request>::Codec as Codec<<R as Request>::Reply>>::View<'a>;
