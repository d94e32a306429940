//! Networks of clients, and who belongs to them.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

/// A network: all addresses that begin with the same bits, written `10.0.0.0/8`; without a
/// prefix one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// The first address.
    pub fn address(self) -> IpAddr {
        self.address
    }

    /// How many bits are the same.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether `address` is one of them. An IPv4 client that came in through an IPv6 socket is
    /// an IPv4 client.
    pub fn contains(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && mask(address, self.prefix) == self.address
    }
}

/// Clients as a list of trusted or exempt peers names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerPattern {
    /// `10.0.0.0/8`.
    Network(Network),
    /// `unix`: whoever can open one of the Unix sockets.
    UnixSocket,
}

/// Why a text is not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// Not an address.
    #[error(
        "{0:?} is not a network; write ADDRESS/BITS, such as \"10.0.0.0/8\" or \"2001:db8::/32\""
    )]
    Malformed(String),
    /// More bits than the address has.
    #[error("{given:?} has more than {most} bits; write ADDRESS/0 to ADDRESS/{most}")]
    PrefixTooLong {
        /// The whole text.
        given: String,
        /// The length of such an address.
        most: u8,
    },
    /// Bits set behind the prefix: probably a wrong prefix.
    #[error("{given:?} has bits set behind its prefix; write \"{meant}\"")]
    HostBits {
        /// The whole text.
        given: String,
        /// The network that holds the address.
        meant: Network,
    },
}

impl PeerPattern {
    /// Whether a client is meant; `peer` is its address, or nothing over a Unix socket.
    pub fn matches(self, peer: Option<SocketAddr>) -> bool {
        match (self, peer) {
            (Self::Network(network), Some(peer)) => network.contains(peer.ip()),
            (Self::UnixSocket, None) => true,
            (Self::Network(_), None) | (Self::UnixSocket, Some(_)) => false,
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let malformed = || NetworkError::Malformed(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| malformed())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| malformed())?
            }
            Some(_) => return Err(malformed()),
            None => most,
        };
        if prefix > most {
            let given = text.to_owned();
            return Err(NetworkError::PrefixTooLong { given, most });
        }
        let meant = Self {
            address: mask(address, prefix),
            prefix,
        };
        if meant.address == address {
            Ok(meant)
        } else {
            let given = text.to_owned();
            Err(NetworkError::HostBits { given, meant })
        }
    }
}

impl FromStr for PeerPattern {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        if text == "unix" {
            return Ok(Self::UnixSocket);
        }
        text.parse().map(Self::Network)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.address, self.prefix)
    }
}

impl fmt::Display for PeerPattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => network.fmt(out),
            Self::UnixSocket => out.write_str("unix"),
        }
    }
}

fn mask(address: IpAddr, prefix: u8) -> IpAddr {
    let prefix = u32::from(prefix);
    match address {
        IpAddr::V4(address) => {
            let keep = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & keep))
        }
        IpAddr::V6(address) => {
            let keep = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & keep))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Network;

    #[test]
    fn holds_its_addresses() {
        let check = |network: &str, address: &str, expected: bool| {
            let network: Network = network.parse().unwrap();
            assert_eq!(
                network.contains(address.parse().unwrap()),
                expected,
                "{network} {address}"
            );
        };
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("10.0.0.0/8", "::ffff:10.0.0.1", true);
        check("192.0.2.1", "192.0.2.1", true);
        check("192.0.2.1", "192.0.2.2", false);
        check("0.0.0.0/0", "192.0.2.2", true);
        check("0.0.0.0/0", "::1", false);
        check("2001:db8::/32", "2001:db8:1::1", true);
        check("::/0", "::1", true);
    }

    #[test]
    fn says_what_is_wrong() {
        let check = |text: &str, reason: &str| {
            let error = text.parse::<Network>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        };
        check("", "not a network");
        check("10/8", "not a network");
        check("10.0.0.0/", "not a network");
        check("10.0.0.0/+8", "not a network");
        check("10.0.0.0/33", "more than 32 bits");
        check("::/129", "more than 128 bits");
        check("10.1.0.0/8", "write \"10.0.0.0/8\"");
    }
}
