//! `prixfixe results list`.

use std::io;

use clap::Args;
use prixfixe_load::results::{self, ResultFolder};

use super::format::Format;
use crate::cli::Outcome;

/// List all results, the newest last
#[derive(Debug, Args)]
#[command(after_help = "Example: prixfixe results list --format csv > results.csv")]
pub(super) struct List {
    /// Only those of this scenario
    scenario: Option<String>,

    /// How to print them
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl List {
    pub(super) fn run(self, folder: &ResultFolder) -> io::Result<Outcome> {
        let listing = super::listing(folder)?;
        let wanted = listing.results.iter().filter(|kept| {
            self.scenario
                .as_ref()
                .is_none_or(|scenario| kept.result.scenario == *scenario)
        });
        self.format.print(&results::overview(wanted))?;
        Ok(Outcome::Done)
    }
}
