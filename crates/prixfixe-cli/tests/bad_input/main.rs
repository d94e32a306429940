//! Clients that are broken, hostile, slow, deaf or too many: each gets a clear answer or none,
//! nothing of theirs is stored, and the next client is served as if nothing had been.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod aftermath;
mod crowd;
mod deaf;
mod descriptors;
mod garbage;
mod half_closed;
#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "../server_process/mod.rs"]
mod server_process;
mod slow;
#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "../smtp_client/mod.rs"]
mod smtp_client;
#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "../stored_mail/mod.rs"]
mod stored_mail;
mod vanishing;
