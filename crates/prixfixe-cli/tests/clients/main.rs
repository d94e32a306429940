//! Other people's mail programs deliver to `prixfixe serve`: each is satisfied, and what is stored
//! is what it sent. A program that is missing is a failure, so that no run passes by testing less.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod curl;
mod exim;
mod haproxy;
mod message;
mod msmtp;
mod nodemailer;
mod openssl;
mod postfix;
mod program;
mod scanners;
mod secured;
#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "../server_process/mod.rs"]
mod server_process;
mod smtp_source;
mod smtplib;
#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "../stored_mail/mod.rs"]
mod stored_mail;
mod swaks;
