//! Why a handshake failed.

use std::io;

use rustls::Error;

/// Why a handshake failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The client left, or the connection broke.
    Disconnected,
    /// It took longer than `Settings::handshake`.
    Timeout,
    /// The server is stopping.
    Shutdown,
    /// What came is not TLS.
    NotTls,
    /// There is no version, cipher suite or group that both sides know.
    Incompatible,
    /// The client refused, most often because of the server's certificate.
    Refused,
    /// The client showed no certificate, and needs one.
    NoClientCertificate,
    /// The certificate of the client is not taken.
    BadClientCertificate,
    /// The client broke the protocol.
    Protocol,
}

impl TlsFailure {
    /// A lower-case word for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Timeout => "timeout",
            Self::Shutdown => "shutdown",
            Self::NotTls => "not-tls",
            Self::Incompatible => "incompatible",
            Self::Refused => "refused",
            Self::NoClientCertificate => "no-client-certificate",
            Self::BadClientCertificate => "bad-client-certificate",
            Self::Protocol => "protocol",
        }
    }

    pub(crate) fn of(error: &io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        match inner {
            None => Self::Disconnected,
            Some(Error::InvalidMessage(_)) => Self::NotTls,
            Some(Error::PeerIncompatible(_)) => Self::Incompatible,
            Some(Error::AlertReceived(_)) => Self::Refused,
            Some(Error::NoCertificatesPresented) => Self::NoClientCertificate,
            Some(Error::InvalidCertificate(_)) => Self::BadClientCertificate,
            Some(_) => Self::Protocol,
        }
    }
}
