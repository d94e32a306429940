//! The command line: its global flags, its subcommands and its exit codes.
//!
//! A new subcommand is a file in `commands/` with a clap `Args` struct and a `run` method, and
//! a line in [`Command`], in [`Command::run`] and, if it is one on demand, in [`Cli::described`].

mod on_demand;

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
use on_demand::OnDemand;

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

impl Cli {
    /// The command line with all of its subcommands described, for those who write it down.
    pub(crate) fn described() -> clap::Command {
        fn now<T: Args>(command: clap::Command) -> clap::Command {
            T::augment_args(command.defer(std::convert::identity))
        }
        Self::command().mut_subcommands(|subcommand| match subcommand.get_name() {
            "serve" => now::<Serve>(subcommand),
            "check-config" => now::<CheckConfig>(subcommand),
            "inbox" => now::<Inbox>(subcommand),
            "ipc" => now::<Ipc>(subcommand),
            "stress" => now::<Stress>(subcommand),
            "results" => now::<Results>(subcommand),
            "capacity" => now::<Capacity>(subcommand),
            _ => subcommand,
        })
    }
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
    /// Receive mail
    Serve(OnDemand<Serve>),
    /// Say everything that is wrong with the settings, each with its key and line
    CheckConfig(OnDemand<CheckConfig>),
    /// Look into the store: list, show, search, export and delete messages
    Inbox(OnDemand<Inbox>),
    Passwd(Passwd),
    Healthcheck(Healthcheck),
    /// Calls over shared memory: try them, watch a server, measure, put under stress
    Ipc(OnDemand<Ipc>),
    /// Put load on mail servers, of this or any other make, and measure what they do
    Stress(OnDemand<Stress>),
    /// Look at results of `prixfixe stress`: list, show, compare, hold against gates
    Results(OnDemand<Results>),
    /// Reckon how many servers, how much memory, CPU, bandwidth and disk a load takes
    Capacity(OnDemand<Capacity>),
    Completions(Completions),
    Man(ManPages),
}

impl Command {
    fn run(self, global: &GlobalFlags) -> io::Result<Outcome> {
        match self {
            Self::Serve(command) => command.0.run(global),
            Self::CheckConfig(command) => command.0.run(global),
            Self::Inbox(command) => command.0.run(global),
            Self::Passwd(command) => command.run(global),
            Self::Healthcheck(command) => command.run(global),
            Self::Ipc(command) => command.0.run(),
            Self::Stress(command) => command.0.run(global),
            Self::Results(command) => command.0.run(),
            Self::Capacity(command) => command.0.run(),
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn about(command: &clap::Command) -> Option<String> {
        command.get_about().map(ToString::to_string)
    }

    fn is_described(command: &clap::Command) -> bool {
        let mut flags = command
            .get_arguments()
            .filter(|flag| !flag.is_global_set() && flag.get_id() != "help");
        flags.next().is_some() || command.has_subcommands()
    }

    #[test]
    fn the_list_of_subcommands_says_of_each_what_it_says_of_itself() {
        let described = Cli::described();
        for listed in Cli::command().get_subcommands() {
            let itself = described.find_subcommand(listed.get_name()).unwrap();
            assert!(is_described(itself), "{}", listed.get_name());
            assert!(about(listed).is_some());
            assert_eq!(about(listed), about(itself));
        }
    }

    #[test]
    fn subcommands_that_are_not_meant_are_not_described() {
        let mut command = Cli::command();
        let matches = command.try_get_matches_from_mut(["prixfixe", "ipc", "echo", "@name"]);
        assert!(matches.is_ok());
        let is_described = |name| is_described(command.find_subcommand(name).unwrap());
        assert!(is_described("ipc"));
        assert!(!is_described("stress") && !is_described("serve"));
    }
}
