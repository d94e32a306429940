//! The durable store from outside: what it keeps, what it refuses, what it survives.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod crash;
mod failing_disk;
mod fixture;
mod full_disk;
mod incoming;
mod log;
mod memory;
mod opening;
mod reading;
mod removing;
