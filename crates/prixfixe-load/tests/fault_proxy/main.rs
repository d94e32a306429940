//! The fault proxy between scripted peers: each fault by its effects on both of them.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cuts;
mod flows;
mod scene;
mod switching;
