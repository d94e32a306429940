//! `prixfixe ipc`: calls over shared memory, to try, to watch and to measure.

mod bench;
mod call;
mod children;
mod clock;
mod echo;
mod parent;
mod ping;
mod process;
mod stress;
mod top;

use std::io;

use clap::{Args, Subcommand};

use crate::cli::Outcome;
use bench::{Bench, Clients, Server};
use call::Call;
use echo::Echo;
use ping::Ping;
use stress::{ChaosCaller, Hostile, Stress, StressCallers, StressServer};
use top::Top;

/// Calls over shared memory: try them, watch a server, measure, put under stress
///
/// PATH is the socket of a server; a name with @ in front lies outside the file system.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples: prixfixe ipc echo /tmp/echo.sock\n          \
    prixfixe ipc call /tmp/echo.sock hello\n          \
    prixfixe ipc top /tmp/echo.sock\n          \
    prixfixe ipc bench --quick hot-64\n          \
    prixfixe ipc stress 1 --short"
)]
pub(crate) struct Ipc {
    #[command(subcommand)]
    command: IpcCommand,
}

#[derive(Debug, Subcommand)]
enum IpcCommand {
    Echo(Echo),
    Call(Call),
    Ping(Ping),
    Top(Top),
    Bench(Bench),
    Stress(Box<Stress>),
    #[command(hide = true)]
    BenchServer(Server),
    #[command(hide = true)]
    BenchClients(Clients),
    #[command(hide = true)]
    StressServer(StressServer),
    #[command(hide = true)]
    StressCallers(StressCallers),
    #[command(hide = true)]
    StressChaosCaller(ChaosCaller),
    #[command(hide = true)]
    StressHostile(Hostile),
}

impl Ipc {
    /// Does what the subcommand says.
    pub(crate) fn run(self) -> io::Result<Outcome> {
        match self.command {
            IpcCommand::Echo(command) => command.run(),
            IpcCommand::Call(command) => command.run(),
            IpcCommand::Ping(command) => command.run(),
            IpcCommand::Top(command) => command.run(),
            IpcCommand::Bench(command) => command.run(),
            IpcCommand::Stress(command) => command.run(),
            IpcCommand::BenchServer(role) => role.run(),
            IpcCommand::BenchClients(role) => role.run(),
            IpcCommand::StressServer(role) => role.run(),
            IpcCommand::StressCallers(role) => role.run(),
            IpcCommand::StressChaosCaller(role) => role.run(),
            IpcCommand::StressHostile(role) => role.run(),
        }
    }
}

/// An error with what led to it, as one line.
fn in_words(error: &dyn std::error::Error) -> io::Error {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.ends_with(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    io::Error::other(line)
}
