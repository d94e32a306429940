//! Cipher suites and key exchange groups by the names of the IANA registries.

use std::{fmt, str::FromStr};

use rustls::{
    SupportedCipherSuite,
    crypto::{
        SupportedKxGroup,
        aws_lc_rs::{cipher_suite as suite, kx_group as group},
    },
};

/// A cipher suite, by its name in the registry of TLS Cipher Suites.
#[derive(Clone, Copy)]
pub struct CipherSuite(&'static (&'static str, SupportedCipherSuite));

/// A key exchange group, by its name in the registry of TLS Supported Groups.
#[derive(Clone, Copy)]
pub struct KeyExchangeGroup(&'static (&'static str, &'static dyn SupportedKxGroup));

/// A name that stands for nothing that is offered here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not among {known}")]
pub struct UnknownAlgorithm {
    given: String,
    known: String,
}

/// In the order in which they are preferred.
static SUITES: [(&str, SupportedCipherSuite); 9] = [
    ("TLS_AES_256_GCM_SHA384", suite::TLS13_AES_256_GCM_SHA384),
    ("TLS_AES_128_GCM_SHA256", suite::TLS13_AES_128_GCM_SHA256),
    (
        "TLS_CHACHA20_POLY1305_SHA256",
        suite::TLS13_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
];

/// In the order in which they are preferred: first the one that a recording of today does not
/// betray to a quantum computer of tomorrow.
static GROUPS: [(&str, &dyn SupportedKxGroup); 4] = [
    ("X25519MLKEM768", group::X25519MLKEM768),
    ("X25519", group::X25519),
    ("secp256r1", group::SECP256R1),
    ("secp384r1", group::SECP384R1),
];

impl CipherSuite {
    /// All that can be offered, the preferred ones first.
    pub fn all() -> impl Iterator<Item = Self> {
        SUITES.iter().map(Self)
    }

    /// Its registered name.
    pub fn name(self) -> &'static str {
        self.0.0
    }

    pub(crate) fn of(agreed: SupportedCipherSuite) -> Option<Self> {
        Self::all().find(|suite| suite.0.1.suite() == agreed.suite())
    }

    pub(crate) fn provided(self) -> SupportedCipherSuite {
        self.0.1
    }
}

impl KeyExchangeGroup {
    /// All that can be offered, the preferred ones first.
    pub fn all() -> impl Iterator<Item = Self> {
        GROUPS.iter().map(Self)
    }

    /// Its registered name.
    pub fn name(self) -> &'static str {
        self.0.0
    }

    pub(crate) fn provided(self) -> &'static dyn SupportedKxGroup {
        self.0.1
    }
}

impl FromStr for CipherSuite {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        let found = Self::all().find(|suite| suite.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| UnknownAlgorithm::new(text, Self::all().map(Self::name)))
    }
}

impl FromStr for KeyExchangeGroup {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        let found = Self::all().find(|group| group.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| UnknownAlgorithm::new(text, Self::all().map(Self::name)))
    }
}

impl UnknownAlgorithm {
    fn new(given: &str, known: impl Iterator<Item = &'static str>) -> Self {
        let (given, known) = (given.to_owned(), known.collect::<Vec<_>>().join(", "));
        Self { given, known }
    }
}

impl PartialEq for CipherSuite {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for CipherSuite {}

impl PartialEq for KeyExchangeGroup {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for KeyExchangeGroup {}

impl fmt::Debug for CipherSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for CipherSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for KeyExchangeGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for KeyExchangeGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use rustls::crypto::aws_lc_rs::ALL_CIPHER_SUITES;

    use super::*;

    #[test]
    fn every_suite_of_the_library_has_its_name() {
        for suite in ALL_CIPHER_SUITES {
            assert!(CipherSuite::of(*suite).is_some(), "{suite:?}");
        }
        assert_eq!(CipherSuite::all().count(), ALL_CIPHER_SUITES.len());
    }

    #[test]
    fn a_wrong_name_is_told_the_right_ones() {
        let error = "TLS_RSA_WITH_RC4_128_MD5"
            .parse::<CipherSuite>()
            .unwrap_err();
        assert!(
            error.to_string().contains("TLS_AES_256_GCM_SHA384"),
            "{error}"
        );
        let error = "sect571r1".parse::<KeyExchangeGroup>().unwrap_err();
        assert!(error.to_string().contains("secp256r1"), "{error}");
        assert_eq!(
            "x25519".parse::<KeyExchangeGroup>().unwrap().name(),
            "X25519"
        );
    }
}
