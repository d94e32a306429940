//! `prixfixe results`: what was measured, looked at, compared and held against gates.

mod check;
mod compare;
mod format;
mod list;
mod report;
mod show;
mod summary;
mod trend;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use prixfixe_load::results::{KeptResult, Listing, ResultFolder};

use crate::cli::Outcome;
use check::Check;
use compare::Compare;
use list::List;
use report::Report;
use show::{Latest, Show};
use summary::Summary;
use trend::Trend;

/// Look at results of `prixfixe stress`: list, show, compare, hold against gates
///
/// A FILE is a path, a name in the folder of results, `latest`, or a scenario, which means the
/// latest result of it.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples: prixfixe results list\n          \
    prixfixe results latest burst\n          \
    prixfixe results check quick --gates gates.toml"
)]
pub(crate) struct Results {
    /// The folder in which results are kept
    #[arg(long, global = true, value_name = "FOLDER", default_value = ResultFolder::USUAL)]
    folder: PathBuf,

    #[command(subcommand)]
    command: ResultsCommand,
}

#[derive(Debug, Subcommand)]
enum ResultsCommand {
    List(List),
    Latest(Latest),
    Show(Show),
    Summary(Summary),
    Compare(Compare),
    Trend(Trend),
    Check(Check),
    Report(Report),
}

impl Results {
    /// Does what the subcommand says.
    pub(crate) fn run(self) -> io::Result<Outcome> {
        let folder = ResultFolder::new(self.folder);
        match self.command {
            ResultsCommand::List(command) => command.run(&folder),
            ResultsCommand::Latest(command) => command.run(&folder),
            ResultsCommand::Show(command) => command.run(&folder),
            ResultsCommand::Summary(command) => command.run(&folder),
            ResultsCommand::Compare(command) => command.run(&folder),
            ResultsCommand::Trend(command) => command.run(&folder),
            ResultsCommand::Check(command) => command.run(&folder),
            ResultsCommand::Report(command) => command.run(&folder),
        }
    }
}

/// What is in the folder; files that are no results are named on standard error.
fn listing(folder: &ResultFolder) -> io::Result<Listing> {
    let listing = folder.list().map_err(|error| {
        let text = format!("{}: {error}", folder.path().display());
        io::Error::new(error.kind(), text)
    })?;
    for error in &listing.unreadable {
        writeln!(io::stderr(), "prixfixe results: passed over: {error}")?;
    }
    if listing.results.is_empty() {
        writeln!(
            io::stderr(),
            "prixfixe results: there is no result in {} yet; `prixfixe stress quick` makes one",
            folder.path().display()
        )?;
    }
    Ok(listing)
}

/// The result that a FILE argument means.
fn find(folder: &ResultFolder, name: &str) -> io::Result<KeptResult> {
    folder.find(name).map_err(io::Error::other)
}
