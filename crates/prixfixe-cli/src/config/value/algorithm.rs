//! Algorithms of TLS, by the names that the library knows them by.

use std::fmt;
use std::str::FromStr;

use prixfixe::tls;

use super::{TextSetting, UnknownChoice, one_of};

/// A cipher suite.
pub(crate) type CipherSuite = Algorithm<tls::CipherSuite>;
/// A key exchange group.
pub(crate) type KeyExchangeGroup = Algorithm<tls::KeyExchangeGroup>;

/// An algorithm out of a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Algorithm<A>(A);

impl<A: Copy> Algorithm<A> {
    /// As the library wants it.
    pub(crate) fn get(self) -> A {
        self.0
    }
}

/// A kind of algorithms.
pub(crate) trait Registered: FromStr + fmt::Display {
    /// The names of all that the library has.
    fn names() -> Vec<&'static str>;
}

impl Registered for tls::CipherSuite {
    fn names() -> Vec<&'static str> {
        Self::all().map(Self::name).collect()
    }
}

impl Registered for tls::KeyExchangeGroup {
    fn names() -> Vec<&'static str> {
        Self::all().map(Self::name).collect()
    }
}

impl<A: Registered> FromStr for Algorithm<A> {
    type Err = UnknownChoice;

    fn from_str(text: &str) -> Result<Self, UnknownChoice> {
        let algorithm = text.parse().map(Self);
        algorithm.map_err(|_| UnknownChoice::new(text, &A::names()))
    }
}

impl<A: Registered> fmt::Display for Algorithm<A> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl<A: Registered> TextSetting for Algorithm<A> {
    fn wording() -> String {
        one_of(&A::names())
    }
}
