//! `prixfixe stress run`: a load of one's own.

mod load;

use std::io;

use clap::{Args, value_parser};
use prixfixe_load::plan::Contents;
use prixfixe_load::plan::SizeMix;

use super::lab::Lab;
use super::misused;
use super::terms::{Misuse, Place, Targets, Terms, TermsFlags};
use crate::cli::Outcome;
use load::LoadFlags;

/// Send a load of your own
///
/// Without --target a server is started for it. Latency counts from when a message was meant to
/// start, so a server that stalls cannot hide it; in bursts alone each worker waits for its answer.
/// Exit code 0 if every message was accepted, and arrived as it was sent where that is compared.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: prixfixe stress run --messages 5000 --workers 50\n          \
    prixfixe stress run --target mx1:25,mx2:25 --mode sustained --rate 50 --duration 1m\n          \
    prixfixe stress run --mode ramp --rate 10..500 --duration 2m --size mix:small=8,large=2"
)]
pub(super) struct Run {
    /// The servers, as HOST:PORT,HOST:PORT; workers are spread over them evenly
    #[arg(long, alias = "servers", value_name = "LIST")]
    target: Option<Targets>,

    /// Processes of the servers, children included, whose memory and processor time are watched
    #[arg(long, value_name = "PID,…", value_delimiter = ',', value_parser = value_parser!(u32).range(1..))]
    server_pid: Vec<u32>,

    #[command(flatten)]
    load: LoadFlags,

    /// The size of messages: small (1 KiB), medium (10), large (100), xlarge (1 MiB), 2000, 64KiB, or
    /// shares as mix:small=8,large=2
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "medium",
        conflicts_with = "corpus"
    )]
    size: SizeMix,

    /// Send the files of this folder that end in .eml, in turn
    #[arg(long, value_name = "DIR")]
    corpus: Option<std::path::PathBuf>,

    #[command(flatten)]
    terms: TermsFlags,
}

impl Run {
    /// Runs it.
    pub(super) fn run(self) -> io::Result<Outcome> {
        let contents = match &self.corpus {
            Some(folder) => Contents::Corpus(folder.clone()),
            None => Contents::Made(self.size.clone()),
        };
        let made: Result<_, Misuse> = Place::of(self.target, None, self.server_pid)
            .and_then(|place| self.terms.into_terms(place))
            .and_then(|terms: Terms| Ok((self.load.schedule()?, terms)));
        let ((schedule, workers), terms) = match made {
            Ok(made) => made,
            Err(Misuse(text)) => return misused("run", &text),
        };
        let mut plan = terms.plan(schedule, workers);
        plan.contents = contents;
        Lab::conduct("run", terms, |lab| {
            lab.start_servers(1, "")?;
            lab.measure("run", plan)?;
            Ok(())
        })
    }
}
