//! The command line: its global flags, its subcommands and its exit codes.
//!
//! A new subcommand is a file in `commands/` with a clap `Args` struct and a `run` method, and
//! a line in [`Command`] and in [`Command::run`].

use std::env;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::capacity::Capacity;
use crate::commands::check_config::CheckConfig;
use crate::commands::completions::Completions;
use crate::commands::healthcheck::Healthcheck;
use crate::commands::inbox::Inbox;
use crate::commands::man::ManPages;
use crate::commands::passwd::Passwd;
use crate::commands::serve::Serve;
use crate::config;
use crate::ipc::Ipc;
use crate::results::Results;
use crate::stress::Stress;

/// A mail receiver that answers 250 only for mail that would survive a power cut.
#[derive(Debug, Parser)]
#[command(name = "prixfixe", version, max_term_width = 100)]
#[command(after_help = "Example: prixfixe check-config prixfixe.toml")]
pub(crate) struct Cli {
    #[command(flatten)]
    global: GlobalFlags,

    #[command(subcommand)]
    command: Command,
}

/// Flags that stand before or after any subcommand.
#[derive(Debug, Args)]
pub(crate) struct GlobalFlags {
    /// The settings file; without it PRIXFIXE_CONFIG names it, or there is none
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

impl GlobalFlags {
    /// The settings file by flag or environment.
    pub(crate) fn settings_file(&self) -> Option<PathBuf> {
        let variable = || env::var_os(config::FILE_VARIABLE).filter(|path| !path.is_empty());
        self.config
            .clone()
            .or_else(|| variable().map(PathBuf::from))
    }
}

/// What the command can do.
#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<Serve>),
    CheckConfig(Box<CheckConfig>),
    Inbox(Box<Inbox>),
    Passwd(Passwd),
    Healthcheck(Healthcheck),
    Ipc(Box<Ipc>),
    Stress(Box<Stress>),
    Results(Box<Results>),
    Capacity(Box<Capacity>),
    Completions(Completions),
    Man(ManPages),
}

impl Command {
    fn run(self, global: &GlobalFlags) -> io::Result<Outcome> {
        match self {
            Self::Serve(command) => command.run(global),
            Self::CheckConfig(command) => command.run(global),
            Self::Inbox(command) => command.run(global),
            Self::Passwd(command) => command.run(global),
            Self::Healthcheck(command) => command.run(global),
            Self::Ipc(command) => command.run(),
            Self::Stress(command) => command.run(global),
            Self::Results(command) => command.run(),
            Self::Capacity(command) => command.run(),
            Self::Completions(command) => command.run(),
            Self::Man(command) => command.run(),
        }
    }
}

/// How a subcommand ended, after it has said why. What goes wrong on the way, as an error of
/// input or output, is its `Err` and ends with exit code 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done: exit code 0.
    Done,
    /// It ran, and what it looked at is not as it should be: exit code 1.
    Failed,
    /// Wrong usage or configuration: exit code 2.
    Misused,
}

/// Runs the command line of the process.
pub(crate) fn run() -> ExitCode {
    let result = if env::args_os().len() <= 1 {
        Cli::command().print_help().map(|()| Outcome::Done)
    } else {
        let cli = Cli::parse();
        cli.command.run(&cli.global)
    };
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::FAILURE,
        Ok(Outcome::Misused) => ExitCode::from(2),
        // Whoever closed the pipe has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            // With standard error gone there is nobody left to tell.
            let _ = writeln!(io::stderr(), "prixfixe: {error}");
            ExitCode::FAILURE
        }
    }
}
