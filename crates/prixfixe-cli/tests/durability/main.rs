//! Proofs that a 250 keeps its promise, on the real binary: the order of writes, syncs and replies;
//! power cuts; kills; a full disk; a disk that has become read-only.
//!
//! Each has a short form and, with `PRIXFIXE_LONG=1` in the environment, a long one.
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod aimed_kill;
mod client;
mod disk_full;
mod inspection;
mod kill;
mod load;
mod message;
mod ordeal;
mod order;
mod power_cut;
mod power_cut_disk;
mod random;
mod read_only;
mod recording;
mod refused_start;
mod server;
mod small_disk;
mod strace;

use std::time::Duration;

/// Whether the long form was asked for.
fn long_form() -> bool {
    std::env::var_os("PRIXFIXE_LONG").is_some_and(|value| value == "1")
}

/// After which a wait is taken for a hang. Far above what anything here takes on a slow machine.
const WATCHDOG: Duration = Duration::from_secs(180);
