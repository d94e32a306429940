//! What was agreed with a client.

use std::{fmt, time::Duration};

use rustls::{HandshakeKind, ProtocolVersion, ServerConnection, pki_types::CertificateDer};

use super::{CipherSuite, TlsVersion, swap::Offer, x509};

/// What was agreed with a client in its handshake.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TlsFacts {
    /// The version.
    pub version: TlsVersion,
    /// The cipher suite, by its registered name.
    pub cipher_suite: &'static str,
    /// The server name that the client asked for, in lower case (RFC 6066 section 3).
    pub server_name: Option<Box<str>>,
    /// The session goes on from an earlier one, by a ticket.
    pub resumed: bool,
    /// The certificate that the client showed, in this session or in the one it goes on from.
    pub client_certificate: Option<ClientCertificate>,
    /// How long the handshake took.
    pub duration: Duration,
}

/// The certificate of a client, which holds its key.
#[derive(Clone)]
pub struct ClientCertificate {
    der: CertificateDer<'static>,
    verified: bool,
}

impl TlsFacts {
    /// Nothing, if the handshake is not over.
    pub(crate) fn of(
        connection: &ServerConnection,
        offer: &Offer,
        duration: Duration,
    ) -> Option<Self> {
        let version = match connection.protocol_version()? {
            ProtocolVersion::TLSv1_3 => TlsVersion::Tls13,
            // The settings know no third.
            _ => TlsVersion::Tls12,
        };
        let certificate = |chain: &[CertificateDer<'static>]| {
            let (der, verified) = (chain.first()?.clone(), offer.verifies_clients());
            Some(ClientCertificate { der, verified })
        };
        Some(Self {
            version,
            cipher_suite: CipherSuite::of(connection.negotiated_cipher_suite()?)?.name(),
            server_name: connection.server_name().map(Into::into),
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
            client_certificate: connection.peer_certificates().and_then(certificate),
            duration,
        })
    }
}

impl ClientCertificate {
    /// Whether it has a valid chain to an authority that the settings name. Without any named,
    /// only that the client holds its key is known.
    pub fn is_verified(&self) -> bool {
        self.verified
    }

    /// Whom it was issued to (RFC 4514), with nothing in it that breaks a line; empty if it cannot
    /// be read. Parsed at each call.
    pub fn subject(&self) -> String {
        x509::subject(&self.der)
    }

    /// Its SHA-256, in hexadecimal with colons. Computed at each call.
    pub fn fingerprint(&self) -> String {
        x509::fingerprint(&self.der)
    }

    /// The certificate itself.
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate")
            .field("subject", &self.subject())
            .field("verified", &self.verified)
            .finish_non_exhaustive()
    }
}
