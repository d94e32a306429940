//! Set-up, tidy checks and test entry points of the workspace: `cargo xtask help`.
#![forbid(unsafe_code)]

mod command;
mod failure;
mod fuzz;
mod models;
mod mutants;
mod process;
mod setup;
mod test_run;
mod tidy;
mod workspace;

use std::process::ExitCode;

use command::Command;
use failure::Failure;
use workspace::Workspace;

fn main() -> ExitCode {
    let command = match Command::parse(std::env::args().skip(1)) {
        Ok(command) => command,
        Err(failure) => {
            eprintln!("{failure}\n\n{}", command::USAGE);
            return ExitCode::from(2);
        }
    };
    match run(&command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<(), Failure> {
    let workspace = Workspace::locate();
    match command {
        Command::Help => {
            println!("{}", command::USAGE);
            Ok(())
        }
        Command::Setup => setup::run(&workspace),
        Command::Test { effort } => test_run::run(&workspace, *effort),
        Command::Tidy => tidy::run(&workspace),
        Command::Fuzz { target, seconds } => fuzz::run(&workspace, target.as_deref(), *seconds),
        Command::Models => models::run(&workspace),
        Command::Mutants { name } => mutants::run(&workspace, name.as_deref()),
    }
}
