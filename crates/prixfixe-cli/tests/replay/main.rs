//! What the core is tested with, once more over sockets and through the store of the binary:
//! dialogue files, smuggling, and a corpus of real mail.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

// The models of the core's tests call the core by its own name.
extern crate prixfixe as prixfixe_proto;

mod conversation;
mod corpus;
#[path = "../../../prixfixe-proto/tests/dialogue/mod.rs"]
mod dialogue;
mod dialogue_settings;
mod dialogues;
mod line_end_modes;
mod line_end_networks;
#[path = "../../../prixfixe-proto/tests/naive_body/mod.rs"]
mod naive_body;
#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "../real_mail/mod.rs"]
mod real_mail;
#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "../server_process/mod.rs"]
mod server_process;
#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "../smtp_client/mod.rs"]
mod smtp_client;
mod smuggling;
#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "../stored_mail/mod.rs"]
mod stored_mail;
