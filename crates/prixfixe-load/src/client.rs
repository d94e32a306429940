//! A client for SMTP (RFC 5321) that times every step: for a generator, and for scenarios that need
//! connections one by one.

mod alarm;
mod commands;
mod connection;
mod connector;
mod course;
mod fault;
mod offers;
mod reply;
mod sessions;
mod stream;
mod tls;
mod transaction;
mod wire;

pub use commands::DialogueError;
pub use connection::Connection;
pub use connector::{Connector, ConnectorError};
pub use course::Course;
pub use tls::TlsError;

pub(crate) use transaction::Undelivered;
