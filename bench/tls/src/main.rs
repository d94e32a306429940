//! What TLS costs SMTP receivers, measured from outside: handshakes, messages, idle connections.
#![forbid(unsafe_code)]

mod account;
mod certificate;
mod figures;
mod load;
mod memory;
mod plan;
mod progress;
mod receiver;
mod receivers;
mod report;
mod rounds;
mod smtp;
mod transport;

use std::error::Error;
use std::fs::File;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, value_parser};

use plan::{Effort, Part};
use receivers::Kind;

/// Measures what TLS costs SMTP receivers.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  tls-peers run --quick                                  does everything work? no figures to keep
  tls-peers run --check --json tls.json                  all rows, compared with the bounds
  tls-peers run --receivers prixfixe,mailin --parts handshakes --rounds 15
  tls-peers run --parts messages --receivers prixfixe,prixfixe-store
  tls-peers run --binary target/release/prixfixe --parts memory
  tls-peers list

README.md says what each row is. Leave the machine alone meanwhile.";

#[derive(Subcommand)]
enum Command {
    /// Start the receivers, measure them in turn, print tables.
    Run(RunArguments),
    /// List the receivers.
    List,
    /// The process of the receiver `mailin`.
    #[command(hide = true)]
    Mailin {
        address: SocketAddr,
        certificate: PathBuf,
        key: PathBuf,
        threads: u32,
    },
}

#[derive(Args)]
struct RunArguments {
    /// Who is measured.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Kind::ALL)]
    receivers: Vec<Kind>,
    /// What is measured.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Part::ALL)]
    parts: Vec<Part>,
    /// Interleaved rounds; every figure is a median over them.
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,
    /// How long a receiver is measured in each row of each round.
    #[arg(long, value_name = "SECONDS", value_parser = value_parser!(u32).range(1..=600))]
    seconds: Option<u32>,
    /// Clients at a time, each a thread.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = value_parser!(u32).range(1..=200))]
    sessions: u32,
    /// One short round and a tenth of the idle connections.
    #[arg(long)]
    quick: bool,
    /// Compare with the bounds that the project promises; exit 1 if one is missed or was not measured.
    #[arg(long)]
    check: bool,
    /// Write everything measured as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The program `prixfixe`.
    #[arg(long, value_name = "FILE", default_value = "target/release/prixfixe")]
    binary: PathBuf,
    /// Where stores and queues go. Default: the system's temporary folder.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

fn main() -> ExitCode {
    match execute(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tls-peers: {}", with_causes(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        Command::Run(arguments) => run(arguments),
        Command::List => {
            for kind in Kind::ALL {
                println!("{:<16}{}", kind.to_string(), kind.about());
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Mailin {
            address,
            certificate,
            key,
            threads,
        } => {
            receivers::mailin::serve(address, certificate, key, threads)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn run(arguments: RunArguments) -> Result<ExitCode, Box<dyn Error>> {
    // Opened first, so that a typing error does not cost a run.
    let json = arguments.json.as_ref().map(File::create).transpose()?;
    let effort = effort(&arguments);
    let places = receivers::Places::new(arguments.binary, arguments.folder)?;
    let measured = plan::measure(&arguments.receivers, &arguments.parts, &effort, &places)?;
    let mut out = io::stdout().lock();
    report::tables(&measured, &mut out)?;
    if let Some(mut json) = json {
        serde_json::to_writer_pretty(&mut json, &measured)?;
        writeln!(json)?;
    }
    if !arguments.check {
        return Ok(ExitCode::SUCCESS);
    }
    Ok(if report::verdicts(&measured, &mut out)? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn effort(arguments: &RunArguments) -> Effort {
    let (rounds, seconds, connections) = if arguments.quick {
        (1, 1, 100)
    } else {
        (7, 3, 1000)
    };
    Effort {
        rounds: arguments.rounds.unwrap_or(rounds),
        stretch: Duration::from_secs(arguments.seconds.unwrap_or(seconds).into()),
        sessions: arguments.sessions,
        idle_connections: connections,
    }
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
        for line in EXAMPLES
            .lines()
            .filter(|line| line.starts_with("  tls-peers"))
        {
            let command = line.trim().split("   ").next().unwrap_or_default();
            let parsed = Cli::try_parse_from(command.split_whitespace());
            assert!(parsed.is_ok(), "{line}");
        }
    }
}
