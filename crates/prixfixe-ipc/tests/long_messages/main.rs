//! Requests and replies longer than a record.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod answers;
mod crowded_socket;
mod in_parts;
mod sealed;

use std::time::Duration;

const WATCHDOG: Duration = Duration::from_secs(60);
const MIB: usize = 1 << 20;
