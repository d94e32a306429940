//! Peers that lie, steal and storm, against the public server in a process of its own, beside clients
//! in another process whose every payload is verified and none of whose calls may fail.
#![cfg(all(target_os = "linux", feature = "fuzzing", feature = "workload"))]
#![allow(
    clippy::unwrap_used,
    reason = "everything here is a test, or runs in one"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "small numbers, and rates"
)]

mod bystanders;
mod control_socket;
mod descriptors;
mod doorbells;
mod draining;
mod fake_server;
mod false_answers;
mod false_replies;
mod false_welcomes;
mod handshakes;
mod lent_memory;
mod lies;
mod memory;
mod processes;
mod rates;
mod scribbling;
mod server_process;
mod silence;
mod squatting;
mod stage;
mod streams;
mod writer;
