//! TLS by rustls: certificates, what is offered, and what was agreed.
//!
//! ```no_run
//! use prixfixe::{ListenerSettings, Server, Settings, TlsMode, tls::{Certificate, Tls, TlsSettings}};
//!
//! let certificate = Certificate::from_files("mx.pem".as_ref(), "mx.key".as_ref(), None)?;
//! let tls = Tls::new(TlsSettings::new(certificate))?;
//! let mut settings = Settings::new("mx.example.com".parse()?);
//! settings.tls = Some(tls.clone());
//! let mut server = Server::new(settings);
//! let mut listener = ListenerSettings::default();
//! listener.tls = TlsMode::StartTls;
//! server.listen_tcp("0.0.0.0:25", listener)?;
//!
//! // Later, when the files have changed; sessions under way go on as they are.
//! let renewed = Certificate::from_files("mx.pem".as_ref(), "mx.key".as_ref(), None)?;
//! tls.replace(TlsSettings::new(renewed))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Session tickets make resumption cheap for clients that come again. Their keys live as long as
//! the [`Tls`] value and change every six hours. Early data (0-RTT), which could be replayed, is
//! never accepted.

mod algorithm;
mod certificate;
mod certificate_choice;
mod certificate_error;
mod channel_bindings;
mod client_verifier;
mod facts;
mod failure;
mod handshake;
mod private_key;
mod read_ahead;
mod secure_stream;
mod settings;
mod swap;
mod x509;

pub use algorithm::{CipherSuite, KeyExchangeGroup, UnknownAlgorithm};
pub use certificate::{CaCertificates, Certificate};
pub use certificate_error::CertificateError;
pub use facts::{ClientCertificate, TlsFacts};
pub use failure::TlsFailure;
pub use settings::{ClientCertificates, ClientTrust, TlsSettings, TlsVersion};
pub use swap::{Tls, TlsError};

pub(crate) use channel_bindings::ChannelBindings;
pub(crate) use handshake::secure;
pub(crate) use secure_stream::{Handshake, SecureStream};
