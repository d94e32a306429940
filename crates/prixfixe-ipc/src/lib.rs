//! Request and reply between processes of one machine over shared memory.
//!
//! A [`Server`] listens on a Unix socket, over which it hands each client a pair of rings in shared
//! memory; from then on calls travel through the rings and touch the kernel only to wake somebody who
//! sleeps. Neither side trusts what the other writes, and every call ends in an [`Outcome`] that says
//! whether it may have been executed, whoever dies.
//!
//! ```
//! use prixfixe_ipc::{Address, Client, Outcome, Reply, Request, Server, ServerConfig};
//!
//! let address = Address::abstract_name(format!("doc-{}", std::process::id()))?;
//! let server = Server::bind(&address, ServerConfig::default())?;
//! let _running = server.spawn(|request: Request<'_>, reply: &mut Reply<'_>| {
//!     reply.write(b"you said ")?;
//!     reply.write(request.payload())
//! })?;
//!
//! let mut client = Client::connect(&address)?;
//! assert_eq!(client.call(b"hello"), Outcome::Completed(&b"you said hello"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to look
//! - A client that blocks: [`Client`], with many calls in flight: [`Pipeline`], many clients of one
//!   process: [`Connector`], shared by threads: [`Pool`].
//! - What a call can ask for: [`Call`]; how it can end: [`Outcome`].
//! - Requests and replies that are types of the application: [`typed`].
//! - A server: [`Server`], [`Handler`], [`ServerConfig`]; what it tells: [`ServerEvent`]; how it goes:
//!   [`Stopper`].
//! - Servers that go wrong as a test says: the module `testing`, with the feature of that name.
//! - The layout of everything shared, for another implementation: `docs/ipc.md` of the repository.
//!
//! # Safety
//! Memory that another process may write is never behind a reference other than to an atomic word, and
//! is copied before it is looked at. The module `memory` holds that argument, and every use of
//! `unsafe` stands there or in `sys`.

#![cfg_attr(
    not(feature = "tokio"),
    allow(
        dead_code,
        rustdoc::broken_intra_doc_links,
        reason = "what only the asynchronous client needs stands among the rest, and docs point to it"
    )
)]
// Under loom only the protocols between threads are compiled: rings, wakes and claims. What the models
// do not drive is no fault.
#![cfg_attr(loom, allow(dead_code, unreachable_pub))]

#[cfg(not(loom))]
mod address;
#[cfg(not(loom))]
mod aligned;
#[cfg(all(feature = "tokio", not(loom)))]
mod asynchronous;
#[cfg(not(loom))]
mod call;
mod claim;
#[cfg(not(loom))]
mod client;
#[cfg(not(loom))]
mod credentials;
#[cfg(all(not(loom), feature = "fault-points"))]
#[doc(hidden)]
pub mod fault_point;
#[cfg(all(not(loom), not(feature = "fault-points")))]
mod fault_point;
#[cfg(all(feature = "fuzzing", not(loom)))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(not(loom))]
mod give_back;
#[cfg(not(loom))]
mod handshake;
mod hints;
#[cfg(not(loom))]
mod item_queue;
#[cfg(not(loom))]
mod layout;
mod memory;
#[cfg(not(loom))]
mod message_memory;
#[cfg(all(test, loom))]
mod models;
#[cfg(not(loom))]
mod outcome;
#[cfg(not(loom))]
mod pool;
#[cfg(all(feature = "raw-peer", not(loom)))]
#[doc(hidden)]
pub mod raw_peer;
#[cfg(not(loom))]
mod record;
mod ring;
#[cfg(not(loom))]
mod sealed_message;
#[cfg(not(loom))]
mod server;
#[cfg(not(loom))]
mod spin;
#[cfg(not(loom))]
mod statistics;
#[cfg(not(loom))]
mod stream;
mod sync;
#[cfg(not(loom))]
mod sys;
#[cfg(all(feature = "testing", not(loom)))]
pub mod testing;
mod turnstile;
#[cfg(not(loom))]
pub mod typed;
mod wake;
#[cfg(feature = "workload")]
pub mod workload;

#[cfg(all(feature = "tokio", not(loom)))]
pub use asynchronous::{
    AsyncClient, AsyncConnector, AsyncReply, AsyncStream, StreamReceiver, StreamSender,
};
#[cfg(not(loom))]
pub use {
    address::{Address, InvalidAddress, SocketAccess},
    call::{Call, DEFAULT_TIMEOUT},
    client::{
        CallId, Client, ClientOptions, ClientStatistics, ConnectError, Connector, Pipeline, Stream,
        SubmitError,
    },
    credentials::{Credentials, PeerPolicy},
    handshake::ConnectRefusal,
    layout::{ChannelSizes, LAYOUT_VERSION, SizesError},
    outcome::{CallError, Cause, Executed, Failure, Outcome, Refusal},
    pool::{Pool, PoolSettings, PoolStatistics, PooledClient},
    ring::Corrupt,
    sealed_message::{MessageDraft, NotSealed, SealedMessage},
    server::{
        AsyncHandler, BindError, ClientIdentity, DropReason, Handler, OwnedReply, OwnedRequest,
        Reply, Request, RunningServer, Server, ServerConfig, ServerEvent, Stopper, TrustDomains,
    },
    statistics::{ClientKind, ClientRow, ServerStatistics, ServiceTimes, Snapshot, Statistics},
    stream::StreamError,
    sys::{BadListener, BindFailure, ConnectFailure, PassedSocket},
};
