//! `prixfixe results show` and `latest`.

use std::io::{self, Write};

use clap::Args;
use prixfixe_load::results::{self, KeptResult, ResultFolder};

use super::format::Format;
use crate::cli::Outcome;

/// Show all of a result
#[derive(Debug, Args)]
#[command(after_help = "Example: prixfixe results show burst --format markdown")]
pub(super) struct Show {
    /// A path, a name in the folder of results, `latest`, or a scenario
    file: String,

    /// How to print it; json is the file itself, csv its figures
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Show {
    pub(super) fn run(self, folder: &ResultFolder) -> io::Result<Outcome> {
        show(folder, &self.file, self.format)
    }
}

/// Show the newest result
#[derive(Debug, Args)]
#[command(after_help = "Example: prixfixe results latest burst")]
pub(super) struct Latest {
    /// The newest of this scenario
    scenario: Option<String>,

    /// How to print it; json is the file itself, csv its figures
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Latest {
    pub(super) fn run(self, folder: &ResultFolder) -> io::Result<Outcome> {
        let name = self.scenario.as_deref().unwrap_or(ResultFolder::LATEST);
        show(folder, name, self.format)
    }
}

fn show(folder: &ResultFolder, name: &str, format: Format) -> io::Result<Outcome> {
    let kept = super::find(folder, name)?;
    match format {
        Format::Csv => format.print(&results::figures(&kept.result))?,
        Format::Json => {
            let text = serde_json::to_string_pretty(&kept.result)?;
            writeln!(io::stdout(), "{text}")?;
        }
        Format::Text | Format::Markdown => print_all(&kept, format)?,
    }
    Ok(Outcome::Done)
}

fn print_all(kept: &KeptResult, format: Format) -> io::Result<()> {
    for (index, sheet) in results::describe(kept).iter().enumerate() {
        if index > 0 {
            writeln!(io::stdout())?;
        }
        format.print(sheet)?;
    }
    Ok(())
}
