//! `prixfixe results trend`.

use std::io::{self, Write};

use clap::Args;
use prixfixe_load::results::{self, ResultFolder};

use super::format::Format;
use crate::cli::Outcome;

/// Show how the results of a scenario went over time
///
/// A change is against the median of the valid results before that had about as many messages.
/// Invalid ones are dots.
#[derive(Debug, Args)]
#[command(after_help = "Example: prixfixe results trend burst")]
pub(super) struct Trend {
    /// The scenario
    scenario: String,

    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Trend {
    pub(super) fn run(self, folder: &ResultFolder) -> io::Result<Outcome> {
        let listing = super::listing(folder)?;
        let of_scenario: Vec<_> = listing
            .results
            .iter()
            .filter(|kept| kept.result.scenario == self.scenario)
            .collect();
        if of_scenario.is_empty() && !listing.results.is_empty() {
            let scenario = &self.scenario;
            let text = format!(
                "there is no result of {scenario:?}; `prixfixe results summary` shows the scenarios"
            );
            return Err(io::Error::other(text));
        }
        let trend = results::trend(&of_scenario);
        self.format.print(&trend.sheet)?;
        if self.format == Format::Text {
            for (name, course) in &trend.courses {
                writeln!(io::stdout(), "{name:<10}  {course}")?;
            }
        }
        Ok(Outcome::Done)
    }
}
