//! What is known about the other side of a connection.

use std::{
    fmt,
    net::SocketAddr,
    sync::Arc,
    time::{Instant, SystemTime},
};

use prixfixe_proto::{Envelope, HeloName, Protocol, SessionFacts, Xclient, XclientValue};

use crate::{Identity, tls::TlsFacts};

/// The client of a session.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Client {
    /// Names the session in logs.
    pub session: SessionId,
    /// Its address; nothing over a Unix socket. What a trusted balancer or relay says about it
    /// counts: this is the client that they speak for. Nothing also if that is said to be unknown,
    /// and port 0 if its port is.
    pub peer: Option<SocketAddr>,
    /// Who made the connection; another one than `peer` behind a trusted balancer or relay.
    pub connection_peer: Option<SocketAddr>,
    /// When it connected.
    pub since: Instant,
    /// The same by the clock on the wall.
    pub connected_at: SystemTime,
    /// What it called itself; nothing before HELO or EHLO.
    pub helo: Option<HeloName>,
    /// It said EHLO.
    pub extended: bool,
    /// Who has logged in, here or at a trusted proxy; nothing without AUTH.
    pub identity: Option<Identity>,
    /// What a trusted proxy has said about it with XCLIENT: its name, and what it called itself, are
    /// found only here.
    pub xclient: Option<Arc<Xclient>>,
    /// What it speaks.
    pub protocol: Protocol,
    /// What was noticed about the session so far.
    pub facts: SessionFacts,
    /// What was agreed in the handshake; nothing in the clear.
    pub tls: Option<Arc<TlsFacts>>,
}

impl Client {
    /// As whom trust in networks and sockets counts it. Who reached a balancer over a Unix socket
    /// has no address, and has not opened a socket of this server either: he is worth what the
    /// balancer is.
    pub(crate) fn counts_as(&self) -> Option<SocketAddr> {
        self.peer.or(self.connection_peer)
    }

    /// Puts the client that a proxy speaks for in place of the one before.
    pub(crate) fn replace(&mut self, told: &Arc<Xclient>) {
        if let Some(address) = &told.address {
            self.peer = address.known().map(|address| (*address, 0).into());
        }
        if let (Some(peer), Some(port)) = (&mut self.peer, &told.port) {
            peer.set_port(port.known().copied().unwrap_or_default());
        }
        let login = told.login.as_ref().and_then(XclientValue::known);
        self.identity = login.map(Identity::vouched_for);
        self.helo = None;
        self.extended = false;
        self.xclient = Some(Arc::clone(told));
    }

    /// The protocol keyword for a `Received:` field (RFC 3848, RFC 6531 section 4.3).
    pub fn protocol(&self, envelope: &Envelope) -> &'static str {
        let utf8 = envelope.parameters.smtputf8;
        // Nothing, S for TLS, A for a login, SA for both.
        let [plain, s, a, sa] = match (self.protocol, self.extended, utf8) {
            (Protocol::Lmtp, _, false) => ["LMTP", "LMTPS", "LMTPA", "LMTPSA"],
            (Protocol::Lmtp, _, true) => ["UTF8LMTP", "UTF8LMTPS", "UTF8LMTPA", "UTF8LMTPSA"],
            (_, true, false) => ["ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA"],
            (_, true, true) => ["UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA"],
            // HELO knows neither STARTTLS nor AUTH, so RFC 3848 has no keyword for them with it.
            (_, false, _) => ["SMTP"; 4],
        };
        match (self.tls.is_some(), self.identity.is_some()) {
            (false, false) => plain,
            (true, false) => s,
            (false, true) => a,
            (true, true) => sa,
        }
    }
}

/// Names a session: unique in its server, and in practice among its restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(pub(crate) u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}
