//! The receiving side of SMTP (RFC 5321) as a pure state machine.
//!
//! This crate performs no IO, reads no clock, spawns nothing and cannot block. A driver owns
//! the socket, both buffers and the time; [`Session`] says what to do next as a [`Step`]. The
//! decisions of the application ([`Verdict`], [`MessageVerdict`]) go back in as values, so they
//! may be slow, remote or cancelled without the machine knowing.
//!
//! ```
//! use std::{sync::Arc, time::Instant};
//! use prixfixe_proto::{Config, MessageVerdict, Session, Stage, Step, Verdict};
//!
//! let config = Arc::new(Config::new("mx.example.com".parse()?));
//! let now = Instant::now();
//! let mut session = Session::new(config, now);
//! let mut input: &[u8] = b"HELO client.example\r\nMAIL FROM:<a@example.org>\r\n\
//!     RCPT TO:<b@example.com>\r\nDATA\r\nHello\r\n.\r\nQUIT\r\n";
//! let (mut output, mut body) = (Vec::new(), Vec::new());
//! loop {
//!     let progress = session.process(input, &mut output, now);
//!     input = &input[progress.consumed..];
//!     match progress.step {
//!         Step::Ask(_) => session.answer(Verdict::Accept, &mut output, now)?,
//!         Step::Body(bytes) => body.extend_from_slice(bytes),
//!         Step::BodyEnd => {
//!             let accepted = MessageVerdict::Accept("4F7Q".parse()?);
//!             session.answer_message(&accepted, &mut output, now)?;
//!         }
//!         Step::BodyStart | Step::BodyRefused(_) | Step::BodyAborted | Step::Flush => {}
//!         Step::NeedInput | Step::Waiting | Step::StartTls | Step::Close(_) => break,
//!     }
//! }
//! assert_eq!(body, b"Hello\r\n");
//! assert!(output.ends_with(b"250 2.0.0 Accepted, id=4F7Q\r\n221 2.0.0 mx.example.com closes\r\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod address;
mod auth;
mod bdat;
mod body;
mod body_phase;
mod check;
mod chunk;
mod command;
mod config;
mod domain;
mod effect;
mod envelope;
mod exchange;
mod facts;
mod greet;
mod inspect;
mod line;
mod parameter;
mod promises;
mod received;
mod recipient_verdicts;
mod reply;
mod session;
mod state;
mod step;
mod verdict;
mod xclient;

pub use address::{AddressError, ForwardPath, Mailbox, ReversePath};
pub use auth::{AuthDemand, AuthMessage, AuthPolicy, Mechanism, Mechanisms, UnknownMechanism};
pub use body::{BareNewline, BodyFault};
pub use config::{Config, Limits, Protocol, Quirks, Timeouts, TlsMode};
pub use domain::{Domain, DomainError, HeloName};
pub use envelope::{BodyType, Envelope, MailParameters, RcptParameters, Recipient};
pub use facts::{BodyFacts, SessionFacts};
pub use parameter::{
    DateTime, DeliverBy, DsnReturn, EnvelopeId, Hold, Malformed, Notify, OnExpiry,
    OriginalRecipient, Priority,
};
pub use promises::Promises;
pub use reply::{IllegalReply, Refusal};
pub use session::Session;
pub use step::{CloseReason, Expiry, Misuse, Progress, Question, Stage, Step};
pub use verdict::{AuthVerdict, IllegalQueueId, MessageVerdict, QueueId, Verdict};
pub use xclient::{Xclient, XclientLogin, XclientProtocol, XclientValue};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;

/// The inner parts that the fuzz targets drive on their own; not part of the interface.
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::body::{Decoded, Decoder};
    pub use crate::chunk::Chunk;
    pub use crate::command::{Command, SyntaxError, parse};
}
