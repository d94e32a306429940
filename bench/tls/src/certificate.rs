//! The certificates of a run: made at its start, named after the loopback address, trusted by its
//! own clients only.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rcgen::{
    CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize, SanType,
};
use rustls::pki_types::CertificateDer;
use serde::Serialize;

/// What kind of key signs the handshakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum KeyKind {
    #[serde(rename = "ECDSA P-256")]
    EcdsaP256,
    #[serde(rename = "RSA 2048")]
    Rsa2048,
}

impl KeyKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ECDSA P-256",
            Self::Rsa2048 => "RSA 2048",
        }
    }
}

/// A self-signed certificate and its key, as files for the receivers and as trust for the clients.
#[derive(Clone)]
pub(crate) struct Certificate {
    pub(crate) chain_file: PathBuf,
    pub(crate) key_file: PathBuf,
    pub(crate) der: CertificateDer<'static>,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    #[error("no certificate could be made")]
    Make(#[from] rcgen::Error),
    #[error("the certificate could not be written")]
    Write(#[from] io::Error),
}

impl Certificate {
    /// Makes one, with its files in `folder`.
    pub(crate) fn make(kind: KeyKind, folder: &Path) -> Result<Self, CertificateError> {
        let key = match kind {
            KeyKind::EcdsaP256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?,
            KeyKind::Rsa2048 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?,
        };
        let mut parameters = CertificateParams::new(vec![SERVER_NAME.to_owned()])?;
        parameters
            .subject_alt_names
            .push(SanType::IpAddress([127, 0, 0, 1].into()));
        let certificate = parameters.self_signed(&key)?;
        let made = Self {
            chain_file: folder.join("certificate.pem"),
            key_file: folder.join("key.pem"),
            der: certificate.der().clone(),
        };
        fs::write(&made.chain_file, certificate.pem())?;
        fs::write(&made.key_file, key.serialize_pem())?;
        Ok(made)
    }
}

/// What every receiver calls itself.
pub(crate) const SERVER_NAME: &str = "mx.bench.example";
