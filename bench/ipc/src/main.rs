//! What Prix Fixe's shared-memory calls are measured against, in one harness: other ways for
//! processes of one machine to call each other, and the bare floors below all of them.
#![deny(unsafe_code)]

mod bare;
mod child;
mod clock;
mod content;
mod drive;
mod measure;
mod peers;
mod roles;
mod run;
mod setting;

use std::error::Error;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};

use peers::PeerName;
use setting::{
    Clock, Layout, Length, MOST_CLIENTS, MOST_IN_FLIGHT, MOST_PAYLOAD_BYTES, MOST_SECONDS, Pin,
    Runtime, Setting, Unsupported, Wait,
};

/// Measures ways for processes of one machine to call each other.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  ipc-peers list
  ipc-peers run spin                                   the mode of the machine: mean_us
  ipc-peers run uds --seconds 10
  ipc-peers run uds --pin one                          both sides on one processor
  ipc-peers run ring --clients 100 --wait yield
  ipc-peers run uds-tokio --clients 100 --layout async --runtime multi
  ipc-peers run grpc --in-flight 32 --calls 1000000 --row 'gRPC, 32 in flight'
  ipc-peers run futex --rate 1000 --seconds 10         latency from the intended start

Each run prints one line of JSON; README.md says what its fields mean.";

#[derive(Subcommand)]
enum Command {
    /// Run one peer and print one line of JSON.
    Run(RunArguments),
    /// List the peers and what each can do.
    List,
    /// The server process of a run.
    #[command(hide = true)]
    Serve { setting: String },
    /// A client process of a run: its clients are `from` up to but without `to`.
    #[command(hide = true)]
    Clients { from: u64, to: u64, setting: String },
}

#[derive(Args)]
struct RunArguments {
    peer: PeerName,
    /// Clients, each with a connection of its own.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..=i64::from(MOST_CLIENTS)))]
    clients: u32,
    /// How clients are spread over processes.
    #[arg(long, value_enum, default_value_t = Layout::Processes)]
    layout: Layout,
    /// Calls in flight per client.
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = value_parser!(u32).range(1..=i64::from(MOST_IN_FLIGHT)))]
    in_flight: u32,
    /// Bytes of each request and of each reply, the stamp of 16 bytes included.
    #[arg(long, value_name = "BYTES", default_value_t = 1024, value_parser = value_parser!(u64).range(16..=MOST_PAYLOAD_BYTES))]
    payload: u64,
    /// How long to run.
    #[arg(long, default_value_t = 10, value_parser = value_parser!(u64).range(1..=MOST_SECONDS))]
    seconds: u64,
    /// How many calls to make, all clients together, instead of a duration.
    #[arg(long, value_name = "TOTAL", conflicts_with = "seconds", value_parser = value_parser!(u64).range(1..))]
    calls: Option<u64>,
    /// Calls per second of a single client, sleeping between; latency counts from the intended start.
    #[arg(long, value_name = "CALLS_PER_SECOND", value_parser = at_most_a_million)]
    rate: Option<NonZeroU32>,
    /// Where the processes may run.
    #[arg(long, value_enum, default_value_t = Pin::None)]
    pin: Pin,
    /// Which tokio runtime both sides of an asynchronous peer use.
    #[arg(long, value_enum, default_value_t = Runtime::Current)]
    runtime: Runtime,
    /// Whether the time of every call is taken. Default: none for one client with one call in
    /// flight and no rate, every otherwise.
    #[arg(long, value_enum)]
    clock: Option<Clock>,
    /// How both sides of `ring` wait. Default: spin for one or two clients, yield for more, park
    /// on one processor.
    #[arg(long, value_enum)]
    wait: Option<Wait>,
    /// Say how many calls took longer than each of these, in microseconds; needs the time of every call.
    #[arg(long, value_name = "US,…", value_delimiter = ',')]
    above: Vec<u64>,
    /// A name for the row.
    #[arg(long, value_name = "NAME", default_value = "")]
    row: String,
}

fn main() -> ExitCode {
    match execute(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ipc-peers: {}", with_causes(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Run(arguments) => {
            let row = arguments.row.clone();
            let row = run::run(arguments.setting()?, row)?;
            println!("{}", serde_json::to_string(&row)?);
        }
        Command::List => list(),
        Command::Serve { setting } => roles::serve(&serde_json::from_str(&setting)?)?,
        Command::Clients { from, to, setting } => {
            let setting: Setting = serde_json::from_str(&setting)?;
            (setting.peer.run_clients())(&setting, from..to)?;
        }
    }
    Ok(())
}

impl RunArguments {
    fn setting(self) -> Result<Setting, Box<dyn Error>> {
        if self.wait.is_some() && self.peer != PeerName::Ring {
            return Err(format!("`{}` {}", self.peer, Unsupported::Wait).into());
        }
        let paced = self.rate.is_some();
        let clock = Clock::for_run(self.clients, self.in_flight, paced);
        Ok(Setting {
            peer: self.peer,
            clients: self.clients,
            layout: self.layout,
            runtime: self.runtime,
            in_flight: self.in_flight,
            payload: usize::try_from(self.payload)?,
            length: match self.calls {
                Some(calls) => Length::Calls(calls),
                None => Length::Lasting(Duration::from_secs(self.seconds)),
            },
            rate: self.rate,
            // At a set rate the duration says nothing about the calls.
            clock: self.clock.filter(|_| !paced).unwrap_or(clock),
            pin: self.pin,
            wait: self
                .wait
                .unwrap_or_else(|| Wait::for_clients(self.clients, self.pin)),
            above: self.above,
            folder: PathBuf::new(),
        })
    }
}

fn list() {
    println!(
        "{:<16} {:>7} {:>9} {:<16} {:<7}",
        "peer", "clients", "in flight", "layouts", "runtime"
    );
    for peer in PeerName::value_variants() {
        let supports = peer.supports();
        println!(
            "{:<16} {:>7} {:>9} {:<16} {:<7}  {}",
            peer.to_string(),
            supports.most_clients,
            supports.most_in_flight,
            if supports.asynchronous {
                "processes, async"
            } else {
                "processes"
            },
            if supports.tokio { "tokio" } else { "-" },
            supports.about
        );
    }
}

fn at_most_a_million(word: &str) -> Result<NonZeroU32, String> {
    word.parse::<NonZeroU32>()
        .ok()
        .filter(|rate| rate.get() <= 1_000_000)
        .ok_or_else(|| "must be a whole number from 1 to 1000000".to_owned())
}

/// The error and what led to it, as one line.
fn with_causes(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.ends_with(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_examples_are_commands_that_parse() {
        let runs = EXAMPLES
            .lines()
            .filter(|line| line.starts_with("  ipc-peers"));
        for line in runs {
            let command = line.trim().split("   ").next().unwrap_or_default();
            let words = command.replace("'gRPC, 32 in flight'", "name");
            let parsed = Cli::try_parse_from(words.split_whitespace());
            assert!(parsed.is_ok(), "{line}");
        }
    }
}
