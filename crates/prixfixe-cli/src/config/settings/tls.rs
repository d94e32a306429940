//! `[tls]`, `[[tls.sni]]` and `[auth]`.

use super::{AUTH, TLS};
use crate::config::key::{
    Missing,
    Status::{BuiltExcept, Later},
};
use crate::config::section::section;
use crate::config::value::{CertificateSource, DomainName, FilePath, choice};

section! {
    /// Encryption of all listeners.
    pub(crate) struct Tls: Table("tls") {
        /// The certificate chain, PEM or DER; `"self-signed"` makes one at start.
        certificate: Option<CertificateSource> = unset, Later(TLS);
        /// The private key of the certificate.
        key: Option<FilePath> = unset, Later(TLS);
        /// The file with the password of the key.
        key_password_file: Option<FilePath> = unset, Later(TLS);
        /// The oldest version that a client may speak.
        minimum_version: TlsVersion = "\"1.2\"", Later(TLS);
        /// The cipher suites to choose from, best first; unset, all that are safe.
        cipher_suites: Option<Vec<CipherSuite>> = unset, Later(TLS);
        /// Whether clients can or must show a certificate.
        client_certificates: ClientCertificates = "\"none\"", BuiltExcept(CLIENT_CERTIFICATES_TO_COME);
    }
}

section! {
    /// A further certificate, for clients that ask for this name.
    pub(crate) struct Sni: Tables("tls.sni") {
        /// The name.
        name: DomainName = unset, Later(TLS);
        /// The certificate chain, PEM or DER.
        certificate: FilePath = unset, Later(TLS);
        /// The private key of the certificate.
        key: FilePath = unset, Later(TLS);
        /// The file with the password of the key.
        key_password_file: Option<FilePath> = unset, Later(TLS);
    }
}

section! {
    /// Logins.
    pub(crate) struct AuthKeys: Table("auth") {
        /// The file with users and their passwords.
        password_file: Option<FilePath> = unset, Later(AUTH);
    }
}

/// Whoever demands certificates uses them as the lock.
const CLIENT_CERTIFICATES_TO_COME: &[(&str, Missing)] = &[
    ("optional", TLS),
    ("required", Missing::refused("TLS with client certificates")),
];

choice! {
    /// A version of TLS.
    pub(crate) enum TlsVersion {
        /// RFC 5246.
        Tls12 = "1.2",
        /// RFC 8446.
        Tls13 = "1.3",
    }
}

choice! {
    /// Whether clients show a certificate.
    pub(crate) enum ClientCertificates {
        /// They are not asked.
        None = "none",
        /// They are asked.
        Optional = "optional",
        /// They must.
        Required = "required",
    }
}

choice! {
    /// A cipher suite, by the name that IANA gave it.
    pub(crate) enum CipherSuite {
        /// AES-256, TLS 1.3.
        Tls13Aes256 = "TLS_AES_256_GCM_SHA384",
        /// AES-128, TLS 1.3.
        Tls13Aes128 = "TLS_AES_128_GCM_SHA256",
        /// ChaCha20, TLS 1.3.
        Tls13ChaCha20 = "TLS_CHACHA20_POLY1305_SHA256",
        /// AES-256 for ECDSA keys, TLS 1.2.
        EcdsaAes256 = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        /// AES-128 for ECDSA keys, TLS 1.2.
        EcdsaAes128 = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        /// ChaCha20 for ECDSA keys, TLS 1.2.
        EcdsaChaCha20 = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        /// AES-256 for RSA keys, TLS 1.2.
        RsaAes256 = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        /// AES-128 for RSA keys, TLS 1.2.
        RsaAes128 = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        /// ChaCha20 for RSA keys, TLS 1.2.
        RsaChaCha20 = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    }
}
