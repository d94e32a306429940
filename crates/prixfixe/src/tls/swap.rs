//! The TLS of a server, which can be changed while it runs.

use std::{fmt, sync::Arc, time::SystemTime};

use arc_swap::ArcSwap;
use prixfixe_proto::Domain;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs::{Ticketer, default_provider},
    server::{NoServerSessionStorage, ProducesTickets},
    version::{TLS12, TLS13},
};

use super::{
    Certificate, CipherSuite, ClientCertificates, ClientTrust, KeyExchangeGroup, TlsSettings,
    TlsVersion, certificate_choice::CertificateChoice, client_verifier,
};

/// The TLS of a server. Clones are one and the same: [`replace`](Self::replace) on one changes
/// what all of them offer.
#[derive(Clone)]
pub struct Tls(Arc<ArcSwap<Offer>>);

/// What handshakes that begin now are made with.
pub(crate) struct Offer {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) certificates: Arc<CertificateChoice>,
    clients: ClientCertificates,
}

/// Settings that no handshake could be made with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// None of the cipher suites is of an allowed version.
    #[error("no cipher suite is left for {minimum} and above; name one of {known}",
        minimum = .0.as_str(), known = suites_from(*.0))]
    NoCipherSuite(TlsVersion),
    /// The list of key exchange groups is empty.
    #[error("the list of key exchange groups is empty; name one, or leave the list out")]
    NoKeyExchangeGroup,
    /// No client can ask for this name.
    #[error(
        "{0} is no name that a client can ask for: write a DNS name in ASCII (an \
        internationalised one as its A-label, xn--…)"
    )]
    ServerName(Domain),
    /// A certificate of an authority cannot be used as one.
    #[error("a certificate of the authorities for clients cannot be used: {0}")]
    Authority(String),
    /// The library refuses it.
    #[error("the TLS library refuses these settings: {0}")]
    Library(String),
}

impl Tls {
    /// Checks the settings and makes them ready for handshakes.
    pub fn new(settings: TlsSettings) -> Result<Self, TlsError> {
        let offer = Offer::new(settings, new_ticketer()?)?;
        Ok(Self(Arc::new(ArcSwap::from_pointee(offer))))
    }

    /// Offers something else from the next handshake on; sessions under way stay as they are, and
    /// so does the offer on an error.
    ///
    /// Tickets that were given out go on to be taken, unless what clients' certificates have to
    /// be like changes: who resumes a session does not show his again.
    pub fn replace(&self, settings: TlsSettings) -> Result<(), TlsError> {
        let now = self.0.load();
        let ticketer = if now.clients == settings.client_certificates {
            Arc::clone(&now.config.ticketer)
        } else {
            new_ticketer()?
        };
        self.0.store(Arc::new(Offer::new(settings, ticketer)?));
        Ok(())
    }

    /// When the first of the certificates expires.
    pub fn not_after(&self) -> SystemTime {
        let offer = self.0.load();
        let all = offer.certificates.iter().map(Certificate::not_after);
        all.min().unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// The certificates, the one for clients that ask for no name in particular first.
    pub fn certificates(&self) -> Vec<Certificate> {
        self.0.load().certificates.iter().cloned().collect()
    }

    pub(crate) fn offer(&self) -> Arc<Offer> {
        self.0.load_full()
    }
}

impl Offer {
    fn new(settings: TlsSettings, ticketer: Arc<dyn ProducesTickets>) -> Result<Self, TlsError> {
        let TlsSettings {
            certificate,
            sni,
            minimum_version,
            cipher_suites,
            key_exchange_groups,
            client_certificates: clients,
        } = settings;
        for (domain, _) in &sni {
            if domain.is_literal() || !domain.as_str().is_ascii() {
                return Err(TlsError::ServerName(domain.clone()));
            }
        }
        let suites = cipher_suites.unwrap_or_else(|| CipherSuite::all().collect());
        let groups = key_exchange_groups.unwrap_or_else(|| KeyExchangeGroup::all().collect());
        if !suites
            .iter()
            .any(|suite| version(*suite) >= minimum_version)
        {
            return Err(TlsError::NoCipherSuite(minimum_version));
        }
        if groups.is_empty() {
            return Err(TlsError::NoKeyExchangeGroup);
        }
        let mut provider = default_provider();
        provider.cipher_suites = suites.into_iter().map(CipherSuite::provided).collect();
        provider.kx_groups = groups.into_iter().map(KeyExchangeGroup::provided).collect();
        let provider = Arc::new(provider);
        let versions: &[_] = match minimum_version {
            TlsVersion::Tls12 => &[&TLS13, &TLS12],
            TlsVersion::Tls13 => &[&TLS13],
        };
        let certificates = Arc::new(CertificateChoice::new(certificate, sni));
        let verifier = client_verifier::of(&clients, &provider)?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(|error| TlsError::Library(error.to_string()))?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::clone(&certificates) as _);
        // What a client may resume it carries in its ticket; the server keeps nothing for it.
        config.ticketer = ticketer;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ignore_client_order = true;
        Ok(Self {
            config: Arc::new(config),
            certificates,
            clients,
        })
    }

    /// Whether certificates of clients are taken only with a valid chain.
    pub(crate) fn verifies_clients(&self) -> bool {
        matches!(
            self.clients,
            ClientCertificates::Optional(ClientTrust::IssuedBy(_))
                | ClientCertificates::Required(ClientTrust::IssuedBy(_))
        )
    }
}

fn new_ticketer() -> Result<Arc<dyn ProducesTickets>, TlsError> {
    Ticketer::new().map_err(|error| TlsError::Library(error.to_string()))
}

fn version(suite: CipherSuite) -> TlsVersion {
    if suite.provided().tls13().is_some() {
        TlsVersion::Tls13
    } else {
        TlsVersion::Tls12
    }
}

fn suites_from(minimum: TlsVersion) -> String {
    let names = CipherSuite::all().filter(|suite| version(*suite) >= minimum);
    names.map(CipherSuite::name).collect::<Vec<_>>().join(", ")
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("certificates", &self.certificates())
            .finish_non_exhaustive()
    }
}
