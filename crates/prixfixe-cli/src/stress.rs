//! `prixfixe stress`: load, and the servers that stand it.

#[allow(dead_code, reason = "the scenarios, which come next, use the rest")]
mod lab_folder;
mod own_server;
#[allow(dead_code, reason = "the scenarios, which come next, use the rest")]
mod servers;
mod set;
mod store_source;
mod verify;

use std::io;

use clap::{Args, Subcommand};

use crate::cli::{GlobalFlags, Outcome};
use own_server::OwnServer;
use set::{Clean, Logs, Start, Status, Stop};
use verify::Verify;

/// Put load on mail servers, of this or any other make, and measure what they do
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples: prixfixe stress quick\n          \
    prixfixe stress run --target mx.example.com:25 --messages 1000 --workers 20"
)]
pub(crate) struct Stress {
    #[command(subcommand)]
    command: StressCommand,
}

#[derive(Debug, Subcommand)]
enum StressCommand {
    Start(Start),
    Stop(Stop),
    Status(Status),
    Logs(Logs),
    Clean(Clean),
    Verify(Box<Verify>),
    #[command(hide = true)]
    OwnServer(Box<OwnServer>),
}

impl Stress {
    /// Does what the subcommand says.
    pub(crate) fn run(self, global: &GlobalFlags) -> io::Result<Outcome> {
        match self.command {
            StressCommand::Start(command) => command.run(),
            StressCommand::Stop(command) => command.run(),
            StressCommand::Status(command) => command.run(),
            StressCommand::Logs(command) => command.run(),
            StressCommand::Clean(command) => command.run(),
            StressCommand::Verify(command) => command.run(),
            StressCommand::OwnServer(command) => command.run(global),
        }
    }
}
