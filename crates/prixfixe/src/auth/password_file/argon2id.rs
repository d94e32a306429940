//! Argon2id (RFC 9106), in its usual text form.

use std::{fmt, str::FromStr};

use argon2::{
    Argon2, Params,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use aws_lc_rs::rand;

use super::entry::IllegalEntry;
use crate::auth::Secret;

/// A hash with its parameters and its salt.
#[derive(Clone)]
pub(super) struct Argon2idHash(PasswordHash);

/// KiB of memory for one check: above it a file could make the server run out of it.
const MEMORY_MAX: u32 = 256 << 10;
/// Passes over that memory: above it a check would take many seconds.
const PASSES_MAX: u32 = 64;
/// Lanes.
const LANES_MAX: u32 = 64;
/// Octets of a salt made here.
const SALT: usize = 16;

impl Argon2idHash {
    pub(super) fn generate(password: &Secret) -> Option<Self> {
        let mut salt = [0; SALT];
        rand::fill(&mut salt).ok()?;
        // 19 MiB and two passes, as OWASP advises.
        let hasher = Argon2::default();
        let hash = hasher.hash_password_with_salt(password.expose().as_bytes(), &salt);
        hash.ok().map(Self)
    }

    pub(super) fn is_password(&self, password: &Secret) -> bool {
        let verifier = Argon2::default();
        verifier
            .verify_password(password.expose().as_bytes(), &self.0)
            .is_ok()
    }
}

impl FromStr for Argon2idHash {
    type Err = IllegalEntry;

    fn from_str(text: &str) -> Result<Self, IllegalEntry> {
        let hash = PasswordHash::new(text).map_err(|_| IllegalEntry("write $argon2id$v=19$..."))?;
        let whole = hash.algorithm.as_str() == "argon2id"
            && hash.version == Some(19)
            && hash.salt.is_some()
            && hash.hash.is_some();
        if !whole {
            return Err(IllegalEntry("write $argon2id$v=19$... with salt and hash"));
        }
        let params = Params::try_from(&hash).map_err(|_| IllegalEntry("wrong parameters"))?;
        if params.m_cost() > MEMORY_MAX
            || params.t_cost() > PASSES_MAX
            || params.p_cost() > LANES_MAX
        {
            return Err(IllegalEntry(
                "more than 256 MiB of memory, 64 passes or 64 lanes",
            ));
        }
        Ok(Self(hash))
    }
}

impl fmt::Display for Argon2idHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Argon2idHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Argon2idHash(..)")
    }
}
