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
}

/// Settings for ordinary clients, and for those to whom the limits of a session do not apply.
#[derive(Debug, Clone)]
struct Forms {
    limited: Arc<Config>,
    exempt: Arc<Config>,
}

impl SessionConfig {
    /// `networks` say what becomes of bare line ends from their clients, whatever `config` says.
    pub(crate) fn new(
        config: &Config,
        networks: &[(Network, BareNewline)],
        proxies: Vec<PeerPattern>,
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
            for config in [&mut forms.limited, &mut forms.exempt] {
                Arc::make_mut(config).promises = promises;
            }
        }
        self
    }

    /// The settings for a client; without an address it came over a Unix socket.
    pub(crate) fn of(&self, peer: Option<SocketAddr>, exempt: bool) -> Arc<Config> {
        let is_in = |network: &Network| peer.is_some_and(|peer| network.contains(peer.ip()));
        let found = self.networks.iter().find(|(network, _)| is_in(network));
        let forms = found.map_or(&self.others, |(_, forms)| forms);
        Arc::clone(if exempt {
            &forms.exempt
        } else {
            &forms.limited
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
            limited: Arc::new(config),
            exempt: Arc::new(exempt),
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
        let configs = SessionConfig::new(&config, &networks, Vec::new());
        let mode = |peer: Option<&str>| {
            let peer = peer.map(|peer| peer.parse().unwrap());
            configs.of(peer, true).quirks.bare_newline
        };
        assert_eq!(mode(Some("10.1.2.3:25")), BareNewline::Accept);
        assert_eq!(mode(Some("10.2.2.3:25")), BareNewline::Normalise);
        assert_eq!(mode(Some("192.0.2.1:25")), BareNewline::Reject);
        assert_eq!(mode(None), BareNewline::Reject);
    }
}
