//! `prixfixe inbox` and `prixfixe healthcheck`, as their users run them, beside a server that
//! takes real mail and after it has stopped.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod delete;
mod export;
mod faults;
mod healthcheck;
mod listing;
mod program;
#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "../server_process/mod.rs"]
mod server_process;
mod show;
#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "../smtp_client/mod.rs"]
mod smtp_client;
mod terminal;
