//! `prixfixe inbox list`.

use std::path::Path;

use clap::Args;
use prixfixe_delivery::sqlite::StoreReader;

use super::criteria::Criteria;
use super::failure::Failure;
use super::listing::Listing;

/// List the messages of the store, the newest first
#[derive(Debug, Args)]
#[command(after_help = "Examples: prixfixe inbox list\n          \
    prixfixe inbox list --limit 10 --store /var/lib/prixfixe\n          \
    prixfixe inbox list --limit 0 --json | jq -r .sender | sort | uniq -c")]
pub(crate) struct List {
    #[command(flatten)]
    listing: Listing,
}

impl List {
    /// Prints the list.
    pub(super) fn run(&self, folder: &Path) -> Result<(), Failure> {
        let reader = StoreReader::open(folder)?;
        self.listing
            .print(Criteria::default().find(&reader, None, self.listing.order())?)
    }
}
