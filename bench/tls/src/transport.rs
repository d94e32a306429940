//! Connections of the clients: plain TCP, or TLS over it, behind one pair of read and write, so
//! that a row with TLS and one without run the same code.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};
use serde::Serialize;
use socket2::{Domain, SockRef, Socket, Type};

use crate::certificate::SERVER_NAME;

/// How a session is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Security {
    Plain,
    StartTls,
    Implicit,
}

/// How TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Handshake {
    /// With certificate and signature, as the first one of a client.
    Full,
    /// By a ticket of the connection before; RFC 8446 section 2.2.
    Resumed,
}

/// One connection, ready for SMTP.
pub(crate) enum Channel {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Channel {
    /// The plain half of STARTTLS becomes TLS. Returns when the handshake is complete.
    pub(crate) fn secure(self, tls: &Arc<ClientConfig>) -> io::Result<Self> {
        let Self::Plain(mut stream) = self else {
            return Err(io::Error::other("TLS is active already"));
        };
        let name = ServerName::try_from(SERVER_NAME).map_err(io::Error::other)?;
        let mut connection =
            ClientConnection::new(Arc::clone(tls), name).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            acknowledge_at_once(&stream)?;
            connection.complete_io(&mut stream)?;
        }
        Ok(Self::Tls(Box::new(StreamOwned::new(connection, stream))))
    }

    /// How TLS began; none without it.
    pub(crate) fn handshake(&self) -> Option<Handshake> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => Some(match stream.conn.handshake_kind() {
                Some(HandshakeKind::Resumed) => Handshake::Resumed,
                _ => Handshake::Full,
            }),
        }
    }

    /// Says that nothing more will come, as far as the protection has a way to say it.
    pub(crate) fn close(&mut self) {
        if let Self::Tls(stream) = self {
            stream.conn.send_close_notify();
            // The server may have closed first, which it may after 221.
            let _ = stream.flush();
        }
    }
}

impl Read for Channel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => {
                acknowledge_at_once(stream)?;
                stream.read(buffer)
            }
            Self::Tls(stream) => {
                acknowledge_at_once(&stream.sock)?;
                stream.read(buffer)
            }
        }
    }
}

impl Write for Channel {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(octets),
            Self::Tls(stream) => stream.write(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// Connects over loopback. A client that comes again and again has many addresses: the ports of a
/// single one would soon all be waiting for their last connection to be forgotten.
pub(crate) fn connect(server: SocketAddr, from: Ipv4Addr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.set_tcp_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.connect_timeout(&server.into(), PATIENCE)?;
    Ok(socket.into())
}

/// Until the kernel forgets it again, so it is said before every read. Receivers that leave Nagle's
/// algorithm on would otherwise be measured mostly asleep, waiting for an acknowledgement.
fn acknowledge_at_once(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).set_tcp_quickack(true)
}

/// The address from which a client makes its connection of this number.
pub(crate) fn source(client: u32, connection: u64) -> Ipv4Addr {
    let [.., low] = client.to_be_bytes();
    let last = u8::try_from(connection % SOURCES_OF_A_CLIENT).unwrap_or(0);
    Ipv4Addr::new(127, 1, low, 1 + last)
}

const SOURCES_OF_A_CLIENT: u64 = 250;

/// No reply takes nearly as long; a receiver that hangs fails the run.
const PATIENCE: Duration = Duration::from_secs(60);

/// The settings of one client. Version, suite and group are fixed, so that every receiver does the
/// same arithmetic. Sessions are remembered, or not, for this client alone.
pub(crate) fn client_config(
    trusted: &CertificateDer<'static>,
    handshake: Handshake,
) -> Result<Arc<ClientConfig>, rustls::Error> {
    let provider = CryptoProvider {
        cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384],
        kx_groups: vec![aws_lc_rs::kx_group::X25519],
        ..aws_lc_rs::default_provider()
    };
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone())?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = match handshake {
        Handshake::Full => Resumption::disabled(),
        Handshake::Resumed => Resumption::in_memory_sessions(SESSIONS_REMEMBERED),
    };
    Ok(Arc::new(config))
}

/// A client talks to one server, and a ticket is used once, as RFC 8446 appendix C.4 asks.
const SESSIONS_REMEMBERED: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_do_not_share_addresses_and_stay_on_loopback() {
        assert_eq!(source(3, 0), Ipv4Addr::new(127, 1, 3, 1));
        assert_eq!(source(3, 249), Ipv4Addr::new(127, 1, 3, 250));
        assert_eq!(source(3, 250), source(3, 0));
        assert_ne!(source(4, 0), source(3, 0));
    }
}
