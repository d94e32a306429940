//! How a server starts, what it listens on, how it says that it is well, and how it stops.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod health;
mod inherited;
mod lmtp;
mod refusing_to_start;
mod restart;
#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "../server_process/mod.rs"]
mod server_process;
#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "../smtp_client/mod.rs"]
mod smtp_client;
mod stop;
#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "../stored_mail/mod.rs"]
mod stored_mail;
mod unix_socket;
