//! Addresses to listen on.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use super::TextSetting;
use crate::config::place::{Place, absolute};

/// Where a listener listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ListenAddress {
    /// `127.0.0.1:2525`, `[::1]:2525`.
    Tcp(SocketAddr),
    /// `unix:PATH`.
    Unix(PathBuf),
    /// A socket that the service manager has opened.
    Inherited(InheritedSocket),
}

/// Which of the inherited sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InheritedSocket {
    /// `inherited`: all of them.
    All,
    /// `inherited:0`: by its place in the list, counted from 0.
    Index(u16),
    /// `inherited:smtp`: by the name that the service manager gave it.
    Name(String),
}

impl ListenAddress {
    /// Whether both cannot be listened on at once. Two sockets on port 0 get a port each.
    pub(crate) fn collides(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tcp(one), Self::Tcp(other)) => {
                let same_family = one.is_ipv4() == other.is_ipv4();
                let covered = one.ip() == other.ip()
                    || (same_family && (one.ip().is_unspecified() || other.ip().is_unspecified()));
                one.port() != 0 && one.port() == other.port() && covered
            }
            (Self::Inherited(one), Self::Inherited(other)) => {
                one == other || *one == InheritedSocket::All || *other == InheritedSocket::All
            }
            (Self::Unix(one), Self::Unix(other)) => absolute(one) == absolute(other),
            _ => false,
        }
    }
}

/// Why a text is not an address to listen on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenAddressError {
    /// Not an IP address with a port.
    #[error(
        "{0:?} is not an address to listen on; write IP:PORT such as \"127.0.0.1:2525\" or \"[::1]:2525\", \"unix:PATH\" or \"inherited\""
    )]
    Malformed(String),
    /// A port is missing.
    #[error("{0:?} has no port; write {1:?}")]
    NoPort(String, String),
    /// A host name, which could mean any address tomorrow.
    #[error("{0:?} is a host name; write an IP address, such as \"127.0.0.1:2525\"")]
    HostName(String),
    /// `unix:` and nothing.
    #[error("\"unix:\" has no path; write \"unix:PATH\"")]
    NoPath,
    /// Longer than `sockaddr_un` holds.
    #[error("the socket path {0:?} is longer than {LONGEST_UNIX_PATH} bytes; use a shorter one")]
    PathTooLong(PathBuf),
    /// `inherited:` and nothing, or a name that cannot be one.
    #[error(
        "{0:?} names no inherited socket; write \"inherited\", \"inherited:NAME\" or \"inherited:INDEX\""
    )]
    BadInherited(String),
}

impl FromStr for ListenAddress {
    type Err = ListenAddressError;

    fn from_str(text: &str) -> Result<Self, ListenAddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return unix(PathBuf::from(path));
        }
        if text == "inherited" {
            return Ok(Self::Inherited(InheritedSocket::All));
        }
        if let Some(which) = text.strip_prefix("inherited:") {
            return inherited(which)
                .ok_or_else(|| ListenAddressError::BadInherited(text.to_owned()));
        }
        text.parse().map(Self::Tcp).map_err(|_| explain(text))
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(out),
            Self::Unix(path) => write!(out, "unix:{}", absolute(path).display()),
            Self::Inherited(InheritedSocket::All) => out.write_str("inherited"),
            Self::Inherited(InheritedSocket::Index(index)) => write!(out, "inherited:{index}"),
            Self::Inherited(InheritedSocket::Name(name)) => write!(out, "inherited:{name}"),
        }
    }
}

impl TextSetting for ListenAddress {
    fn wording() -> String {
        "an address: \"IP:PORT\", \"unix:PATH\", \"inherited\", \"inherited:NAME\" or \
         \"inherited:INDEX\""
            .to_owned()
    }

    fn resolved(self, place: &Place) -> Result<Self, ListenAddressError> {
        match self {
            Self::Unix(path) => unix(place.resolve(&path)),
            other => Ok(other),
        }
    }
}

/// `sun_path` has 108 bytes on Linux, the last of them for the NUL.
const LONGEST_UNIX_PATH: usize = 107;

fn unix(path: PathBuf) -> Result<ListenAddress, ListenAddressError> {
    if path.as_os_str().is_empty() {
        return Err(ListenAddressError::NoPath);
    }
    if path.as_os_str().len() > LONGEST_UNIX_PATH {
        return Err(ListenAddressError::PathTooLong(path));
    }
    Ok(ListenAddress::Unix(path))
}

fn inherited(which: &str) -> Option<ListenAddress> {
    // systemd's FileDescriptorName= excludes control characters and colons.
    if which.is_empty() || which.contains(|c: char| c.is_control() || c == ':') {
        return None;
    }
    let socket = match which.parse() {
        Ok(index) => InheritedSocket::Index(index),
        Err(_) => InheritedSocket::Name(which.to_owned()),
    };
    Some(ListenAddress::Inherited(socket))
}

fn explain(text: &str) -> ListenAddressError {
    let with_port = match text.parse() {
        Ok(std::net::IpAddr::V4(address)) => Some(format!("{address}:2525")),
        Ok(std::net::IpAddr::V6(address)) => Some(format!("[{address}]:2525")),
        Err(_) => None,
    };
    if let Some(with_port) = with_port {
        return ListenAddressError::NoPort(text.to_owned(), with_port);
    }
    let is_host =
        |host: &str| host.contains(|c: char| c.is_ascii_alphabetic()) && !host.contains(':');
    match text.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() && is_host(host) => {
            ListenAddressError::HostName(text.to_owned())
        }
        _ => ListenAddressError::Malformed(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::ListenAddress;

    #[test]
    fn keeps_its_text() {
        for text in [
            "127.0.0.1:2525",
            "[::1]:2525",
            "unix:/run/prixfixe.sock",
            "inherited",
            "inherited:3",
            "inherited:smtp",
        ] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let check = |text: &str, reason: &str| {
            let error = text.parse::<ListenAddress>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        };
        check("", "not an address");
        check("127.0.0.1", "write \"127.0.0.1:2525\"");
        check("::1", "write \"[::1]:2525\"");
        check("localhost:25", "host name");
        check("127.0.0.1:70000", "not an address");
        check("unix:", "no path");
        check(&format!("unix:/{}", "x".repeat(107)), "longer");
        check("inherited:", "names no inherited");
    }

    #[test]
    fn collides_with_what_covers_it() {
        let check = |one: &str, other: &str, expected: bool| {
            let (one, other): (ListenAddress, ListenAddress) =
                (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!(one.collides(&other), expected, "{one} {other}");
            assert_eq!(other.collides(&one), expected, "{other} {one}");
        };
        check("127.0.0.1:25", "127.0.0.1:25", true);
        check("127.0.0.1:25", "127.0.0.1:26", false);
        check("127.0.0.1:25", "0.0.0.0:25", true);
        check("127.0.0.1:0", "127.0.0.1:0", false);
        check("[::1]:25", "127.0.0.1:25", false);
        check("[::]:25", "0.0.0.0:25", false);
        check("unix:a", "unix:a", true);
        check("inherited", "inherited:smtp", true);
        check("inherited:0", "inherited:1", false);
    }
}
