//! The prixfixe command.
#![forbid(unsafe_code)]

mod capacity;
mod cli;
mod commands;
#[allow(
    dead_code,
    unused_imports,
    reason = "settings of features to come are read by nobody yet"
)]
mod config;
mod ipc;
mod results;
mod serve;
mod setting_flags;
mod stress;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
