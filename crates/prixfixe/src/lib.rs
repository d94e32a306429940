//! An SMTP receiver to put inside an application.
//!
//! A [`Server`] listens, a [`Handler`] decides. The handler is asked at every stage at which a
//! receiver can say no, and gets the message as a [`Body`]: a stream with back-pressure. What it
//! answers is what the client hears, and a message is acknowledged only after
//! [`Handler::message`] has accepted it.
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let server = prixfixe::Server::bind("127.0.0.1:0").await?;
//! let address = server.local_addr();
//! # let stop = server.shutdown_handle();
//! # stop.drain();
//! server
//!     .serve(prixfixe::on_message(|mail: prixfixe::Mail| async move {
//!         println!("{} octets from {}", mail.content.len(), mail.envelope.reverse_path);
//!         Ok(())
//!     }))
//!     .await?;
//! # let _ = address;
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(example())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The library runs on whatever tokio runtime its user has. To give every core a runtime of its
//! own, [`Server::try_clone`] the server and call [`Server::serve`] on each of them.
//!
//! # Memory
//!
//! A connection that waits for its client holds no buffer, only its task, whose size depends on
//! the futures of the handler: about 6 KiB with the durable store behind it.
//! While octets are being read it holds [`READ_BUFFER`] octets from a pool, and replies of at most
//! `Limits::reply_buffer` octets. TLS adds about 8 KiB, and [`READ_BUFFER`] octets once more while
//! octets are being read. Bodies are not gathered unless the handler does so.
#![forbid(unsafe_code)]

mod accept;
pub mod auth;
mod body;
mod client;
mod commit_point;
mod connection;
mod counters;
mod farewell;
mod handler;
mod listener;
mod mail;
mod message;
mod network;
mod observer;
mod patience;
mod proxied;
mod proxy_header;
mod read_buffer;
mod server;
mod session_config;
mod settings;
mod shutdown;
mod stream;
#[cfg(feature = "testkit")]
pub mod testkit;
mod timer;
pub mod tls;
mod transport;
mod wire;

pub use auth::{AuthFailure, Identity, PasswordFile, Secret, Verifier};
pub use body::{Body, BodyError};
pub use client::{Client, SessionId};
pub use commit_point::CommitPoint;
pub use counters::{Counters, Totals};
pub use handler::Handler;
pub use listener::{SocketFile, bind_unix};
pub use mail::{Mail, on_message};
pub use network::{Network, NetworkError, PeerPattern};
pub use observer::{Event, NoObserver, Observer, RefusedConnection, SessionEnd};
pub use prixfixe_proto as proto;
pub use prixfixe_proto::{
    AuthDemand, AuthPolicy, BareNewline, BodyFacts, BodyFault, BodyType, CloseReason, Config,
    DateTime, DeliverBy, Domain, DsnReturn, Envelope, EnvelopeId, ForwardPath, HeloName, Hold,
    Limits, MailParameters, Mailbox, Mechanism, Mechanisms, MessageVerdict, Notify, OnExpiry,
    OriginalRecipient, Priority, Promises, Protocol, QueueId, Quirks, RcptParameters, Recipient,
    Refusal, ReversePath, SessionFacts, Stage, Timeouts, TlsMode, Verdict, Xclient, XclientLogin,
    XclientProtocol, XclientValue,
};
pub use read_buffer::READ_BUFFER;
pub use server::{BoundAddress, ListenError, ServeError, Server};
pub use settings::{ListenerSettings, Settings};
pub use shutdown::ShutdownHandle;
