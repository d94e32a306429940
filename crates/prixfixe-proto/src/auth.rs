//! AUTH (RFC 4954): who may log in how, and what passes between a session and who verifies.

use std::{fmt, str::FromStr};

use zeroize::Zeroize as _;

/// Whether and how clients log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthPolicy {
    /// Whether they can or must.
    pub demand: AuthDemand,
    /// AUTH is offered also on a connection that is not encrypted, where a password could be
    /// read. Default: no.
    pub without_tls: bool,
    /// What is offered, as far as the connection allows it. Default: all.
    pub mechanisms: Mechanisms,
}

impl Default for AuthPolicy {
    fn default() -> Self {
        Self {
            demand: AuthDemand::default(),
            without_tls: false,
            mechanisms: Mechanisms::ALL,
        }
    }
}

/// Whether clients log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum AuthDemand {
    /// They cannot.
    #[default]
    Never,
    /// They can.
    Optional,
    /// They must, before MAIL.
    Required,
}

/// A SASL mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mechanism {
    /// RFC 7677 with channel binding: needs TLS.
    ScramSha256Plus,
    /// RFC 7677.
    ScramSha256,
    /// RFC 7628.
    OAuthBearer,
    /// Google's forerunner of it.
    XOAuth2,
    /// RFC 4616.
    Plain,
    /// draft-murchison-sasl-login; the same as PLAIN in two steps.
    Login,
}

impl Mechanism {
    /// All of them, the safest first, as EHLO announces them.
    pub const ALL: [Self; 6] = [
        Self::ScramSha256Plus,
        Self::ScramSha256,
        Self::OAuthBearer,
        Self::XOAuth2,
        Self::Plain,
        Self::Login,
    ];

    /// The name in EHLO and AUTH.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::OAuthBearer => "OAUTHBEARER",
            Self::XOAuth2 => "XOAUTH2",
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no [`Mechanism`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no SASL mechanism that is known here")]
pub struct UnknownMechanism;

impl FromStr for Mechanism {
    type Err = UnknownMechanism;

    fn from_str(text: &str) -> Result<Self, UnknownMechanism> {
        Self::ALL
            .into_iter()
            .find(|mechanism| mechanism.as_str().eq_ignore_ascii_case(text))
            .ok_or(UnknownMechanism)
    }
}

/// A set of mechanisms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mechanisms(u8);

impl Mechanisms {
    /// All mechanisms.
    pub const ALL: Self = Self::of(&Mechanism::ALL);

    /// The mechanisms that need a password.
    pub const PASSWORD: Self = Self::of(&[
        Mechanism::ScramSha256Plus,
        Mechanism::ScramSha256,
        Mechanism::Plain,
        Mechanism::Login,
    ]);

    /// These mechanisms.
    pub const fn of(mechanisms: &[Mechanism]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < mechanisms.len() {
            bits |= 1 << mechanisms[at] as u8;
            at += 1;
        }
        Self(bits)
    }

    /// Whether this one is among them.
    pub const fn contains(self, mechanism: Mechanism) -> bool {
        self.0 & (1 << mechanism as u8) != 0
    }

    /// These but this one.
    #[must_use]
    pub const fn without(self, mechanism: Mechanism) -> Self {
        Self(self.0 & !(1 << mechanism as u8))
    }

    /// All in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each, the safest first.
    pub fn iter(self) -> impl Iterator<Item = Mechanism> {
        Mechanism::ALL
            .into_iter()
            .filter(move |mechanism| self.contains(*mechanism))
    }
}

/// Their names with a space between them.
impl fmt::Display for Mechanisms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, mechanism) in self.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { " " })?;
            f.write_str(mechanism.as_str())?;
        }
        Ok(())
    }
}

/// The client's part of an AUTH exchange, base64 undone. It may hold a password: what prints it
/// for debugging shows its length only, and its memory is overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthMessage {
    /// The mechanism that the client chose.
    pub mechanism: Mechanism,
    /// What it sent: the initial response of AUTH, if it gave one, or the answer to the last
    /// challenge.
    pub response: Option<Vec<u8>>,
    /// This message begins the exchange.
    pub first: bool,
}

impl Drop for AuthMessage {
    fn drop(&mut self) {
        self.response.zeroize();
    }
}

impl fmt::Debug for AuthMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthMessage")
            .field("mechanism", &self.mechanism)
            .field("octets", &self.response.as_ref().map(Vec::len))
            .field("first", &self.first)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_mechanisms() {
        let some = Mechanisms::of(&[Mechanism::Login, Mechanism::ScramSha256]);
        let names: Vec<_> = some.iter().map(Mechanism::as_str).collect();
        assert_eq!(names, ["SCRAM-SHA-256", "LOGIN"]);
        let both = some.intersection(Mechanisms::of(&[Mechanism::Login]));
        assert!(both.contains(Mechanism::Login) && !both.contains(Mechanism::ScramSha256));
        assert!(
            some.without(Mechanism::Login)
                .iter()
                .eq([Mechanism::ScramSha256])
        );
        assert!(Mechanisms::default().is_empty());
        assert_eq!("scram-sha-256-plus".parse(), Ok(Mechanism::ScramSha256Plus));
        assert_eq!("CRAM-MD5".parse::<Mechanism>(), Err(UnknownMechanism));
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let message = AuthMessage {
            mechanism: Mechanism::Plain,
            response: Some(b"\0user\0secret".to_vec()),
            first: true,
        };
        assert!(!format!("{message:?}").contains("secret"));
    }
}
