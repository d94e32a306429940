//! `prixfixe results compare`.

use std::io::{self, Write};

use clap::Args;
use prixfixe_load::compare::{self, Comparison, Terms};
use prixfixe_load::results::{KeptResult, ResultFolder};
use serde_json::json;

use super::format::Format;
use crate::cli::Outcome;

/// Compare two results, or two sets of them; exit code 1 on a regression
///
/// With several files on each side, separated by commas, the interval says how another run would
/// come out. With one file each it only says how much the rate varied within each run.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: prixfixe results compare before.json latest\n          \
    prixfixe results compare a1.json,a2.json,a3.json b1.json,b2.json,b3.json --threshold 5"
)]
pub(super) struct Compare {
    /// What was: FILE or FILE,FILE,…
    #[arg(value_name = "A", value_delimiter = ',', num_args = 1, required = true)]
    first: Vec<String>,

    /// What is now: FILE or FILE,FILE,…
    #[arg(value_name = "B", value_delimiter = ',', num_args = 1, required = true)]
    second: Vec<String>,

    /// How much worse a figure may be, in percent
    #[arg(long, value_name = "PERCENT", default_value = "10", value_parser = percent)]
    threshold: f64,

    /// Also compare results of a generator that was itself the limit
    #[arg(long)]
    allow_invalid: bool,

    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Compare {
    pub(super) fn run(self, folder: &ResultFolder) -> io::Result<Outcome> {
        let side = |names: &[String]| -> io::Result<Vec<KeptResult>> {
            names.iter().map(|name| super::find(folder, name)).collect()
        };
        let (first, second) = (side(&self.first)?, side(&self.second)?);
        let terms = Terms {
            threshold: self.threshold / 100.0,
            allow_invalid: self.allow_invalid,
        };
        let comparison = compare::compare(&first, &second, terms).map_err(io::Error::other)?;
        match self.format {
            Format::Json => {
                let object = json!({
                    "a": first.iter().map(KeptResult::name).collect::<Vec<_>>(),
                    "b": second.iter().map(KeptResult::name).collect::<Vec<_>>(),
                    "threshold": terms.threshold,
                    "regression": comparison.has_regression(),
                    "figures": comparison.sheet().to_json(),
                    "broken": comparison.broken,
                    "differences": comparison.differences,
                    "notes": comparison.notes,
                });
                writeln!(io::stdout(), "{object:#}")?;
            }
            format => {
                format.print(&comparison.sheet())?;
                explain(&comparison)?;
            }
        }
        if comparison.has_regression() {
            let worse = if comparison.broken.is_empty() {
                format!("by more than {} %", self.threshold)
            } else {
                "whatever the threshold".to_owned()
            };
            writeln!(
                io::stderr(),
                "prixfixe results compare: B is worse than A {worse}"
            )?;
            return Ok(Outcome::Failed);
        }
        Ok(Outcome::Done)
    }
}

fn explain(comparison: &Comparison) -> io::Result<()> {
    let mut out = io::stderr().lock();
    for promise in &comparison.broken {
        writeln!(out, "regression: {promise}")?;
    }
    for note in &comparison.notes {
        writeln!(out, "note: {note}")?;
    }
    for difference in &comparison.differences {
        writeln!(out, "warning: not the same in both: {difference}")?;
    }
    Ok(())
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches('%').trim_end();
    match number.parse::<f64>() {
        Ok(percent) if (0.0..=1000.0).contains(&percent) => Ok(percent),
        _ => Err("write percent as a number from 0 to 1000, as 10".to_owned()),
    }
}
