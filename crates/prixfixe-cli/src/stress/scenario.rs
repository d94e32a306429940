//! The scenarios: what each is called, and what it does where that is more than its table says.

mod all;
mod baseline;
mod connections;
mod extent;
mod loads;
mod scale;
mod soak;
mod tls;

use std::io;
use std::time::Duration;

use clap::{Args, value_parser};

use super::interrupt::Interrupt;
use super::lab::{Lab, LabError};
use super::misused;
use super::terms::{Misuse, Place, Targets, TermsFlags, length_flag};
use crate::cli::Outcome;
use extent::Extent;

/// Flags of every scenario.
#[derive(Debug, Args)]
pub(super) struct ScenarioFlags {
    /// How many servers are started [default: as the scenario has it]
    #[arg(long, value_name = "COUNT", value_parser = value_parser!(u16).range(1..=1000), conflicts_with = "target")]
    servers: Option<u16>,

    /// Servers that run already, as HOST:PORT,HOST:PORT, instead
    #[arg(long, value_name = "LIST")]
    target: Option<Targets>,

    /// Processes of the targets, children included, whose memory and processor time are watched
    #[arg(long, value_name = "PID,…", value_delimiter = ',', value_parser = value_parser!(u32).range(1..))]
    server_pid: Vec<u32>,

    /// How long a scenario with a rate lasts, such as 10s or 8h
    #[arg(long, value_name = "TIME", value_parser = length_flag)]
    duration: Option<Duration>,

    /// Messages, connections and times are this many times those of the scenario, such as 0.1 for
    /// a quick look
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = extent::factor)]
    scale: f64,

    #[command(flatten)]
    terms: TermsFlags,
}

/// A scenario by its name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scenario {
    Quick,
    Burst,
    Sustained,
    Heavy,
    Mixed,
    Ramp,
    Spike,
    Scale,
    Connections,
    Tls,
    Baseline,
    Soak { rate: f64 },
}

impl Scenario {
    /// Its name on the command line and in results.
    fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Burst => "burst",
            Self::Sustained => "sustained",
            Self::Heavy => "heavy",
            Self::Mixed => "mixed",
            Self::Ramp => "ramp",
            Self::Spike => "spike",
            Self::Scale => "scale",
            Self::Connections => "connections",
            Self::Tls => "tls",
            Self::Baseline => "baseline",
            Self::Soak { .. } => "soak",
        }
    }

    /// Whether `--duration` means something to it.
    fn has_a_length(self) -> bool {
        matches!(
            self,
            Self::Sustained | Self::Ramp | Self::Spike | Self::Soak { .. }
        )
    }

    /// Carries it out.
    pub(super) fn run(self, flags: ScenarioFlags) -> io::Result<Outcome> {
        self.run_beside(flags, &Interrupt::catch()?)
    }

    fn run_beside(self, flags: ScenarioFlags, interrupt: &Interrupt) -> io::Result<Outcome> {
        let name = self.name();
        if flags.duration.is_some() && !self.has_a_length() {
            let text = "this scenario has a number of messages and no length; see --scale";
            return misused(name, text);
        }
        let extent = Extent {
            scale: flags.scale,
            duration: flags.duration,
        };
        let terms = Place::of(flags.target, flags.servers, flags.server_pid)
            .and_then(|place| flags.terms.into_terms(place));
        let terms = match terms {
            Ok(terms) => terms,
            Err(Misuse(text)) => return misused(name, &text),
        };
        Lab::conduct_beside(name, terms, interrupt, |lab| self.steps(lab, extent))
    }

    fn steps(self, lab: &mut Lab, extent: Extent) -> Result<(), LabError> {
        match self {
            Self::Quick => loads::run(lab, extent, &loads::QUICK),
            Self::Burst => loads::run(lab, extent, &loads::BURST),
            Self::Sustained => loads::run(lab, extent, &loads::SUSTAINED),
            Self::Heavy => loads::run(lab, extent, &loads::HEAVY),
            Self::Mixed => loads::run(lab, extent, &loads::MIXED),
            Self::Ramp => loads::run(lab, extent, &loads::RAMP),
            Self::Spike => loads::run(lab, extent, &loads::SPIKE),
            Self::Scale => scale::run(lab, extent),
            Self::Connections => connections::run(lab, extent),
            Self::Tls => tls::run(lab, extent),
            Self::Baseline => baseline::run(lab, extent),
            Self::Soak { rate } => soak::run(lab, extent, rate),
        }
    }
}

pub(super) use all::All;
pub(super) use soak::SoakFlags;
