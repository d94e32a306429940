//! `prixfixe ipc stress`.

mod account;
mod bare_probe;
mod bomb;
mod callers;
mod chaos;
mod conclusion;
mod door;
mod footprint;
mod gathered;
mod interrupt;
mod journal;
mod latencies;
mod leak;
mod memory;
mod noise;
mod payload;
mod progress;
mod server;
mod setting;
mod stage;
mod told;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, value_parser};
use prixfixe_load::results::ResultFolder;
use serde_json::json;

use super::parent;
use crate::cli::Outcome;
use crate::config;
use bare_probe::BareProbe;
use bomb::Bomb;
use chaos::Chaos;
use conclusion::{Findings, Keeping};
use leak::Leak;
use memory::Memory;
use noise::Noise;
use stage::StageError;

pub(super) use callers::StressCallers;
pub(super) use chaos::{ChaosCaller, Hostile};
pub(super) use server::StressServer;

/// Put calls over shared memory under stress, and account for every one of them
///
/// 1  a connection bomb: 1,000 clients at once, 5,000 calls of 1 KB each
/// 2  memory: 500 clients × 1,000 calls of 4 KB, then 100 × 500 of 1 MB
/// 3  latency of one caller among 999 others, beside a bare futex in the same noise
/// 4  leak: 120 cycles of 100 to 500 connections with 300 calls each
/// 5  chaos: killed and stopped clients and servers, hostile clients, time-outs, no memory; 30 minutes
///
/// The server and its clients are processes of their own. Every payload is made for its call and
/// digested on both sides, and what each caller was told is held against a journal of what the handler
/// executed. The result is a file as `prixfixe stress` writes them, for `prixfixe results`.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Examples: prixfixe ipc stress 1\n          \
    prixfixe ipc stress 4 --short --check\n          \
    prixfixe ipc stress 1 --clients 200 --calls 1000 --output bomb.json\n          \
    prixfixe ipc stress 5 --duration 10m --seed 7 --check"
)]
pub(super) struct Stress {
    /// Which level, 1 to 5
    #[arg(value_name = "LEVEL", value_parser = level)]
    level: Level,

    /// A small form of the level, to see that it works; its result is marked as such
    #[arg(long)]
    short: bool,

    /// End with 1 if a promise is broken: a payload altered, a call not accounted for, a leak
    #[arg(long)]
    check: bool,

    /// Fixes what is left to chance in levels 4 and 5
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,

    /// So many clients instead, in levels 1, 3 (those that make the noise) and 5
    #[arg(long, value_name = "COUNT", value_parser = value_parser!(u32).range(1..=MOST_CLIENTS))]
    clients: Option<u32>,

    /// So many calls instead: of each client in levels 1 and 4, of each probe in level 3
    #[arg(long, value_name = "COUNT", value_parser = value_parser!(u64).range(1..=MOST_CALLS))]
    calls: Option<u64>,

    /// So many calls a second of all noise together instead, in level 3
    #[arg(long, value_name = "CALLS", value_parser = value_parser!(u32).range(1..=MOST_RATE))]
    rate: Option<u32>,

    /// So long instead, in level 5
    #[arg(long, value_name = "TIME")]
    duration: Option<config::Duration>,

    /// The harness of the bare futex, for level 3 [default: bench/ipc/target/release/ipc-peers, if it is there]
    #[arg(long, value_name = "PROGRAM")]
    peers: Option<PathBuf>,

    /// Write the result here
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// The folder that results are kept in
    #[arg(long, value_name = "FOLDER", default_value = ResultFolder::USUAL)]
    results: PathBuf,
}

/// A level by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Bomb,
    Memory,
    Noise,
    Leak,
    Chaos,
}

fn level(number: &str) -> Result<Level, String> {
    match number {
        "1" => Ok(Level::Bomb),
        "2" => Ok(Level::Memory),
        "3" => Ok(Level::Noise),
        "4" => Ok(Level::Leak),
        "5" => Ok(Level::Chaos),
        _ => Err("levels are 1 to 5".to_owned()),
    }
}

/// As many as a server takes unless it is told otherwise.
const MOST_CLIENTS: i64 = 10_000;
/// Hours of any level.
const MOST_CALLS: u64 = 1_000_000_000;
/// More than any machine makes.
const MOST_RATE: i64 = 100_000_000;

impl Stress {
    /// Runs the level and shows what came out.
    pub(super) fn run(self) -> io::Result<Outcome> {
        if let Some(flag) = self.stray_flag() {
            writeln!(
                io::stderr(),
                "prixfixe ipc stress: {flag} means nothing to this level; see --help"
            )?;
            return Ok(Outcome::Misused);
        }
        if cfg!(debug_assertions) {
            writeln!(
                io::stderr(),
                "this program was built without optimisation: the figures mean nothing"
            )?;
        }
        // Each process of a level has two pipes to this one.
        parent::raise_descriptors()?;
        let mut findings = Findings::new();
        self.run_level(&mut findings)?;
        let scenario = self.scenario();
        if scenario != self.level.name() {
            findings.note(format!(
                "{scenario} is not the whole level: its figures are those of what was run alone"
            ));
        }
        let settings =
            json!({ "level": self.level as u8 + 1, "short": self.short, "seed": self.seed });
        let keeping = Keeping {
            output: self.output.clone(),
            results: self.results.clone(),
        };
        let kept = findings.conclude(&scenario, settings, &keeping)?;
        Ok(if self.check && !kept {
            Outcome::Failed
        } else {
            Outcome::Done
        })
    }

    fn run_level(&self, findings: &mut Findings) -> Result<(), StageError> {
        let short = self.short;
        match self.level {
            Level::Bomb => {
                let bomb = if short { Bomb::SHORT } else { Bomb::WHOLE };
                let bomb = Bomb {
                    clients: self.clients.unwrap_or(bomb.clients),
                    calls: self.calls.unwrap_or(bomb.calls),
                };
                bomb.run(findings)
            }
            Level::Memory => if short { Memory::SHORT } else { Memory::WHOLE }.run(findings),
            Level::Noise => {
                let noise = if short { Noise::SHORT } else { Noise::WHOLE };
                let noise = Noise {
                    clients: self.clients.unwrap_or(noise.clients),
                    rate: self.rate.unwrap_or(noise.rate),
                    probes: self.calls.unwrap_or(noise.probes),
                };
                noise.run(&BareProbe::at(self.peers.clone()), findings)
            }
            Level::Leak => {
                let leak = if short { Leak::SHORT } else { Leak::WHOLE };
                let leak = Leak {
                    calls: self.calls.unwrap_or(leak.calls),
                    ..leak
                };
                leak.run(self.seed, findings)
            }
            Level::Chaos => {
                let chaos = if short { Chaos::SHORT } else { Chaos::WHOLE };
                let chaos = Chaos {
                    callers: self.clients.unwrap_or(chaos.callers),
                    lasts: self.duration.map_or(chaos.lasts, config::Duration::get),
                };
                chaos.run(self.seed, findings)
            }
        }
    }

    /// A flag that was given and that the level does not know.
    fn stray_flag(&self) -> Option<&'static str> {
        let given = [
            ("--clients", self.clients.is_some()),
            ("--calls", self.calls.is_some()),
            ("--rate", self.rate.is_some()),
            ("--duration", self.duration.is_some()),
            ("--peers", self.peers.is_some()),
        ];
        let known = self.level.flags();
        let mut given = given.into_iter().filter(|(_, given)| *given);
        given
            .find(|(flag, _)| !known.contains(flag))
            .map(|(flag, _)| flag)
    }

    /// A result of other numbers than the level's does not go by the level's name.
    fn scenario(&self) -> String {
        let name = self.level.name();
        let changed = self.clients.is_some()
            || self.calls.is_some()
            || self.rate.is_some()
            || self.duration.is_some();
        if changed {
            format!("{name}-changed")
        } else if self.short {
            format!("{name}-short")
        } else {
            name.to_owned()
        }
    }
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Bomb => "ipc-bomb",
            Self::Memory => "ipc-memory",
            Self::Noise => "ipc-noise",
            Self::Leak => "ipc-leak",
            Self::Chaos => "ipc-chaos",
        }
    }

    /// Flags that mean something to it, of those that not all know.
    fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Bomb => &["--clients", "--calls"],
            Self::Memory => &[],
            Self::Noise => &["--clients", "--calls", "--rate", "--peers"],
            Self::Leak => &["--calls"],
            Self::Chaos => &["--clients", "--duration"],
        }
    }
}
