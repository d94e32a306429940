//! The settings of a listener's sessions, in all the forms that its clients need.

use std::{cmp::Reverse, net::SocketAddr, sync::Arc};

use prixfixe_proto::{BareNewline, Config, Promises};

use crate::{Network, PeerPattern};

/// Settings for the clients of certain networks, and for all others; made once, so that a
/// connection shares them.
#[derive(Debug, Clone)]
pub(crate) struct SessionConfig {
    /// The smaller networks first.
    networks: Vec<(Network, Forms)>,
    others: Forms,
    /// Balancers, who say in a PROXY header for whom they connect.
    proxies: Vec<PeerPattern>,
    /// Proxies, who may say with XCLIENT for whom they speak.
    xclient: Vec<PeerPattern>,
}

/// Settings for ordinary clients, and for those to whom the limits of a session do not apply.
#[derive(Debug, Clone)]
struct Forms {
    limited: ForProxies,
    exempt: ForProxies,
}

/// Settings for those who speak for themselves, and for those who may say XCLIENT.
#[derive(Debug, Clone)]
struct ForProxies {
    clients: Arc<Config>,
    proxies: Arc<Config>,
}

impl SessionConfig {
    /// `networks` say what becomes of bare line ends from their clients, whatever `config` says.
    pub(crate) fn new(
        config: &Config,
        networks: &[(Network, BareNewline)],
        proxies: Vec<PeerPattern>,
        xclient: Vec<PeerPattern>,
    ) -> Self {
        let form = |(network, bare_newline): &(Network, BareNewline)| {
            let mut config = config.clone();
            config.quirks.bare_newline = *bare_newline;
            (*network, Forms::new(config))
        };
        let mut networks: Vec<_> = networks.iter().map(form).collect();
        networks.sort_by_key(|(network, _)| Reverse(network.prefix()));
        Self {
            networks,
            others: Forms::new(config.clone()),
            proxies,
            xclient,
        }
    }

    /// Whether a connection from there has to begin with a PROXY header.
    pub(crate) fn expects_header(&self, peer: Option<SocketAddr>) -> bool {
        self.proxies.iter().any(|pattern| pattern.matches(peer))
    }

    /// The same with what the handler promises.
    pub(crate) fn with_promises(mut self, promises: Promises) -> Self {
        let networks = self.networks.iter_mut().map(|(_, forms)| forms);
        for forms in networks.chain([&mut self.others]) {
            for form in [&mut forms.limited, &mut forms.exempt] {
                Arc::make_mut(&mut form.clients).promises = promises;
                Arc::make_mut(&mut form.proxies).promises = promises;
            }
        }
        self
    }

    /// The settings for a client that comes from `peer` and is trusted like `counts_as`; without an
    /// address it came over a Unix socket.
    pub(crate) fn of(
        &self,
        peer: Option<SocketAddr>,
        counts_as: Option<SocketAddr>,
        exempt: bool,
    ) -> Arc<Config> {
        let is_in = |network: &Network| peer.is_some_and(|peer| network.contains(peer.ip()));
        let found = self.networks.iter().find(|(network, _)| is_in(network));
        let forms = found.map_or(&self.others, |(_, forms)| forms);
        let form = if exempt {
            &forms.exempt
        } else {
            &forms.limited
        };
        // Who reached a balancer over a Unix socket is not the balancer itself, and vouches for
        // nobody.
        let speaks_for_others =
            peer == counts_as && self.xclient.iter().any(|trusted| trusted.matches(peer));
        Arc::clone(if speaks_for_others {
            &form.proxies
        } else {
            &form.clients
        })
    }
}

impl Forms {
    fn new(config: Config) -> Self {
        let mut exempt = config.clone();
        exempt.limits.messages = u32::MAX;
        exempt.limits.errors = u32::MAX;
        exempt.limits.idle_commands = u32::MAX;
        Self {
            limited: ForProxies::new(config),
            exempt: ForProxies::new(exempt),
        }
    }
}

impl ForProxies {
    fn new(config: Config) -> Self {
        let mut proxies = config.clone();
        proxies.xclient = true;
        Self {
            clients: Arc::new(config),
            proxies: Arc::new(proxies),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_network_decides() {
        let networks = [
            ("10.0.0.0/8".parse().unwrap(), BareNewline::Normalise),
            ("10.1.0.0/16".parse().unwrap(), BareNewline::Accept),
        ];
        let config = Config::new("mx.example.com".parse().unwrap());
        let configs = SessionConfig::new(&config, &networks, Vec::new(), Vec::new());
        let mode = |peer: Option<&str>| {
            let peer = peer.map(|peer| peer.parse().unwrap());
            configs.of(peer, peer, true).quirks.bare_newline
        };
        assert_eq!(mode(Some("10.1.2.3:25")), BareNewline::Accept);
        assert_eq!(mode(Some("10.2.2.3:25")), BareNewline::Normalise);
        assert_eq!(mode(Some("192.0.2.1:25")), BareNewline::Reject);
        assert_eq!(mode(None), BareNewline::Reject);
    }

    #[test]
    fn xclient_is_for_trusted_peers_alone() {
        let trusted = vec!["10.0.0.0/8".parse().unwrap(), PeerPattern::UnixSocket];
        let config = Config::new("mx.example.com".parse().unwrap());
        let configs = SessionConfig::new(&config, &[], Vec::new(), trusted);
        for exempt in [false, true] {
            let may = |peer: Option<&str>| {
                let peer = peer.map(|peer| peer.parse().unwrap());
                configs.of(peer, peer, exempt).xclient
            };
            assert!(may(Some("10.1.2.3:25")) && may(None));
            assert!(!may(Some("192.0.2.1:25")));
            let behind_a_balancer = "10.1.2.3:25".parse().ok();
            assert!(!configs.of(None, behind_a_balancer, exempt).xclient);
        }
    }
}
