//! Settings of a server.

use std::{net::SocketAddr, num::NonZeroU32, sync::Arc, time::Duration};

use prixfixe_proto::{AuthPolicy, BareNewline, Config, Domain, Protocol, Quirks, TlsMode};

use crate::{Network, NoObserver, Observer, PeerPattern, Verifier, tls::Tls};

/// Everything a server has to know besides its listeners and its handler.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// What the sessions have to know.
    pub session: Config,
    /// Connections at a time; more are told 421. Default 1000.
    pub max_connections: usize,
    /// What becomes of bare line ends from the clients of certain networks, whatever their
    /// listener says; the smallest network that holds a client decides. Default: none.
    pub bare_newline_networks: Vec<(Network, BareNewline)>,
    /// Clients to whom the limits of a session (messages, errors, idle commands) do not apply, and
    /// whose failed logins are answered at once. Default: none.
    pub exempt: Vec<PeerPattern>,
    /// Certificates and all else that TLS needs; listeners without TLS do not. Default: none.
    pub tls: Option<Tls>,
    /// How long a client may take for what comes before its session: a PROXY header, a TLS
    /// handshake. Default 30 s.
    pub handshake: Duration,
    /// How long a drain waits for transactions to end. Default 30 s.
    pub drain: Duration,
    /// Is told of everything that happens.
    pub observer: Arc<dyn Observer>,
    /// Knows the users. Default: nobody does, and there are no logins.
    pub verifier: Option<Arc<dyn Verifier>>,
    /// Failed logins of one client address (with IPv6, of its /64) in a minute that are answered at
    /// once; the answers to more wait for 1, 2, 4 and then 8 s each. Clients of [`Self::exempt`]
    /// never wait, and without a number nobody does. Default 10.
    pub failed_logins_per_minute: Option<NonZeroU32>,
}

impl Settings {
    /// The defaults, under this name.
    pub fn new(domain: Domain) -> Self {
        Self {
            session: Config::new(domain),
            max_connections: 1000,
            bare_newline_networks: Vec::new(),
            exempt: Vec::new(),
            tls: None,
            handshake: Duration::from_secs(30),
            drain: Duration::from_secs(30),
            observer: Arc::new(NoObserver),
            verifier: None,
            failed_logins_per_minute: NonZeroU32::new(10),
        }
    }

    /// Whether the limits of a session do not apply to a client.
    pub(crate) fn is_exempt(&self, peer: Option<SocketAddr>) -> bool {
        self.exempt.iter().any(|pattern| pattern.matches(peer))
    }
}

/// Settings of one listener.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ListenerSettings {
    /// Instead of those of the sessions, on this listener.
    pub quirks: Option<Quirks>,
    /// What it speaks. Default: SMTP.
    pub protocol: Protocol,
    /// When its connections are encrypted; needs [`Settings::tls`]. Default: never.
    pub tls: TlsMode,
    /// Whether its clients log in. Default: never.
    pub auth: AuthPolicy,
    /// Balancers: a connection from there has to begin with a header of the PROXY protocol, version
    /// 1 or 2, which says for whom it is. From anybody else such a header is believed in nothing.
    /// Default: none.
    pub proxy_protocol: Vec<PeerPattern>,
    /// Proxies that may say with XCLIENT for whom they speak. Who one is, is judged by its own
    /// address (that of the PROXY header, if there was one), and so is what becomes of bare line
    /// ends and whether the limits of a session apply, before XCLIENT and behind it. Default: none.
    pub xclient: Vec<PeerPattern>,
    /// Connections that the system queues before they are accepted; 0 is as many as it allows.
    /// Default 1024.
    pub backlog: Option<u32>,
}
