//! Plain counters of what happens in a server.

use std::sync::atomic::{AtomicU64, Ordering};

use prixfixe_proto::CloseReason;

use crate::{Event, Observer, SessionEnd};

/// An [`Observer`] that counts.
#[derive(Debug, Default)]
pub struct Counters {
    accepted: AtomicU64,
    connections_refused: AtomicU64,
    accept_failures: AtomicU64,
    proxy_headers_refused: AtomicU64,
    sessions_ended: AtomicU64,
    messages: AtomicU64,
    octets: AtomicU64,
    refused: AtomicU64,
    bodies_refused: AtomicU64,
    bodies_lost: AtomicU64,
    handler_failures: AtomicU64,
    tls_handshakes: AtomicU64,
    tls_failures: AtomicU64,
    starttls_injections: AtomicU64,
}

/// The counts at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Totals {
    /// Connections taken on.
    pub accepted: u64,
    /// Connections turned away.
    pub connections_refused: u64,
    /// Failures to accept a connection.
    pub accept_failures: u64,
    /// Connections of balancers that did not say for whom they are.
    pub proxy_headers_refused: u64,
    /// Sessions that have ended.
    pub sessions_ended: u64,
    /// Messages accepted.
    pub messages: u64,
    /// Octets of the bodies of accepted messages.
    pub octets: u64,
    /// Times that the handler said no.
    pub refused: u64,
    /// Bodies that the receiver itself refused.
    pub bodies_refused: u64,
    /// Bodies whose client went away or gave them up.
    pub bodies_lost: u64,
    /// Times that the handler gave no verdict.
    pub handler_failures: u64,
    /// TLS handshakes that were made.
    pub tls_handshakes: u64,
    /// TLS handshakes that failed.
    pub tls_failures: u64,
    /// Times that something came behind STARTTLS in the clear.
    pub starttls_injections: u64,
}

impl Counters {
    /// The counts now.
    pub fn totals(&self) -> Totals {
        // Independent counts: none says anything about another, so no order is needed.
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Totals {
            accepted: read(&self.accepted),
            connections_refused: read(&self.connections_refused),
            accept_failures: read(&self.accept_failures),
            proxy_headers_refused: read(&self.proxy_headers_refused),
            sessions_ended: read(&self.sessions_ended),
            messages: read(&self.messages),
            octets: read(&self.octets),
            refused: read(&self.refused),
            bodies_refused: read(&self.bodies_refused),
            bodies_lost: read(&self.bodies_lost),
            handler_failures: read(&self.handler_failures),
            tls_handshakes: read(&self.tls_handshakes),
            tls_failures: read(&self.tls_failures),
            starttls_injections: read(&self.starttls_injections),
        }
    }
}

impl Observer for Counters {
    fn observe(&self, event: &Event) {
        let counter = match event {
            Event::Accepted => &self.accepted,
            Event::ConnectionRefused(_) => &self.connections_refused,
            Event::AcceptFailed => &self.accept_failures,
            Event::ProxyHeaderRefused => &self.proxy_headers_refused,
            Event::SessionEnded { end, .. } => {
                if *end == SessionEnd::Closed(CloseReason::StartTlsInjection) {
                    self.starttls_injections.fetch_add(1, Ordering::Relaxed);
                }
                &self.sessions_ended
            }
            Event::Refused { .. } => &self.refused,
            Event::HandlerFailed { .. } => &self.handler_failures,
            Event::BodyRefused { .. } => &self.bodies_refused,
            Event::BodyLost => &self.bodies_lost,
            Event::TlsEstablished { .. } => &self.tls_handshakes,
            Event::TlsFailed { .. } => &self.tls_failures,
            Event::MessageAccepted { size, .. } => {
                self.octets.fetch_add(*size, Ordering::Relaxed);
                &self.messages
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
