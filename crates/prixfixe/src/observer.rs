//! Telling what happens, for counters, metrics and traces.

use std::{fmt, time::Duration};

use prixfixe_proto::{BodyFault, CloseReason, Stage};

use crate::tls::{TlsFailure, TlsVersion};

/// Is told of everything that happens in a server, where it happens.
///
/// Called on the way of every message: an observer counts and returns, and does not panic, which
/// would end the session.
pub trait Observer: Send + Sync + fmt::Debug + 'static {
    /// Something has happened.
    fn observe(&self, event: &Event);
}

/// What happens in a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A connection was taken on.
    Accepted,
    /// A connection was turned away before it became a session.
    ConnectionRefused(RefusedConnection),
    /// Accepting failed; it pauses for a moment. Descriptors are exhausted, most likely.
    AcceptFailed,
    /// A balancer did not say for whom it connects; its connection is closed.
    ProxyHeaderRefused,
    /// A session has ended.
    SessionEnded {
        /// How.
        end: SessionEnd,
        /// How long it took.
        duration: Duration,
    },
    /// A TLS handshake was made.
    TlsEstablished {
        /// The version agreed on.
        version: TlsVersion,
        /// The cipher suite, by its registered name.
        cipher_suite: &'static str,
        /// The session goes on from an earlier one.
        resumed: bool,
        /// How long the handshake took.
        duration: Duration,
    },
    /// A TLS handshake failed; its session ends.
    TlsFailed {
        /// Why.
        reason: TlsFailure,
    },
    /// The handler said no.
    Refused {
        /// To what.
        stage: Stage,
        /// The reply code.
        code: u16,
    },
    /// The handler gave no verdict in time, or panicked; the client was told 451.
    HandlerFailed {
        /// On what.
        stage: Stage,
        /// It panicked.
        panicked: bool,
    },
    /// The receiver itself refused a body.
    BodyRefused {
        /// Why.
        fault: BodyFault,
    },
    /// A client went away or was cut off inside of a body, or gave it up between two chunks.
    BodyLost,
    /// A message was accepted; its 250 is about to be written.
    MessageAccepted {
        /// Octets of the body.
        size: u64,
        /// Recipients of the envelope.
        recipients: usize,
        /// From DATA to the verdict.
        duration: Duration,
    },
}

/// Why a connection was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusedConnection {
    /// There are `Settings::max_connections` already.
    TooMany,
    /// The server is stopping.
    Shutdown,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionEnd {
    /// The client left without QUIT, or the connection broke.
    Disconnected,
    /// The TLS handshake failed.
    HandshakeFailed(TlsFailure),
    /// The server closed the connection.
    Closed(CloseReason),
    /// A balancer sent no PROXY header, or one that is not understood.
    ProxyHeader,
}

impl SessionEnd {
    /// A lower-case word for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::HandshakeFailed(_) => "handshake-failed",
            Self::Closed(reason) => reason.as_str(),
            Self::ProxyHeader => "proxy-header",
        }
    }
}

/// Looks away.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn observe(&self, _: &Event) {}
}
