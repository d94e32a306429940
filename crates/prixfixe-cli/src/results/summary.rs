//! `prixfixe results summary`.

use std::io;

use clap::Args;
use prixfixe_load::results::{self, ResultFolder};

use super::format::Format;
use crate::cli::Outcome;

/// List the newest result of each scenario
#[derive(Debug, Args)]
#[command(after_help = "Example: prixfixe results summary --format markdown")]
pub(super) struct Summary {
    /// How to print them
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Summary {
    pub(super) fn run(self, folder: &ResultFolder) -> io::Result<Outcome> {
        let listing = super::listing(folder)?;
        let newest = results::newest_of_each(&listing.results);
        self.format.print(&results::overview(newest))?;
        Ok(Outcome::Done)
    }
}
