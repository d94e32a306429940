//! Which certificate a client is shown.

use std::{collections::HashMap, sync::Arc};

use prixfixe_proto::Domain;
use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::Certificate;

/// The certificates of a server by the names that clients ask for.
#[derive(Debug)]
pub(crate) struct CertificateChoice {
    fallback: Certificate,
    /// In lower case.
    by_name: HashMap<String, Certificate>,
}

impl CertificateChoice {
    /// Of two certificates for one name the first counts.
    pub(crate) fn new(fallback: Certificate, sni: Vec<(Domain, Certificate)>) -> Self {
        let mut by_name = HashMap::new();
        for (domain, certificate) in sni {
            by_name
                .entry(domain.as_str().to_ascii_lowercase())
                .or_insert(certificate);
        }
        Self { fallback, by_name }
    }

    /// What a client is shown that asks for this name, which rustls gives in lower case.
    pub(crate) fn of(&self, server_name: Option<&str>) -> &Certificate {
        server_name
            .and_then(|name| self.by_name.get(name))
            .unwrap_or(&self.fallback)
    }

    /// All of them, the one for everybody else first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Certificate> {
        std::iter::once(&self.fallback).chain(self.by_name.values())
    }
}

impl ResolvesServerCert for CertificateChoice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(self.of(hello.server_name()).certified()))
    }
}
