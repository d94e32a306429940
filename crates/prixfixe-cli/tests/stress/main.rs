//! `prixfixe stress`, as a program: loads, what it says of targets, and the servers it leaves behind.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod lab;
mod leftovers;
mod scenarios;
mod set;
mod stopping;
mod targets;
mod tls_targets;

#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "../server_process/mod.rs"]
mod server_process;
