//! Servers that go wrong as a test says, for tests of programs that make calls.
//!
//! A [`TestServer`] runs on a thread of the test. Clients of every kind connect to its
//! [address](TestServer::address) as to any other; rings, handshake and clients are the real ones, so
//! what a test sees is what the program will see. [`Fault`]s say which calls go wrong, and how: by
//! count, or by chance from a seed, never by time, so a test that passes once passes always.
//!
//! ```
//! use prixfixe_ipc::testing::{Fault, TestServer};
//! use prixfixe_ipc::{Client, Outcome, Refusal, Reply, Request, ServerConfig};
//!
//! /// The code under test: it asks again when the server is busy.
//! fn ask(client: &mut Client) -> Option<Vec<u8>> {
//!     for _ in 0..3 {
//!         match client.call(b"hello") {
//!             Outcome::Completed(reply) => return Some(reply.to_vec()),
//!             Outcome::Refused(Refusal::Busy) => {}
//!             Outcome::Refused(_) | Outcome::Failed(_) => return None,
//!         }
//!     }
//!     None
//! }
//!
//! let echo = |request: Request<'_>, reply: &mut Reply<'_>| reply.write(request.payload());
//! let server = TestServer::start(ServerConfig::default(), echo)?;
//! let mut client = Client::connect(server.address())?;
//!
//! server.inject(Fault::refuse(Refusal::Busy).times(2));
//! assert_eq!(ask(&mut client).as_deref(), Some(&b"hello"[..]));
//! assert_eq!((server.calls(), server.executed(), server.pending()), (3, 1, 0));
//!
//! server.inject(Fault::refuse(Refusal::Busy).times(3));
//! assert_eq!(ask(&mut client), None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Every outcome
//! | to see | inject |
//! | --- | --- |
//! | `Refused(refusal)` | [`Fault::refuse`] |
//! | `Completed` with something else | [`Fault::answer`]; a typed call fails as `BadReply` |
//! | `Completed`, later | [`Fault::delay`] |
//! | `Completed`, by a server that was away meanwhile | [`Fault::hang_up_before`] with [`Away::For`], and a call that has the time |
//! | `Failed { Deadline, Maybe }` | [`Fault::never_answer`] |
//! | `Failed { HungUp, Maybe }` | [`Fault::hang_up_after`] |
//! | `Failed { Unreachable, No }` | [`Fault::hang_up_before`] with [`Away::UntilCalledBack`] |
//! | `Failed { Corrupt, Maybe }` | [`Fault::corrupt_reply`] |
//! | `Failed { ShuttingDown, No }`, of a `Pipeline` | [`TestServer::replace`] while calls wait |
//!
//! # What it needs
//! No second process and no name in the file system. There is a socket, for the clients are the real
//! ones: it has an abstract name of its own, made by chance, which vanishes with the server, and which
//! processes of the same user in the same network namespace could find. A server costs a thread and the
//! descriptors of any server; each call that is delayed costs a thread while it is.

mod fates;
mod fault;
mod handler;
mod script;
mod server;

pub use fault::{Away, Fault};
pub use server::TestServer;
