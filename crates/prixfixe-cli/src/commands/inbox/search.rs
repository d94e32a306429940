//! `prixfixe inbox search`.

use std::path::Path;

use clap::Args;
use prixfixe_delivery::MessageId;
use prixfixe_delivery::sqlite::StoreReader;

use super::criteria::Criteria;
use super::failure::Failure;
use super::listing::Listing;

/// List the messages that satisfy all the given criteria, the newest first
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples: prixfixe inbox search --recipient sales@ --since 2026-01-31\n          \
    prixfixe inbox search --subject invoice --until 30d --json\n          \
    prixfixe inbox search --text 'Message-ID: <4711@example.com>' --limit 1"
)]
pub(crate) struct Search {
    #[command(flatten)]
    criteria: Criteria,

    /// Of this id
    #[arg(long, value_name = "ID", help_heading = "Criteria")]
    id: Option<MessageId>,

    #[command(flatten)]
    listing: Listing,
}

impl Search {
    /// Prints what is found.
    pub(super) fn run(&self, folder: &Path) -> Result<(), Failure> {
        let reader = StoreReader::open(folder)?;
        let found = self.criteria.find(&reader, self.id, self.listing.order())?;
        self.listing.print(found)
    }
}
