//! Private keys in all the forms in which they lie in files.

use pkcs8::EncryptedPrivateKeyInfoRef;
use rustls::pki_types::{
    PrivateKeyDer, PrivatePkcs8KeyDer,
    pem::{self, PemObject},
};
use zeroize::Zeroizing;

use super::CertificateError;

/// Reads the key in `bytes`, which came from `file`: PKCS#8 (also encrypted), PKCS#1 or SEC1, as
/// PEM or DER. Of several in a PEM file the first counts.
pub(crate) fn read(
    bytes: &[u8],
    file: &str,
    password: Option<&str>,
) -> Result<PrivateKeyDer<'static>, CertificateError> {
    if !is_pem(bytes) {
        return read_der(bytes, file, password);
    }
    if contains(bytes, b"Proc-Type: 4,ENCRYPTED") {
        return Err(CertificateError::OldEncryption(file.to_owned()));
    }
    if contains(bytes, ENCRYPTED_LABEL) {
        let der = decode_encrypted(bytes).map_err(|error| unusable(file, &error))?;
        return decrypt(der.secret_pkcs8_der(), file, password);
    }
    PrivateKeyDer::from_pem_slice(bytes).map_err(|error| match error {
        pem::Error::NoItemsFound => CertificateError::NoKey(file.to_owned()),
        error => unusable(file, &error),
    })
}

/// Whether this is PEM; what is not is taken for DER.
pub(crate) fn is_pem(bytes: &[u8]) -> bool {
    contains(bytes, b"-----BEGIN ")
}

const ENCRYPTED_LABEL: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";

fn read_der(
    der: &[u8],
    file: &str,
    password: Option<&str>,
) -> Result<PrivateKeyDer<'static>, CertificateError> {
    if EncryptedPrivateKeyInfoRef::try_from(der).is_ok() {
        return decrypt(der, file, password);
    }
    PrivateKeyDer::try_from(der)
        .map(|key| key.clone_key())
        .map_err(|_| CertificateError::NoKey(file.to_owned()))
}

/// The PEM reader passes over sections that it does not know, and the label of an encrypted key
/// is one; under the label of a plain one it decodes it all the same.
fn decode_encrypted(pem: &[u8]) -> Result<PrivatePkcs8KeyDer<'static>, pem::Error> {
    let pem = Zeroizing::new(String::from_utf8_lossy(pem).into_owned());
    let renamed = pem.replace("ENCRYPTED PRIVATE KEY-----", "PRIVATE KEY-----");
    PrivatePkcs8KeyDer::from_pem_slice(Zeroizing::new(renamed).as_bytes())
}

fn decrypt(
    der: &[u8],
    file: &str,
    password: Option<&str>,
) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let password = password.ok_or_else(|| CertificateError::PasswordMissing(file.to_owned()))?;
    let decrypted = EncryptedPrivateKeyInfoRef::try_from(der)
        .and_then(|encrypted| encrypted.decrypt(password))
        .map_err(|error| CertificateError::Decryption {
            file: file.to_owned(),
            reason: error.to_string(),
        })?;
    PrivateKeyDer::try_from(decrypted.as_bytes())
        .map(|key| key.clone_key())
        .map_err(|reason| unusable(file, &reason))
}

fn unusable(file: &str, reason: &dyn std::fmt::Display) -> CertificateError {
    CertificateError::UnusableKey {
        file: file.to_owned(),
        reason: reason.to_string(),
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}
