//! The generator against servers that do what a test tells them, over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod connections;
mod contents;
mod encryption;
mod endings;
mod failures;
mod logins;
mod oddities;
mod scripted_server;
mod self_check;
mod single_connections;
mod stall;
mod timing;
