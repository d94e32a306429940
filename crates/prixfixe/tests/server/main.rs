//! The server as an application sees it: over memory where time matters, over sockets where the
//! system does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod auth;
mod body_ends;
mod body_stream;
mod capacity;
mod chunks;
mod client_timeouts;
mod counts;
mod descriptors;
mod drain;
mod examples;
mod faults;
mod flights;
mod force;
mod listeners;
mod per_recipient;
mod program;
mod proxy_header;
mod reply_flood;
mod runtimes;
mod scene;
mod unix_sockets;
mod verdict_timeouts;
mod xclient;
