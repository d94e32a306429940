//! What can be wrong with a certificate, its key, or a list of authorities.

use std::{io, path::PathBuf};

/// Why a certificate could not be used. Each text names the file, or what was given in memory,
/// and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A file could not be read.
    #[error("cannot read {path}: {source}; check the path and who may read it", path = .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no certificate in it.
    #[error("{0} holds no certificate; it has to hold a chain in PEM, or one certificate in DER")]
    NoCertificate(String),
    /// What should be a certificate cannot be read.
    #[error("certificate {number} of {file} is malformed ({reason}); get it from its issuer again")]
    MalformedCertificate {
        /// Where.
        file: String,
        /// Which of them, from 1.
        number: usize,
        /// What the parser says.
        reason: String,
    },
    /// There is no private key in it.
    #[error(
        "{0} holds no private key; it has to hold one in PKCS#8, PKCS#1 or SEC1, as PEM or DER"
    )]
    NoKey(String),
    /// A key cannot be read.
    #[error(
        "the private key in {file} cannot be used ({reason}); RSA of 2048 bits or more, ECDSA \
        P-256, P-384 or P-521, and Ed25519 can"
    )]
    UnusableKey {
        /// Where.
        file: String,
        /// What the parser says.
        reason: String,
    },
    /// A key is encrypted, and no password was given.
    #[error(
        "the private key in {0} is encrypted; give its password, or decrypt it with: \
        openssl pkcs8 -in {0} -out decrypted.key"
    )]
    PasswordMissing(String),
    /// A key cannot be decrypted.
    #[error(
        "the private key in {file} cannot be decrypted ({reason}); check the password. If it \
        is right, the encryption is one that is not supported; convert the key with: \
        openssl pkcs8 -in {file} -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -out converted.key"
    )]
    Decryption {
        /// Where.
        file: String,
        /// What the parser says.
        reason: String,
    },
    /// A key is encrypted in the way of before PKCS#8.
    #[error(
        "the private key in {0} is encrypted in the old way (Proc-Type: 4,ENCRYPTED); convert \
        it to PKCS#8 with: openssl pkcs8 -in {0} -topk8 -v2 aes-256-cbc -out converted.key"
    )]
    OldEncryption(String),
    /// The key is another certificate's.
    #[error(
        "the private key in {key} does not belong to the first certificate in {chain}; give \
        the key that the certificate was requested with, and put the server's certificate first"
    )]
    Mismatch {
        /// Where the certificate is.
        chain: String,
        /// Where the key is.
        key: String,
    },
    /// A self-signed certificate could not be made.
    #[error("cannot make a certificate for {domain}: {reason}")]
    SelfSigned {
        /// For which name.
        domain: String,
        /// Why.
        reason: String,
    },
}
