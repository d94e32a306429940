//! Who knows the users.

use std::{fmt, future::Future, pin::Pin};

use prixfixe_proto::{Mechanism, Mechanisms, XclientLogin};

use super::{ScramKeys, Secret};

/// What a [`Verifier`] answers, when it does.
pub type VerifierFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, AuthFailure>> + Send + 'a>>;

/// Knows the users of a server, and decides who is one of them.
///
/// The mechanisms are the receiver's work; a verifier only answers what they ask. User names and
/// passwords come prepared by SASLprep (RFC 4013), so they compare octet by octet. A future that
/// takes longer than the time-out of a verdict is dropped, and the client told 454.
///
/// A verifier should take as long for a user that does not exist as for a wrong password. What the
/// client hears is the same either way.
///
/// The defaults know nobody.
pub trait Verifier: Send + Sync + fmt::Debug + 'static {
    /// The mechanisms whose questions it can answer.
    fn mechanisms(&self) -> Mechanisms;

    /// Is this the user's password? Asked for PLAIN and LOGIN.
    fn check_password<'a>(&'a self, user: &'a str, password: &'a Secret) -> VerifierFuture<'a, ()> {
        let _ = (user, password);
        denied()
    }

    /// What was derived from the user's password for SCRAM. For a user that does not exist,
    /// [`AuthFailure::Denied`] makes the exchange go on to its end with false keys; a verifier
    /// whose true keys do not all have [`ScramKeys::ITERATIONS_DEFAULT`] returns
    /// [`ScramKeys::decoy`] instead, so that the number does not tell the two apart.
    fn scram_keys<'a>(&'a self, user: &'a str) -> VerifierFuture<'a, ScramKeys> {
        let _ = user;
        denied()
    }

    /// Whose bearer token is this? Asked for OAUTHBEARER and XOAUTH2. The client may have named a
    /// user; the login fails if the token's is another one.
    fn check_token<'a>(
        &'a self,
        user: Option<&'a str>,
        token: &'a Secret,
    ) -> VerifierFuture<'a, String> {
        let _ = (user, token);
        denied()
    }
}

/// Why a login did not succeed. The client does not learn more than whether it may try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthFailure {
    /// There is no such user, or the password or token is not theirs: 535 5.7.8.
    #[error("denied")]
    Denied,
    /// Too many logins are being checked: 454 4.7.0.
    #[error("too many logins at a time")]
    Busy,
    /// It cannot be found out now: 454 4.7.0.
    #[error("cannot be checked now")]
    Unavailable,
}

/// Who has logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The user.
    pub name: String,
    /// How they logged in here; nothing if they did so at a proxy, which says so with XCLIENT.
    pub mechanism: Option<Mechanism>,
}

impl Identity {
    /// The user that a trusted proxy vouches for.
    pub(crate) fn vouched_for(login: &XclientLogin) -> Self {
        Self {
            name: login.to_string(),
            mechanism: None,
        }
    }
}

fn denied<'a, T: Send + 'a>() -> VerifierFuture<'a, T> {
    Box::pin(std::future::ready(Err(AuthFailure::Denied)))
}
