//! A certificate with its key, and the certificates of authorities.

use std::{
    fmt,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use prixfixe_proto::Domain;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::{
    Error,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use zeroize::Zeroizing;

use super::{CertificateError, private_key, x509};

/// How long a self-signed certificate is valid: longer than a development server runs.
const SELF_SIGNED_VALIDITY: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// How far it is dated back, for clients whose clock is slow.
const SELF_SIGNED_BACKDATE: Duration = Duration::from_secs(24 * 60 * 60);

/// A certificate, the chain to its issuer, and its private key. Cheap to clone.
#[derive(Clone)]
pub struct Certificate(Arc<Loaded>);

struct Loaded {
    certified: Arc<CertifiedKey>,
    facts: x509::Facts,
}

/// The certificates of authorities that clients' certificates may be issued by.
#[derive(Clone, PartialEq, Eq)]
pub struct CaCertificates(Arc<Vec<CertificateDer<'static>>>);

impl Certificate {
    /// Reads a chain, the server's own certificate first, in PEM, or one certificate in DER; and
    /// its key in PKCS#8, PKCS#1 or SEC1, as PEM or DER. The password is for an encrypted PKCS#8
    /// key.
    pub fn from_files(
        chain: &Path,
        key: &Path,
        password: Option<&str>,
    ) -> Result<Self, CertificateError> {
        let (chain_bytes, key_bytes) = (read(chain)?, Zeroizing::new(read(key)?));
        let (chain, key) = (chain.display().to_string(), key.display().to_string());
        Self::load((&chain_bytes, &chain), (&key_bytes, &key), password)
    }

    /// The same from memory.
    pub fn from_bytes(
        chain: &[u8],
        key: &[u8],
        password: Option<&str>,
    ) -> Result<Self, CertificateError> {
        Self::load(
            (chain, "the given certificate"),
            (key, "the given key"),
            password,
        )
    }

    /// Makes a certificate for this name that nobody has signed but itself: for development, and
    /// for clients that encrypt without asking who is there. ECDSA P-256, valid for a year.
    pub fn self_signed(domain: &Domain) -> Result<Self, CertificateError> {
        let failed = |reason: &dyn fmt::Display| CertificateError::SelfSigned {
            domain: domain.to_string(),
            reason: reason.to_string(),
        };
        let made = || {
            let mut params = CertificateParams::new([subject_name(domain)])?;
            params.distinguished_name = DistinguishedName::new();
            params
                .distinguished_name
                .push(DnType::CommonName, domain.as_str());
            let now = SystemTime::now();
            params.not_before = (now - SELF_SIGNED_BACKDATE).into();
            params.not_after = (now + SELF_SIGNED_VALIDITY).into();
            let key = KeyPair::generate()?;
            let certificate = params.self_signed(&key)?;
            Ok::<_, rcgen::Error>((certificate, Zeroizing::new(key.serialize_der())))
        };
        let (certificate, key) = made().map_err(|error| failed(&error))?;
        let key = PrivateKeyDer::try_from(key.as_slice()).map_err(|error| failed(&error))?;
        let facts = x509::Facts::of(certificate.der()).map_err(|error| failed(&error))?;
        let chain = vec![certificate.der().clone()];
        let certified = CertifiedKey::from_der(chain, key.clone_key(), &default_provider())
            .map_err(|error| failed(&error))?;
        Ok(Self::new(certified, facts))
    }

    /// The SHA-256 of the certificate, in hexadecimal with colons, as `openssl x509 -fingerprint
    /// -sha256` prints it.
    pub fn fingerprint(&self) -> &str {
        &self.0.facts.fingerprint
    }

    /// When it expires.
    pub fn not_after(&self) -> SystemTime {
        self.0.facts.not_after
    }

    /// The DNS names and addresses that it stands for.
    pub fn names(&self) -> &[String] {
        &self.0.facts.names
    }

    /// Whom it was issued to (RFC 4514).
    pub fn subject(&self) -> &str {
        &self.0.facts.subject
    }

    /// The certificate itself in DER, without its chain.
    pub fn der(&self) -> &[u8] {
        self.0.certified.cert.first().map_or(&[], |der| der)
    }

    pub(crate) fn certified(&self) -> &Arc<CertifiedKey> {
        &self.0.certified
    }

    /// What `tls-server-end-point` binds to (RFC 5929 section 4), where that is defined.
    pub(crate) fn end_point(&self) -> Option<&[u8]> {
        self.0.facts.end_point.as_deref()
    }

    fn load(
        (chain, chain_file): (&[u8], &str),
        (key, key_file): (&[u8], &str),
        password: Option<&str>,
    ) -> Result<Self, CertificateError> {
        let (chain, mut facts) = read_certificates(chain, chain_file)?;
        let key = private_key::read(key, key_file, password)?;
        let certified = CertifiedKey::from_der(chain, key, &default_provider()).map_err(
            |error| match error {
                Error::InconsistentKeys(_) => CertificateError::Mismatch {
                    chain: chain_file.to_owned(),
                    key: key_file.to_owned(),
                },
                Error::InvalidCertificate(reason) => CertificateError::MalformedCertificate {
                    file: chain_file.to_owned(),
                    number: 1,
                    reason: reason.to_string(),
                },
                error => CertificateError::UnusableKey {
                    file: key_file.to_owned(),
                    reason: error.to_string(),
                },
            },
        )?;
        // There is at least one, and the first is the server's own.
        Ok(Self::new(certified, facts.swap_remove(0)))
    }

    fn new(certified: CertifiedKey, facts: x509::Facts) -> Self {
        let certified = Arc::new(certified);
        Self(Arc::new(Loaded { certified, facts }))
    }
}

impl CaCertificates {
    /// Reads certificates in PEM, or one in DER.
    pub fn from_file(path: &Path) -> Result<Self, CertificateError> {
        Self::load(&read(path)?, &path.display().to_string())
    }

    /// The same from memory.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CertificateError> {
        Self::load(bytes, "the given list of authorities")
    }

    fn load(bytes: &[u8], file: &str) -> Result<Self, CertificateError> {
        read_certificates(bytes, file).map(|(certificates, _)| Self(Arc::new(certificates)))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.0.iter()
    }
}

/// What stands for a domain in a certificate: of an address literal the address.
fn subject_name(domain: &Domain) -> String {
    let name = domain.as_str().trim_matches(['[', ']']);
    let address = name.get(.."IPv6:".len());
    match address.filter(|tag| tag.eq_ignore_ascii_case("IPv6:")) {
        Some(tag) => name[tag.len()..].to_owned(),
        None => name.to_owned(),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    std::fs::read(path).map_err(|source| CertificateError::Read {
        path: path.to_owned(),
        source,
    })
}

/// The certificates of a file, at least one, and what is in each.
fn read_certificates(
    bytes: &[u8],
    file: &str,
) -> Result<(Vec<CertificateDer<'static>>, Vec<x509::Facts>), CertificateError> {
    let malformed = |number: usize, reason: &dyn fmt::Display| {
        let (file, reason) = (file.to_owned(), reason.to_string());
        CertificateError::MalformedCertificate {
            file,
            number,
            reason,
        }
    };
    let (mut chain, mut facts) = (Vec::new(), Vec::new());
    let mut take = |der: CertificateDer<'static>| {
        facts.push(x509::Facts::of(&der).map_err(|error| malformed(facts.len() + 1, &error))?);
        chain.push(der);
        Ok(())
    };
    if private_key::is_pem(bytes) {
        for (index, der) in CertificateDer::pem_slice_iter(bytes).enumerate() {
            take(der.map_err(|error| malformed(index + 1, &error))?)?;
        }
    } else if !bytes.is_empty() {
        take(CertificateDer::from(bytes.to_vec()))?;
    }
    if chain.is_empty() {
        return Err(CertificateError::NoCertificate(file.to_owned()));
    }
    Ok((chain, facts))
}

/// Without the key.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("names", &self.names())
            .field("fingerprint", &self.fingerprint())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CaCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CaCertificates({})", self.0.len())
    }
}
