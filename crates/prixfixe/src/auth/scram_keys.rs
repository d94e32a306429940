//! What a server keeps of a password for SCRAM (RFC 5802 section 3).

use std::{fmt, num::NonZeroU32};

use aws_lc_rs::{digest, hmac, pbkdf2, rand};

use super::Secret;

/// What was derived from the password of one user. Whoever has it can check a proof, and cannot
/// log in.
#[derive(Clone)]
pub struct ScramKeys {
    pub(super) salt: Box<[u8]>,
    pub(super) iterations: NonZeroU32,
    pub(super) stored_key: [u8; KEY],
    pub(super) server_key: [u8; KEY],
}

/// By what keys could be told from others: true ones from false ones, for instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) iterations: NonZeroU32,
    /// Octets of the salt, at most [`SALT_MAX`].
    pub(super) salt: usize,
}

/// Octets of the longest salt that false keys can have, and a password file too.
pub(super) const SALT_MAX: usize = 2 * KEY;
/// Octets of SHA-256.
pub(super) const KEY: usize = digest::SHA256_OUTPUT_LEN;
/// Octets of a salt made here.
const SALT: usize = 16;

impl ScramKeys {
    /// Rounds of PBKDF2 for a new password: ten times what RFC 7677 section 4 asks for at least,
    /// and tens of milliseconds for a client that derives its proof from the password.
    pub const ITERATIONS_DEFAULT: u32 = 40_960;

    /// Keys from their parts: `StoredKey` and `ServerKey` of RFC 5802 section 3.
    pub fn new(
        salt: &[u8],
        iterations: NonZeroU32,
        stored_key: [u8; KEY],
        server_key: [u8; KEY],
    ) -> Self {
        Self {
            salt: salt.into(),
            iterations,
            stored_key,
            server_key,
        }
    }

    /// Derives them from a password, which takes long on purpose.
    pub fn derive(password: &Secret, salt: &[u8], iterations: NonZeroU32) -> Self {
        let mut salted = zeroize::Zeroizing::new([0; KEY]);
        let secret = password.expose().as_bytes();
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            iterations,
            salt,
            secret,
            &mut *salted,
        );
        let key = |name: &[u8]| sign(&*salted, name);
        let client_key = zeroize::Zeroizing::new(key(b"Client Key"));
        Self::new(salt, iterations, hash(&*client_key), key(b"Server Key"))
    }

    /// Derives them with a fresh salt; none if the system has no random numbers.
    pub fn generate(password: &Secret, iterations: NonZeroU32) -> Option<Self> {
        let mut salt = [0; SALT];
        rand::fill(&mut salt).ok()?;
        Some(Self::derive(password, &salt, iterations))
    }

    /// Keys for a user that does not exist: always the same for one name, so that asking twice
    /// tells nothing, and no proof fits them. The salt is as long as those of
    /// [`generate`](Self::generate).
    pub fn decoy(secret: &ScramSecret, user: &str, iterations: NonZeroU32) -> Self {
        Self::decoy_like(
            secret,
            user,
            Shape {
                iterations,
                salt: SALT,
            },
        )
    }

    /// The same in the shape of other keys.
    pub(super) fn decoy_like(secret: &ScramSecret, user: &str, shape: Shape) -> Self {
        let part = |label: &str| {
            let mut context = hmac::Context::with_key(&secret.0);
            context.update(label.as_bytes());
            context.update(user.as_bytes());
            octets(context.sign().as_ref())
        };
        let salt = [part("salt:"), part("more salt:")].concat();
        // Nobody knows an octet string with this hash, so none can be the client's key.
        Self::new(
            &salt[..shape.salt.min(salt.len())],
            shape.iterations,
            part("stored:"),
            part("server:"),
        )
    }

    /// What a client sees of them before it has proven anything.
    pub(super) fn shape(&self) -> Shape {
        Shape {
            iterations: self.iterations,
            salt: self.salt.len(),
        }
    }

    /// Whether these were derived from this password; takes as long as [`derive`](Self::derive).
    pub fn is_password(&self, password: &Secret) -> bool {
        let derived = Self::derive(password, &self.salt, self.iterations);
        aws_lc_rs::constant_time::verify_slices_are_equal(&derived.stored_key, &self.stored_key)
            .is_ok()
    }
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramKeys")
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

/// What the salts of users that do not exist are made from. As long as it stays the same, so do
/// they.
#[derive(Clone)]
pub struct ScramSecret(hmac::Key);

impl ScramSecret {
    /// From octets that nobody else knows.
    pub fn new(octets: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, octets))
    }

    /// A new one; none if the system has no random numbers.
    pub fn generate() -> Option<Self> {
        let mut octets = zeroize::Zeroizing::new([0; KEY]);
        rand::fill(&mut *octets).ok()?;
        Some(Self::new(&*octets))
    }

    /// A number below `count` for this user, always the same.
    pub(super) fn choose(&self, user: &str, count: usize) -> Option<usize> {
        let tag = sign_with(&self.0, user.as_bytes());
        let number = tag
            .first_chunk()
            .map_or(0, |first| u64::from_be_bytes(*first));
        usize::try_from(number.checked_rem(count as u64)?).ok()
    }
}

impl fmt::Debug for ScramSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramSecret(..)")
    }
}

pub(super) fn sign(key: &[u8], message: &[u8]) -> [u8; KEY] {
    sign_with(&hmac::Key::new(hmac::HMAC_SHA256, key), message)
}

pub(super) fn hash(message: &[u8]) -> [u8; KEY] {
    octets(digest::digest(&digest::SHA256, message).as_ref())
}

fn sign_with(key: &hmac::Key, message: &[u8]) -> [u8; KEY] {
    octets(hmac::sign(key, message).as_ref())
}

/// All digests here have this length.
fn octets(digest: &[u8]) -> [u8; KEY] {
    let mut octets = [0; KEY];
    for (to, from) in octets.iter_mut().zip(digest) {
        *to = *from;
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUNDS: NonZeroU32 = NonZeroU32::MIN;

    #[test]
    fn know_their_password() {
        let password = Secret::new("pencil".to_owned());
        let keys = ScramKeys::generate(&password, ROUNDS).unwrap();
        assert!(keys.is_password(&password));
        assert!(!keys.is_password(&Secret::new("pen".to_owned())));
        let other = ScramKeys::generate(&password, ROUNDS).unwrap();
        assert_ne!(keys.salt, other.salt);
        assert!(!format!("{keys:?}").contains("key"));
    }

    #[test]
    fn decoys_depend_on_the_name_and_the_secret_alone() {
        let (one, two) = (ScramSecret::new(b"1"), ScramSecret::new(b"2"));
        let salt = |secret, user| ScramKeys::decoy(secret, user, ROUNDS).salt;
        assert_eq!(salt(&one, "a"), salt(&one, "a"));
        assert_ne!(salt(&one, "a"), salt(&one, "b"));
        assert_ne!(salt(&one, "a"), salt(&two, "a"));
        assert_eq!(salt(&one, "a").len(), SALT);
        assert_eq!(one.choose("a", 0), None);
        assert_eq!(one.choose("a", 7), one.choose("a", 7));
        assert!((0..100).any(|n| one.choose(&n.to_string(), 2) == Some(1)));
    }
}
