//! TLS as clients see it: the real stack on both sides, over memory where pieces and time matter
//! and over sockets where the system does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod agreement;
mod certificate_forms;
mod channel_binding;
mod client_certificates;
mod deadlines;
mod openssl;
mod pieces;
mod replacing;
mod scene;
mod starttls;
mod teardown;
