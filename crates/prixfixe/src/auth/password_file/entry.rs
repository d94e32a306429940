//! What a password file keeps of a password.

use std::{fmt, num::NonZeroU32, str::FromStr};

use super::argon2id::Argon2idHash;
use crate::auth::{ScramKeys, Secret, base64, scram_keys::SALT_MAX};

/// What is kept of one password.
#[derive(Debug, Clone)]
pub struct PasswordEntry(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Scram(ScramKeys),
    Argon2id(Box<Argon2idHash>),
}

/// In which form a password is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PasswordScheme {
    /// The keys of SCRAM-SHA-256: all mechanisms with a password work.
    #[default]
    ScramSha256,
    /// Argon2id, which costs who steals the file more: PLAIN and LOGIN work.
    Argon2id,
}

const SCRAM: &str = "{SCRAM-SHA-256}";
const ARGON2ID: &str = "{ARGON2ID}";
/// Rounds of PBKDF2: no fewer than RFC 7677 section 4 allows, and no more than take seconds.
const ROUNDS: std::ops::RangeInclusive<u32> = 4096..=5_000_000;
/// Octets of a salt.
const SALT: std::ops::RangeInclusive<usize> = 8..=SALT_MAX;

impl PasswordEntry {
    /// Makes one for a password that was prepared with [`prepare_password`](super::super::prepare_password);
    /// none if the system has no random numbers. Takes long on purpose.
    pub fn generate(scheme: PasswordScheme, password: &Secret) -> Option<Self> {
        Some(Self(match scheme {
            PasswordScheme::ScramSha256 => {
                let rounds = NonZeroU32::new(ScramKeys::ITERATIONS_DEFAULT)?;
                Kind::Scram(ScramKeys::generate(password, rounds)?)
            }
            PasswordScheme::Argon2id => Kind::Argon2id(Box::new(Argon2idHash::generate(password)?)),
        }))
    }

    /// Whether this is the password. Takes long on purpose.
    pub fn is_password(&self, password: &Secret) -> bool {
        match &self.0 {
            Kind::Scram(keys) => keys.is_password(password),
            Kind::Argon2id(hash) => hash.is_password(password),
        }
    }

    pub(super) fn scram_keys(&self) -> Option<&ScramKeys> {
        match &self.0 {
            Kind::Scram(keys) => Some(keys),
            Kind::Argon2id(_) => None,
        }
    }

    /// One that fits no password, and takes as long as a new one.
    pub(super) fn stand_in(keys: ScramKeys) -> Self {
        Self(Kind::Scram(keys))
    }
}

/// Why a text is no entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct IllegalEntry(pub(super) &'static str);

impl FromStr for PasswordEntry {
    type Err = IllegalEntry;

    fn from_str(text: &str) -> Result<Self, IllegalEntry> {
        if let Some(keys) = text.strip_prefix(SCRAM) {
            return scram(keys).map(|keys| Self(Kind::Scram(keys)));
        }
        let hash = text.strip_prefix(ARGON2ID).ok_or(IllegalEntry(
            "the scheme is neither {SCRAM-SHA-256} nor {ARGON2ID}",
        ))?;
        hash.parse()
            .map(|hash| Self(Kind::Argon2id(Box::new(hash))))
    }
}

/// The text for a line of the file.
impl fmt::Display for PasswordEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Scram(keys) => write!(
                f,
                "{SCRAM}{}${}${}${}",
                keys.iterations,
                base64::encode(&keys.salt),
                base64::encode(&keys.stored_key),
                base64::encode(&keys.server_key)
            ),
            Kind::Argon2id(hash) => write!(f, "{ARGON2ID}{hash}"),
        }
    }
}

fn scram(text: &str) -> Result<ScramKeys, IllegalEntry> {
    let mut parts = text.split('$');
    let mut next = || {
        parts
            .next()
            .ok_or(IllegalEntry("write ROUNDS$SALT$STOREDKEY$SERVERKEY"))
    };
    let (rounds, salt, stored, server) = (next()?, next()?, next()?, next()?);
    let rounds: u32 = rounds
        .parse()
        .ok()
        .filter(|rounds| ROUNDS.contains(rounds))
        .ok_or(IllegalEntry(
            "the rounds are no number from 4096 to 5000000",
        ))?;
    let rounds = NonZeroU32::new(rounds).unwrap_or(NonZeroU32::MIN);
    let salt = base64::decode(salt.as_bytes())
        .filter(|salt| SALT.contains(&salt.len()))
        .ok_or(IllegalEntry("the salt is not 8 to 64 octets in base64"))?;
    let key = |text: &str| {
        let octets = base64::decode(text.as_bytes());
        octets
            .and_then(|octets| octets.try_into().ok())
            .ok_or(IllegalEntry("a key is not 32 octets in base64"))
    };
    let keys = ScramKeys::new(&salt, rounds, key(stored)?, key(server)?);
    if parts.next().is_some() {
        return Err(IllegalEntry("something follows the keys"));
    }
    Ok(keys)
}
