//! What a server tells of its connections.

use crate::credentials::Credentials;
use crate::handshake::ConnectRefusal;
use crate::ring::Corrupt;

/// Something that happened to a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerEvent {
    /// A client process has finished its handshake.
    Connected(ClientIdentity),
    /// A connection was refused.
    Refused {
        /// Who asked.
        peer: Credentials,
        /// What it was told.
        refusal: ConnectRefusal,
    },
    /// A client process is gone, by itself or because it was dropped.
    Gone {
        /// Which one.
        client: ClientIdentity,
        /// Why.
        reason: DropReason,
    },
}

/// A client process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientIdentity {
    /// Its number at this server; used again after it has gone.
    pub number: u32,
    /// As the kernel knows it.
    pub credentials: Credentials,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DropReason {
    /// The client hung up, or died.
    #[error("it hung up")]
    HungUp,
    /// The client wrote what cannot be.
    #[error("it is corrupt: {0}")]
    Corrupt(Corrupt),
    /// It did not finish its handshake in time.
    #[error("it did not finish its handshake in time")]
    HandshakeTimeout,
    /// It did not read the answers on its control socket.
    #[error("it did not read its control messages")]
    Unread,
    /// It sent more *ring* and *ping* messages in a second than it can have need of.
    #[error("it rang or pinged the server without pause")]
    Storm,
    /// It sent descriptors where the protocol knows none.
    #[error("it sent descriptors that nobody asked for")]
    Descriptors,
}
