//! What is promised about death: whoever is killed or stopped at whatever step, each call ends, and
//! what its outcome says of its execution is true. Real processes, real signals; what was executed
//! stands in a journal that survives them. Short forms by default, long ones with `PRIXFIXE_LONG=1`.
//!
//! The tables are shown with `--nocapture`.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod caller;
mod draining;
mod journal;
mod leaks;
mod load;
mod long_messages;
mod pool;
mod process;
mod roles;
mod rounds;
mod scene;
mod streams;
mod victim_client;
mod victim_server;

/// Not a test: what the processes run that the tests start.
#[test]
#[ignore = "the entry point of child processes"]
fn child() {
    if let Some(role) = process::role() {
        roles::play(&role);
    }
}
