//! Users in a text file.

mod argon2id;
mod checks;
mod entry;
mod error;
mod users;

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use prixfixe_proto::Mechanisms;

use super::{AuthFailure, ScramKeys, ScramSecret, Secret, Verifier, VerifierFuture};

use checks::Checks;
pub use entry::{IllegalEntry, PasswordEntry, PasswordScheme};
pub use error::PasswordFileError;
use users::Users;

/// A [`Verifier`] with its users in a text file, one in a line:
///
/// ```text
/// # a comment
/// *:{SECRET}c2VjcmV0IG9mIHRoaXMgc2VydmVy
/// anna:{SCRAM-SHA-256}40960$c2FsdHNhbHQ=$...$...
/// bert:{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$...$...
/// ```
///
/// Behind the scheme of SCRAM stand the rounds of PBKDF2, and the salt, `StoredKey` and
/// `ServerKey` of RFC 5802 in base64; behind that of Argon2 its usual text form. PLAIN and LOGIN
/// work with both schemes, the SCRAM mechanisms with the keys of SCRAM alone. The user `*` is
/// nobody: its secret is what the salts of users that do not exist are made from, and keeps them
/// the same from one start to the next.
///
/// Passwords are checked off the threads of IO, a few at a time.
#[derive(Debug)]
pub struct PasswordFile {
    path: PathBuf,
    users: ArcSwap<Users>,
    checks: Checks,
    /// Stands in where the file names no secret.
    secret: ScramSecret,
}

/// How much a [`PasswordFile`] does at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PasswordFileSettings {
    /// Passwords checked at a time; each takes a core, and with Argon2 as much memory as the entry
    /// says. Default 2.
    pub checks_at_once: usize,
    /// Logins that wait for their turn; more are told 454. Default 64: at some 20 ms for each
    /// nobody waits for much more than half a second.
    pub checks_waiting: usize,
}

impl Default for PasswordFileSettings {
    fn default() -> Self {
        Self {
            checks_at_once: 2,
            checks_waiting: 64,
        }
    }
}

/// Octets of a file: a hundred thousand users.
const FILE_MAX: u64 = 16 << 20;

impl PasswordFile {
    /// Reads the file.
    pub fn open(
        path: impl Into<PathBuf>,
        settings: PasswordFileSettings,
    ) -> Result<Self, PasswordFileError> {
        let path = path.into();
        let secret = ScramSecret::generate().ok_or(PasswordFileError::Random)?;
        let users = read(&path, &secret)?;
        Ok(Self {
            path,
            users: ArcSwap::from_pointee(users),
            checks: Checks::new(settings),
            secret,
        })
    }

    /// Reads the file once more. All of it is in force at once, or, on an error, all that was
    /// before.
    pub fn reload(&self) -> Result<(), PasswordFileError> {
        let users = read(&self.path, &self.secret)?;
        self.users.store(Arc::new(users));
        Ok(())
    }

    /// How many users there are.
    pub fn users(&self) -> usize {
        self.users.load().count()
    }

    /// The beginning of a new file: its secret. None if the system has no random numbers.
    pub fn new_text() -> Option<String> {
        let mut secret = [0; 32];
        aws_lc_rs::rand::fill(&mut secret).ok()?;
        Some(format!("*:{{SECRET}}{}\n", super::base64::encode(&secret)))
    }

    /// Whether a text could be the content of such a file.
    pub fn check_text(text: &str) -> Result<(), PasswordFileError> {
        let secret = ScramSecret::new(&[]);
        Users::parse(text, &secret).map(|_| ())
    }
}

fn read(path: &Path, secret: &ScramSecret) -> Result<Users, PasswordFileError> {
    let failed = |source| PasswordFileError::Read {
        path: path.to_owned(),
        source,
    };
    let mut text = String::new();
    let file = File::open(path).map_err(failed)?;
    let read = file.take(FILE_MAX + 1).read_to_string(&mut text);
    if read.map_err(failed)? as u64 > FILE_MAX {
        return Err(PasswordFileError::TooBig(path.to_owned()));
    }
    Users::parse(&text, secret)
}

impl Verifier for PasswordFile {
    fn mechanisms(&self) -> Mechanisms {
        Mechanisms::PASSWORD
    }

    fn check_password<'a>(&'a self, user: &'a str, password: &'a Secret) -> VerifierFuture<'a, ()> {
        Box::pin(async move {
            let users = self.users.load_full();
            let (user, password) = (user.to_owned(), password.clone());
            let right = self
                .checks
                .run(move || users.has_password(&user, &password));
            if right.await? {
                Ok(())
            } else {
                Err(AuthFailure::Denied)
            }
        })
    }

    fn scram_keys<'a>(&'a self, user: &'a str) -> VerifierFuture<'a, ScramKeys> {
        let keys = self.users.load().scram_keys(user);
        Box::pin(std::future::ready(Ok(keys)))
    }
}

#[cfg(test)]
mod tests;
