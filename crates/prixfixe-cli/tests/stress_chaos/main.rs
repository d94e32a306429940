//! `prixfixe stress crash`, `chaos` and `proxy` on the program itself, in their short forms; and
//! that the first two fail where something is wrong.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod chaos;
mod crash;
mod program;
mod proxy;
