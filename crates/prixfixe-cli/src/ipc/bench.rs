//! `prixfixe ipc bench`.

mod async_clients;
mod catalogue;
mod cgroup;
mod compare;
mod drive;
mod holder;
mod measure;
mod pace;
mod payload;
mod peers;
mod progress;
mod recovery;
mod resources;
mod roles;
mod run;
mod setting;
mod table;
mod typed;
mod verdict;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, value_parser};

use super::{children, clock, in_words, process};
use crate::cli::Outcome;
use catalogue::{Kind, ROWS, Row};
use compare::{Terms, compare, runs};
pub(super) use peers::Harness;
use progress::Progress;
use resources::Extent;
use run::RunError;
use verdict::{Medians, Verdict};

pub(super) use roles::{Clients, Server};

/// Measure calls over shared memory, beside other ways to make them
///
/// A server and its clients run as processes of their own, unless a row says async in one process.
/// Every payload is made for its call and digested on both sides, in the time that is measured. Where
/// the harness of the peers is built (`cargo build --release` in bench/ipc), ours and theirs take
/// turns, and the medians are compared; a bare ping-pong around each row tells whether the host is
/// fast or slow at the moment. Leave the machine alone meanwhile.
#[derive(Debug, Args)]
#[command(after_help = "Examples: prixfixe ipc bench\n          \
    prixfixe ipc bench hot-64 hundred-async --check --json results.jsonl\n          \
    prixfixe ipc bench --quick hundred-processes\n          \
    prixfixe ipc bench --list")]
pub(super) struct Bench {
    /// The rows to run; all of them if none is named
    #[arg(value_name = "ROW", value_parser = PossibleValuesParser::new(ROWS.iter().map(|row| row.name)), hide_possible_values = true)]
    rows: Vec<String>,

    /// List the rows and what each must come to, and end
    #[arg(long)]
    list: bool,

    /// End with 1 if a bound is missed or cannot be judged
    #[arg(long)]
    check: bool,

    /// Write every run and every verdict as a line of JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// The harness of the peers [default: bench/ipc/target/release/ipc-peers, if it is there]
    #[arg(long, value_name = "PROGRAM")]
    peers: Option<PathBuf>,

    /// How long each run lasts
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = value_parser!(u64).range(1..=measure::MOST_SECONDS))]
    seconds: u64,

    /// One pair of a second, and a tenth of the clients of the last rows: to see that it works
    #[arg(long, conflicts_with = "seconds")]
    quick: bool,
}

impl Bench {
    /// Runs the rows and shows what came out.
    pub(super) fn run(self) -> io::Result<Outcome> {
        if self.list {
            return list(&mut io::stdout().lock()).map(|()| Outcome::Done);
        }
        let rows: Vec<&Row> = ROWS
            .iter()
            .filter(|row| self.rows.is_empty() || self.rows.iter().any(|name| name == row.name))
            .collect();
        let harness = match self.harness() {
            Ok(harness) => harness,
            Err(missing) => return misused(&missing),
        };
        let calls = rows.iter().any(|row| matches!(row.kind, Kind::Calls(_)));
        if self.check && calls && harness.is_none() {
            return misused(
                "--check compares with the peers; build them in bench/ipc, or name their harness by --peers",
            );
        }
        if cfg!(debug_assertions) {
            writeln!(
                io::stderr(),
                "this program was built without optimisation: the figures mean nothing"
            )?;
        }
        let terms = Terms {
            duration: Duration::from_secs(if self.quick { 1 } else { self.seconds }),
            pairs: self.quick.then_some(1),
            harness,
        };
        let extent = if self.quick {
            Extent::Quick
        } else {
            Extent::Full
        };
        let results = Results::of(&rows, &terms, extent, self.json.as_deref())?;
        let out = &mut io::stdout().lock();
        table::print_rows(&results.medians, out)?;
        table::print_verdicts(&results.verdicts, out)?;
        let failed = results.verdicts.iter().filter(|v| v.is_failure()).count();
        if failed > 0 {
            return Err(io::Error::other(format!("{failed} rows failed")));
        }
        let missed = results.verdicts.iter().filter(|v| v.is_miss()).count();
        if self.check && missed > 0 {
            return Err(io::Error::other(format!("{missed} bounds missed")));
        }
        Ok(Outcome::Done)
    }

    /// The harness that is named, or the one that is there.
    fn harness(&self) -> Result<Option<Harness>, String> {
        match &self.peers {
            Some(named) if named.is_file() => Ok(Some(Harness::at(named))),
            Some(named) => Err(format!("{}: no such program", named.display())),
            None => {
                let usual = Path::new(Harness::PLACE);
                Ok(usual.is_file().then(|| Harness::at(usual)))
            }
        }
    }
}

/// What all rows came to.
#[derive(Default)]
struct Results {
    medians: Vec<Medians>,
    verdicts: Vec<Verdict>,
}

impl Results {
    fn of(rows: &[&Row], terms: &Terms, extent: Extent, json: Option<&Path>) -> io::Result<Self> {
        let total = rows.iter().map(|row| match &row.kind {
            Kind::Calls(calls) => runs(calls, terms),
            _ => 1,
        });
        let json = json
            .map(|path| File::create(path).map(BufWriter::new))
            .transpose()?;
        let mut progress = Progress::new(total.sum(), json);
        let mut results = Self::default();
        let mut by_row = HashMap::new();
        for row in rows {
            let verdicts = match &row.kind {
                Kind::Calls(calls) => match compare(row, calls, terms, &mut progress) {
                    Ok(medians) => {
                        let bounds = calls.bounds.iter();
                        let judged = bounds.map(|bound| medians.judge(*bound, &by_row));
                        let of_row = [medians.mode(), medians.wakes()];
                        let verdicts = of_row.into_iter().chain(judged).collect();
                        by_row.insert(row.name.to_owned(), medians.clone());
                        results.medians.push(medians);
                        Ok(verdicts)
                    }
                    Err(error) => Err(in_words(&error)),
                },
                alone => progress
                    .alone(row.name, || measured_alone(*alone, row.name, extent))
                    .map_err(|error| in_words(&error)),
            };
            // The other rows are run all the same.
            let verdicts = verdicts.unwrap_or_else(|error| vec![Verdict::failed(row.name, &error)]);
            progress.write_verdicts(&verdicts)?;
            results.verdicts.extend(verdicts);
        }
        progress.finish()?;
        Ok(results)
    }
}

/// A row that is compared with nothing.
fn measured_alone(kind: Kind, row: &str, extent: Extent) -> Result<Vec<Verdict>, RunError> {
    match kind {
        Kind::Calls(_) => Ok(Vec::new()),
        Kind::Memory => resources::memory(row, extent),
        Kind::Descriptors => resources::descriptors(row, extent),
        Kind::Idle => resources::idle(row, extent),
        Kind::Recovery => recovery::recovery(row, extent),
        Kind::Typed => typed::typed(row, extent),
    }
}

fn list(out: &mut dyn Write) -> io::Result<()> {
    for row in ROWS {
        writeln!(out, "{:<24} {}", row.name, row.about)?;
    }
    Ok(())
}

fn misused(text: &str) -> io::Result<Outcome> {
    writeln!(io::stderr(), "prixfixe ipc bench: {text}")?;
    Ok(Outcome::Misused)
}
