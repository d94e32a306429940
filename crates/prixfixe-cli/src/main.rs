//! The prixfixe command.
#![forbid(unsafe_code)]

mod cli;
mod commands;
#[allow(
    dead_code,
    unused_imports,
    reason = "the settings are complete; `serve`, which reads most of them, is still to come"
)]
mod config;
mod serve;
mod setting_flags;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
