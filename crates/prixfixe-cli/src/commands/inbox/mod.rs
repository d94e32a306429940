//! `prixfixe inbox`: looks into the store, beside a running server or without one.

mod criteria;
mod delete;
mod export;
mod failure;
mod json;
mod list;
mod listing;
mod matches;
mod moment;
mod record;
mod search;
mod show;
mod store_place;
mod subject;
mod table;
mod utf8_pieces;
mod visible;

use std::io::{self, Write};

use clap::{Args, Subcommand};

use crate::cli::{GlobalFlags, Outcome};
use crate::commands::check_config;
use delete::Delete;
use export::Export;
use failure::Failure;
use list::List;
use search::Search;
use show::Show;
use store_place::StorePlace;

/// Look into the store: list, show, search, export and delete messages
///
/// Works beside a running server and without one. The store is the one that the settings name,
/// or that of --store.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples: prixfixe inbox list\n          \
    prixfixe inbox show 01H5FYBTDA0 --config prixfixe.toml\n          \
    prixfixe inbox search --sender ann@example.com --since 2d"
)]
pub(crate) struct Inbox {
    #[command(flatten)]
    place: StorePlace,

    #[command(subcommand)]
    command: InboxCommand,
}

#[derive(Debug, Subcommand)]
enum InboxCommand {
    List(List),
    Show(Show),
    Export(Export),
    Delete(Delete),
    Search(Search),
}

impl Inbox {
    /// Does what the subcommand says.
    pub(crate) fn run(self, global: &GlobalFlags) -> io::Result<Outcome> {
        let done = self
            .place
            .folder(global)
            .and_then(|folder| match self.command {
                InboxCommand::List(command) => command.run(&folder),
                InboxCommand::Show(command) => command.run(&folder),
                InboxCommand::Export(command) => command.run(&folder),
                InboxCommand::Delete(command) => command.run(&folder),
                InboxCommand::Search(command) => command.run(&folder),
            });
        match done {
            Ok(()) => Ok(Outcome::Done),
            Err(Failure::Settings(faults)) => {
                check_config::show(faults.findings(), "")?;
                Ok(Outcome::Misused)
            }
            Err(Failure::Usage(text)) => {
                writeln!(io::stderr(), "prixfixe inbox: {text}")?;
                Ok(Outcome::Misused)
            }
            Err(failure) => Err(failure.into_io_error()),
        }
    }
}
