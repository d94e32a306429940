//! TLS as an operator sets it up: certificates in every form, changed while clients are there, and
//! refused at the start when something is wrong with them; and balancers in front of it.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "../certificates/mod.rs"]
mod certificates;
mod corpus;
mod forms;
mod healthcheck;
mod proxy;
#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "../real_mail/mod.rs"]
mod real_mail;
mod refusing_to_start;
mod reload;
#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "../server_process/mod.rs"]
mod server_process;
#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "../smtp_client/mod.rs"]
mod smtp_client;
#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "../stored_mail/mod.rs"]
mod stored_mail;
mod tls_client;
mod trace;
