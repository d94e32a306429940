//! The header of the PROXY protocol, versions 1 and 2: what a balancer says about a connection
//! that it passes on.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

// Named, because the fuzz target takes this file from elsewhere.
#[cfg(test)]
#[path = "proxy_header/tests.rs"]
mod tests;

/// Octets of the longest header in version 1, with its CRLF.
const TEXT_MAX: usize = 107;
/// Octets that may follow the fixed part of a header in version 2. The addresses take at most
/// 216; a client certificate among the extensions behind them is the longest thing known there.
pub(crate) const BLOCK_MAX: usize = 4 << 10;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Its octets; what follows was sent by the client.
    pub(crate) length: usize,
    /// For whom the connection is.
    pub(crate) source: Source,
}

/// For whom a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// For whoever made it: `LOCAL`, `UNKNOWN` and `UNSPEC`, which balancers send for their own
    /// health checks.
    ItsPeer,
    /// For a client that reached the balancer over TCP.
    Tcp(SocketAddr),
    /// For a client that reached the balancer over a Unix socket.
    Unix,
}

/// Why no header was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeaderError {
    /// There is more to come, at least so many octets. Who reads no more than that reads nothing
    /// of what stands behind the header.
    #[error("the header has no end yet")]
    Incomplete(usize),
    /// It begins with neither version's signature.
    #[error("no PROXY header")]
    Missing,
    /// A line of version 1 without an end.
    #[error("a PROXY header of more than {TEXT_MAX} octets")]
    TextTooLong,
    /// A block of version 2 that nobody needs.
    #[error("a PROXY header with a block of more than {BLOCK_MAX} octets")]
    BlockTooLong,
    /// Not what either version allows.
    #[error("a malformed PROXY header")]
    Malformed,
}

/// Parses the header at the start of `input`. Extensions behind the addresses are skipped.
pub(crate) fn parse(input: &[u8]) -> Result<Header, HeaderError> {
    if begins(input, SIGNATURE) {
        parse_binary(input)
    } else if begins(input, VERB) {
        parse_text(input)
    } else {
        Err(HeaderError::Missing)
    }
}

/// Version 1.
const VERB: &[u8] = b"PROXY ";
/// Octets of the shortest header: `PROXY UNKNOWN` with its CRLF.
const SHORTEST: usize = 15;
/// Fields of a line that has addresses.
const FIELDS: usize = 6;

/// Version 2.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The signature, version and command, family and transport, and the length of the rest.
pub(crate) const FIXED: usize = 16;

/// Whether `input` begins with `signature`, as far as it goes.
fn begins(input: &[u8], signature: &[u8]) -> bool {
    let common = input.len().min(signature.len());
    input[..common] == signature[..common]
}

fn parse_text(input: &[u8]) -> Result<Header, HeaderError> {
    let window = &input[..input.len().min(TEXT_MAX)];
    let Some(end) = window.iter().position(|octet| *octet == b'\n') else {
        if window.len() == TEXT_MAX {
            return Err(HeaderError::TextTooLong);
        }
        return Err(HeaderError::Incomplete(missing_text(window)));
    };
    let line = window[..end].strip_suffix(b"\r");
    let line = line.and_then(|line| std::str::from_utf8(line).ok());
    let source = line.and_then(source_of_line);
    Ok(Header {
        length: end + 1,
        source: source.ok_or(HeaderError::Malformed)?,
    })
}

/// Octets that a line without an end lacks at least: a space and an octet for each field that is
/// still to come, and CRLF.
fn missing_text(line: &[u8]) -> usize {
    if line.ends_with(b"\r") {
        return 1;
    }
    let fields = line.split(|octet| *octet == b' ').count();
    let missing = if line.starts_with(b"PROXY TCP") {
        2 * FIELDS.saturating_sub(fields)
    } else {
        0
    };
    (missing + 2).max(SHORTEST.saturating_sub(line.len()))
}

fn source_of_line(line: &str) -> Option<Source> {
    let mut fields = line.split(' ');
    let (_verb, family) = (fields.next()?, fields.next()?);
    let addresses: fn(&str) -> Option<IpAddr> = match family {
        // What follows is to be ignored.
        "UNKNOWN" => return Some(Source::ItsPeer),
        "TCP4" => |text| Ipv4Addr::from_str(text).ok().map(IpAddr::V4),
        "TCP6" => |text| Ipv6Addr::from_str(text).ok().map(IpAddr::V6),
        _ => return None,
    };
    let (source, _destination) = (addresses(fields.next()?)?, addresses(fields.next()?)?);
    let (source_port, _port) = (port(fields.next()?)?, port(fields.next()?)?);
    let is_whole = fields.next().is_none();
    is_whole.then(|| Source::Tcp(SocketAddr::new(source, source_port)))
}

/// A port as it is written: digits only, and none to fill up.
fn port(text: &str) -> Option<u16> {
    let port: u16 = text.parse().ok()?;
    let is_plain = text == "0" || text.starts_with(|first| matches!(first, '1'..='9'));
    is_plain.then_some(port)
}

fn parse_binary(input: &[u8]) -> Result<Header, HeaderError> {
    let Some((fixed, rest)) = input.split_at_checked(FIXED) else {
        // Nothing may still become version 1.
        let least = if input.is_empty() { SHORTEST } else { FIXED };
        return Err(HeaderError::Incomplete(least - input.len()));
    };
    let (version_and_command, family, length) = (
        fixed[12],
        fixed[13],
        u16::from_be_bytes([fixed[14], fixed[15]]),
    );
    let length = usize::from(length);
    if length > BLOCK_MAX {
        return Err(HeaderError::BlockTooLong);
    }
    // Refused before the block is there, so that nobody waits for it.
    let source_of_block: fn(&[u8]) -> Option<Source> = match (version_and_command, family) {
        // LOCAL, whatever the family.
        (0x20, _) => |_| Some(Source::ItsPeer),
        // PROXY; UNSPEC.
        (0x21, 0x00) => |_| Some(Source::ItsPeer),
        // TCP over IPv4: two addresses, two ports.
        (0x21, 0x11) => |block| {
            let (address, ports) = (block.first_chunk::<4>()?, block.get(8..12)?);
            Some(tcp(IpAddr::from(*address), ports))
        },
        // TCP over IPv6.
        (0x21, 0x21) => |block| {
            let (address, ports) = (block.first_chunk::<16>()?, block.get(32..36)?);
            Some(tcp(IpAddr::from(*address), ports))
        },
        // A Unix socket: two paths of 108 octets.
        (0x21, 0x31) => |block| block.get(..216).map(|_| Source::Unix),
        // Datagrams carry no mail.
        _ => return Err(HeaderError::Malformed),
    };
    let Some(block) = rest.get(..length) else {
        return Err(HeaderError::Incomplete(length - rest.len()));
    };
    Ok(Header {
        length: FIXED + length,
        source: source_of_block(block).ok_or(HeaderError::Malformed)?,
    })
}

/// The ports are those of the source and of the destination.
fn tcp(address: IpAddr, ports: &[u8]) -> Source {
    let port = ports.first_chunk().copied().map_or(0, u16::from_be_bytes);
    Source::Tcp(SocketAddr::new(address, port))
}
