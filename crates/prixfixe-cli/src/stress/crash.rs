//! `prixfixe stress crash`: the server is killed under load again and again, and every
//! acknowledgement is accounted for.

use std::io::{self, Write};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use clap::{Args, value_parser};
use prixfixe_load::failure::FailureKind;
use prixfixe_load::plan::{Contents, Plan};
use prixfixe_load::resources::ResourceWatch;
use prixfixe_load::result::Table;
use prixfixe_load::schedule::Schedule;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::background_load::BackgroundLoad;
use super::lab::{Lab, LabError};
use super::misused;
use super::probe;
use super::terms::{Misuse, Place, TermsFlags};
use crate::cli::Outcome;

/// Kill a server under load, start it again, and account for every 250
#[derive(Debug, Args)]
#[command(after_help = "Example: prixfixe stress crash --kills 100")]
pub(super) struct Crash {
    /// How often the server is killed
    #[arg(long, value_name = "COUNT", default_value = "10", value_parser = value_parser!(u32).range(1..=100_000))]
    kills: u32,

    /// Connections of the load, half of them by DATA and half by BDAT
    #[arg(long, value_name = "COUNT", default_value = "20", value_parser = value_parser!(u16).range(2..=1_000))]
    workers: u16,

    /// The instants of the kills are the same for the same seed [default: a new one each time]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,

    #[command(flatten)]
    terms: TermsFlags,
}

impl Crash {
    /// Carries it out.
    pub(super) fn run(self) -> io::Result<Outcome> {
        let place = Place::Own(None);
        let terms = match self.terms.into_terms(place) {
            Ok(terms) => terms,
            Err(Misuse(text)) => return misused("crash", &text),
        };
        let ordeal = Ordeal {
            kills: self.kills,
            workers: usize::from(self.workers),
            seed: self.seed.unwrap_or_else(rand::random),
        };
        Lab::conduct("crash", terms, |lab| ordeal.run(lab))
    }
}

struct Ordeal {
    kills: u32,
    workers: usize,
    seed: u64,
}

/// Messages that a server has to acknowledge after each start before it is killed: a kill with
/// nothing at stake proves nothing.
const ACKNOWLEDGED_BEFORE_KILL: u64 = 50;
/// The kill comes up to this much later, so that it meets the server anywhere.
const MOST_DELAY: Duration = Duration::from_millis(300);
/// How long a server that was started again may take to acknowledge mail, and a load to come so far.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the load is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// Small chunks, so that a kill often falls between two of them.
const CHUNK_OCTETS: u32 = 8 << 10;

impl Ordeal {
    fn run(&self, lab: &mut Lab) -> Result<(), LabError> {
        tell(&format!("crash: seed {}", self.seed));
        lab.start_servers(1, "")?;
        let watch = ResourceWatch::start(lab.pids());
        let loads = [
            ("DATA", None, self.workers / 2),
            (
                "BDAT",
                NonZeroU32::new(CHUNK_OCTETS),
                self.workers - self.workers / 2,
            ),
        ]
        .map(|(name, chunk_octets, workers)| {
            let plan = plan(lab, name, chunk_octets, workers)?;
            let load = BackgroundLoad::start(plan)?;
            lab.interrupt().reaches(load.live());
            Ok::<_, LabError>((name, load))
        });
        let [data, bdat] = loads;
        let loads = [data?, bdat?];
        let killed = self.kill_again_and_again(lab, &loads, &watch);
        let mut ended = Vec::new();
        for (name, load) in loads {
            ended.push((name, load.stop()?));
        }
        let resources = watch.finish();
        for (name, load) in ended {
            for error in &load.figures.errors {
                // A server that was killed can say nothing; one that is there must not refuse.
                if let FailureKind::Permanent(_)
                | FailureKind::Transient(_)
                | FailureKind::Protocol = error.kind
                {
                    lab.fault(format!(
                        "{name}: {} × {} at {}: {}",
                        error.count,
                        error.kind,
                        error.stage.name(),
                        error.example
                    ));
                }
            }
            lab.record(name, load, &resources);
        }
        let kills = killed?;
        lab.table(self.table(&kills));
        Ok(())
    }

    /// How long the server took after each kill until it acknowledged a message again.
    fn kill_again_and_again(
        &self,
        lab: &mut Lab,
        loads: &[(&str, BackgroundLoad); 2],
        watch: &ResourceWatch,
    ) -> Result<Vec<Duration>, LabError> {
        let mut random = StdRng::seed_from_u64(self.seed);
        let accepted = || {
            loads
                .iter()
                .map(|(_, load)| load.snapshot().accepted)
                .sum::<u64>()
        };
        let mut recoveries = Vec::new();
        for kill in 1..=self.kills {
            let before = accepted();
            let deadline = Instant::now() + PATIENCE;
            while accepted() < before + ACKNOWLEDGED_BEFORE_KILL {
                if lab.interrupt().is_set() {
                    return Err(LabError::Stopped);
                }
                if Instant::now() > deadline || loads.iter().any(|(_, load)| load.is_over()) {
                    lab.fault(format!(
                        "before kill {kill}: {} messages were acknowledged in {} s, and {ACKNOWLEDGED_BEFORE_KILL} were to be",
                        accepted() - before,
                        PATIENCE.as_secs()
                    ));
                    return Ok(recoveries);
                }
                std::thread::sleep(LOOK);
            }
            std::thread::sleep(MOST_DELAY.mul_f64(random.random::<f64>()));
            let Some(server) = lab.servers().first_mut() else {
                return Ok(recoveries);
            };
            server.kill();
            let started = Instant::now();
            server.restart()?;
            let target = server.address().to_owned();
            if let Some(pid) = server.pid() {
                watch.add(pid);
            }
            match probe::deliver_until(&target, Instant::now() + PATIENCE) {
                Ok(acknowledged) => recoveries.push(acknowledged - started),
                Err(error) => {
                    lab.fault(format!(
                        "after kill {kill} no message was acknowledged: {error}"
                    ));
                    return Ok(recoveries);
                }
            }
            tell(&format!(
                "kill {kill} of {}: {} acknowledged so far, takes mail again after {} ms",
                self.kills,
                accepted(),
                recoveries.last().map_or(0, Duration::as_millis)
            ));
        }
        Ok(recoveries)
    }

    fn table(&self, recoveries: &[Duration]) -> Table {
        let mut sorted = recoveries.to_vec();
        sorted.sort();
        let at = |index: usize| {
            let milliseconds = sorted.get(index).map(|time| time.as_secs_f64() * 1000.0);
            milliseconds.map_or_else(|| "–".to_owned(), |time| format!("{time:.1}"))
        };
        Table {
            title: "Kills, and the time from a start to the first 250".to_owned(),
            columns: ["kills", "seed", "min ms", "median ms", "max ms"]
                .map(str::to_owned)
                .to_vec(),
            rows: vec![vec![
                recoveries.len().to_string(),
                self.seed.to_string(),
                at(0),
                at(sorted.len() / 2),
                at(sorted.len().saturating_sub(1)),
            ]],
        }
    }
}

fn plan(
    lab: &mut Lab,
    name: &str,
    chunk_octets: Option<NonZeroU32>,
    workers: usize,
) -> Result<Plan, LabError> {
    // It ends when it is stopped.
    let schedule = Schedule::Closed {
        messages: None,
        lasts: Some(LONGER_THAN_ANY),
    };
    let mut plan = lab.terms().plan(schedule, workers);
    let mix = SIZES.parse();
    plan.contents = Contents::Made(mix.map_err(|error| LabError::Misuse(format!("{error}")))?);
    plan.dialogue.chunk_octets = chunk_octets;
    plan.targets = lab.targets();
    plan.threads = Some(1);
    plan.ledger = Some(lab.ledger_of(name));
    Ok(plan)
}

/// Mostly small ones, so that many are acknowledged; some larger than what the store takes in memory.
const SIZES: &str = "mix:small=12,medium=6,large=3,xlarge=1";
/// A year.
const LONGER_THAN_ANY: Duration = Duration::from_secs(366 * 24 * 3600);

fn tell(line: &str) {
    // With standard error gone there is nobody left to tell.
    let _ = writeln!(io::stderr(), "{line}");
}
