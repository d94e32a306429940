//! Logins: the mechanisms of SASL (RFC 4422), and the seam to whoever knows the users.

mod base64;
mod conversation;
mod delays;
mod exchange;
#[doc(hidden)]
pub mod fuzzing;
mod login;
mod oauth_bearer;
mod password_file;
mod plain;
mod prepared;
mod scram;
mod scram_keys;
mod secret;
mod verifier;
mod xoauth2;

pub use password_file::{
    IllegalEntry, PasswordEntry, PasswordFile, PasswordFileError, PasswordFileSettings,
    PasswordScheme,
};
pub use prepared::{IllegalLogin, prepare_password, prepare_user};
pub use scram_keys::{ScramKeys, ScramSecret};
pub use secret::Secret;
pub use verifier::{AuthFailure, Identity, Verifier, VerifierFuture};

pub(crate) use exchange::{Exchange, Logins};
