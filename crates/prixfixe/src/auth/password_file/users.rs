//! The users of a password file.

use std::{collections::HashMap, num::NonZeroU32};

use super::{PasswordEntry, PasswordFileError};
use crate::auth::{ScramKeys, ScramSecret, Secret, base64, prepare_user, scram_keys::Shape};

/// All users, as one reading of the file has them.
#[derive(Debug)]
pub(super) struct Users {
    entries: Vec<PasswordEntry>,
    /// Where a user's entry stands.
    places: HashMap<Box<str>, usize>,
    /// What clients see of each entry with keys of SCRAM.
    shapes: Vec<Shape>,
    secret: ScramSecret,
}

/// In place of a user, in the line with the secret.
const NOBODY: &str = "*";
const SECRET: &str = "{SECRET}";
/// Octets of the secret, at least.
const SECRET_MIN: usize = 16;

impl Users {
    /// Reads the lines of a file; `secret` is for one that has none.
    pub(super) fn parse(text: &str, secret: &ScramSecret) -> Result<Self, PasswordFileError> {
        let mut users = Self {
            entries: Vec::new(),
            places: HashMap::new(),
            shapes: Vec::new(),
            secret: secret.clone(),
        };
        for (index, line) in text.lines().enumerate() {
            let line_is = |reason| PasswordFileError::Line {
                line: index + 1,
                reason,
            };
            let line = line.trim_end();
            if !line.is_empty() && !line.starts_with('#') {
                users.take(line).map_err(line_is)?;
            }
        }
        Ok(users)
    }

    fn take(&mut self, line: &str) -> Result<(), &'static str> {
        let (user, entry) = line.split_once(':').ok_or("write USER:{SCHEME}...")?;
        if user == NOBODY {
            let octets = entry.strip_prefix(SECRET);
            let octets = octets.and_then(|text| base64::decode(text.as_bytes()));
            let octets = octets.filter(|octets| octets.len() >= SECRET_MIN);
            let octets = octets.ok_or("write *:{SECRET} and at least 16 octets in base64")?;
            self.secret = ScramSecret::new(&octets);
            return Ok(());
        }
        if prepare_user(user).as_deref() != Ok(user) {
            return Err("the user's name is empty or not in the form of SASLprep (RFC 4013)");
        }
        let entry: PasswordEntry = entry.parse().map_err(|error| {
            let super::entry::IllegalEntry(reason) = error;
            reason
        })?;
        if self
            .places
            .insert(user.into(), self.entries.len())
            .is_some()
        {
            return Err("this user has a line already");
        }
        self.shapes.extend(entry.scram_keys().map(ScramKeys::shape));
        self.entries.push(entry);
        Ok(())
    }

    pub(super) fn count(&self) -> usize {
        self.entries.len()
    }

    /// Whether the user exists and has this password. For one that does not exist the password is
    /// checked all the same, against the entry of another: always the same one for one name, so
    /// that the time it takes tells nothing either.
    pub(super) fn has_password(&self, user: &str, password: &Secret) -> bool {
        let place = self.places.get(user).copied();
        let other = || self.secret.choose(user, self.entries.len());
        match place
            .or_else(other)
            .and_then(|place| self.entries.get(place))
        {
            Some(entry) => entry.is_password(password) && place.is_some(),
            None => PasswordEntry::stand_in(self.decoy(user)).is_password(password),
        }
    }

    /// The user's keys; false ones for a user that does not exist, or has none.
    pub(super) fn scram_keys(&self, user: &str) -> ScramKeys {
        let entry = self
            .places
            .get(user)
            .and_then(|place| self.entries.get(*place));
        let keys = entry.and_then(PasswordEntry::scram_keys).cloned();
        keys.unwrap_or_else(|| self.decoy(user))
    }

    /// False keys that look like those of some user, always of the same one for one name.
    fn decoy(&self, user: &str) -> ScramKeys {
        let chosen = self.secret.choose(user, self.shapes.len());
        match chosen.and_then(|chosen| self.shapes.get(chosen)) {
            Some(shape) => ScramKeys::decoy_like(&self.secret, user, *shape),
            None => {
                let rounds = NonZeroU32::new(ScramKeys::ITERATIONS_DEFAULT);
                ScramKeys::decoy(&self.secret, user, rounds.unwrap_or(NonZeroU32::MIN))
            }
        }
    }
}
