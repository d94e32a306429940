//! What a server offers to its clients.

use prixfixe_proto::Domain;

use super::{CaCertificates, Certificate, CipherSuite, KeyExchangeGroup};

/// What a server offers in its handshakes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TlsSettings {
    /// What clients are shown that name no server or one that is not in `sni`.
    pub certificate: Certificate,
    /// What they are shown that name this server (RFC 6066 section 3). Default: none.
    pub sni: Vec<(Domain, Certificate)>,
    /// Default: TLS 1.2.
    pub minimum_version: TlsVersion,
    /// Instead of [`CipherSuite::all`]; the order is the order of preference.
    pub cipher_suites: Option<Vec<CipherSuite>>,
    /// Instead of [`KeyExchangeGroup::all`]; the order is the order of preference.
    pub key_exchange_groups: Option<Vec<KeyExchangeGroup>>,
    /// Whether clients are asked for a certificate. Default: no.
    pub client_certificates: ClientCertificates,
}

impl TlsSettings {
    /// The defaults, with this certificate.
    pub fn new(certificate: Certificate) -> Self {
        Self {
            certificate,
            sni: Vec::new(),
            minimum_version: TlsVersion::default(),
            cipher_suites: None,
            key_exchange_groups: None,
            client_certificates: ClientCertificates::default(),
        }
    }
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum TlsVersion {
    /// RFC 5246.
    #[default]
    Tls12,
    /// RFC 8446.
    Tls13,
}

impl TlsVersion {
    /// As it stands in logs and trace fields: `TLS1.3`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tls12 => "TLS1.2",
            Self::Tls13 => "TLS1.3",
        }
    }
}

/// Whether clients are asked for a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ClientCertificates {
    /// They are not asked.
    #[default]
    None,
    /// They are asked, and may have none.
    Optional(ClientTrust),
    /// Without one the handshake fails.
    Required(ClientTrust),
}

/// Which certificates of clients are taken. That the client holds the key of its certificate is
/// verified in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientTrust {
    /// Any: the handler decides, by the fingerprint for instance.
    Any,
    /// Those with a valid chain to one of these.
    IssuedBy(CaCertificates),
}
