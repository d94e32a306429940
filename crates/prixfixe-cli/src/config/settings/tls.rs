//! `[tls]`, `[[tls.sni]]` and `[auth]`.

use crate::config::key::Status::Built;
use crate::config::section::section;
use crate::config::value::{
    CertificateSource, CipherSuite, DomainName, FilePath, KeyExchangeGroup, choice,
};

section! {
    /// Encryption of all listeners. A change of these files on disk is noticed while the server
    /// runs, and SIGHUP reads this table again.
    pub(crate) struct Tls: Table("tls") {
        /// The certificate chain, PEM or DER; `"self-signed"` makes one at start.
        certificate: Option<CertificateSource> = unset, Built;
        /// The private key of the certificate.
        key: Option<FilePath> = unset, Built;
        /// The file with the password of the key.
        key_password_file: Option<FilePath> = unset, Built;
        /// The oldest version that a client may speak.
        minimum_version: TlsVersion = "\"1.2\"", Built;
        /// The cipher suites to choose from, best first; unset, all that are safe.
        cipher_suites: Option<Vec<CipherSuite>> = unset, Built;
        /// The key exchange groups to choose from, best first; unset, all that are safe.
        key_exchange_groups: Option<Vec<KeyExchangeGroup>> = unset, Built;
        /// Whether clients can or must show a certificate.
        client_certificates: ClientCertificates = "\"none\"", Built;
        /// The authorities, PEM or DER, one of which has to have issued a client's certificate;
        /// unset, every certificate of an optional one is taken.
        client_ca: Option<FilePath> = unset, Built;
    }
}

section! {
    /// A further certificate, for clients that ask for this name.
    pub(crate) struct Sni: Tables("tls.sni") {
        /// The name.
        name: DomainName = unset, Built;
        /// The certificate chain, PEM or DER.
        certificate: FilePath = unset, Built;
        /// The private key of the certificate.
        key: FilePath = unset, Built;
        /// The file with the password of the key.
        key_password_file: Option<FilePath> = unset, Built;
    }
}

section! {
    /// Logins.
    pub(crate) struct AuthKeys: Table("auth") {
        /// The file with users and their passwords.
        password_file: Option<FilePath> = unset, Built;
    }
}

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
