//! `prixfixe results` and `prixfixe capacity`, as their users run them, on results made up here.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod capacity;
mod check;
mod comparing;
mod fixture;
mod looking;
