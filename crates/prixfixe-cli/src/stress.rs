//! `prixfixe stress`: load, and the servers that stand it.

mod background_load;
mod chaos;
pub(crate) mod command_line;
mod crash;
mod disk_probe;
mod interrupt;
mod lab;
mod lab_folder;
pub(crate) mod machine;
mod mounts;
mod own_server;
mod probe;
mod progress;
mod proxy;
mod run;
mod scenario;
mod servers;
mod set;
mod store_source;
pub(crate) mod summary;
mod terms;
mod verify;

use std::io::{self, Write};

use clap::{Args, Subcommand};

use crate::cli::{GlobalFlags, Outcome};
use chaos::Chaos;
use crash::Crash;
use own_server::OwnServer;
use proxy::Proxy;
use run::Run;
use scenario::{All, Scenario, ScenarioFlags, SoakFlags};
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
    Run(Box<Run>),

    /// 100 messages of 1 KB over 10 connections to 5 servers: does it all work?
    #[command(after_help = "Example: prixfixe stress quick")]
    Quick(Box<ScenarioFlags>),

    /// 5,000 messages of 10 KB over 50 connections to 5 servers
    #[command(after_help = "Examples: prixfixe stress burst\n          \
        prixfixe stress burst --target mx.example.com:25 --to load@example.com")]
    Burst(Box<ScenarioFlags>),

    /// 50 messages of 10 KB a second for a minute to 5 servers
    #[command(after_help = "Example: prixfixe stress sustained --duration 5m")]
    Sustained(Box<ScenarioFlags>),

    /// 10,000 messages of 10 KB over 100 connections to 5 servers
    #[command(after_help = "Example: prixfixe stress heavy")]
    Heavy(Box<ScenarioFlags>),

    /// Messages of 1 KB, 10 KB, 100 KB and 1 MB, one size after the other, to 5 servers
    #[command(after_help = "Example: prixfixe stress mixed")]
    Mixed(Box<ScenarioFlags>),

    /// 10, 25, then 50 messages of 1 KB a second, 30 s each, to 1 server
    #[command(after_help = "Example: prixfixe stress ramp")]
    Ramp(Box<ScenarioFlags>),

    /// 20 messages a second for a minute, and in its middle 1,000 at once, to 1 server
    #[command(after_help = "Example: prixfixe stress spike")]
    Spike(Box<ScenarioFlags>),

    /// The burst against 1, 3 and 5 servers
    #[command(after_help = "Example: prixfixe stress scale")]
    Scale(Box<ScenarioFlags>),

    /// 1,000 idle connections, then 1,000 at work, then more than the server allows
    #[command(after_help = "Example: prixfixe stress connections")]
    Connections(Box<ScenarioFlags>),

    /// A burst in the clear, after STARTTLS, under TLS from the first octet, and with sessions taken
    /// up again, each message on a connection of its own
    #[command(after_help = "Example: prixfixe stress tls")]
    Tls(Box<ScenarioFlags>),

    /// The five runs whose figures the replaced system published, and ours beside them
    #[command(after_help = "Example: prixfixe stress baseline")]
    Baseline(Box<ScenarioFlags>),

    /// An even rate for hours to 1 server, and whether its memory grows
    #[command(after_help = "Example: prixfixe stress soak --rate 50 --duration 8h")]
    Soak(Box<SoakFlags>),

    /// All scenarios but soak, one after the other, whatever becomes of each
    #[command(after_help = "Examples: prixfixe stress all\n          \
        prixfixe stress all -- --scale 0.1")]
    All(All),

    Chaos(Box<Chaos>),
    Crash(Box<Crash>),
    Proxy(Box<Proxy>),
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
            StressCommand::Run(command) => command.run(),
            StressCommand::Quick(flags) => Scenario::Quick.run(*flags),
            StressCommand::Burst(flags) => Scenario::Burst.run(*flags),
            StressCommand::Sustained(flags) => Scenario::Sustained.run(*flags),
            StressCommand::Heavy(flags) => Scenario::Heavy.run(*flags),
            StressCommand::Mixed(flags) => Scenario::Mixed.run(*flags),
            StressCommand::Ramp(flags) => Scenario::Ramp.run(*flags),
            StressCommand::Spike(flags) => Scenario::Spike.run(*flags),
            StressCommand::Scale(flags) => Scenario::Scale.run(*flags),
            StressCommand::Connections(flags) => Scenario::Connections.run(*flags),
            StressCommand::Tls(flags) => Scenario::Tls.run(*flags),
            StressCommand::Baseline(flags) => Scenario::Baseline.run(*flags),
            StressCommand::Soak(command) => command.run(),
            StressCommand::All(command) => command.run(),
            StressCommand::Chaos(command) => command.run(),
            StressCommand::Crash(command) => command.run(),
            StressCommand::Proxy(command) => command.run(),
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

/// Says what is wrong with the flags of a subcommand.
fn misused(subcommand: &str, text: &str) -> io::Result<Outcome> {
    writeln!(io::stderr(), "prixfixe stress {subcommand}: {text}")?;
    Ok(Outcome::Misused)
}
