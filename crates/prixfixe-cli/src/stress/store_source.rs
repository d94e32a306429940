//! What arrived in a store of this program, for the account of a run.

use std::path::Path;

use prixfixe_delivery::sqlite::{Filter, OpenError, Page, ReadError, StoreReader};
use prixfixe_load::label::{self, Inspected};
use prixfixe_load::verify::Account;

/// Shows every message of a store to an account, beside a running server or after its end. What is
/// removed meanwhile is passed over, as if it had been removed before; so is what the lab delivers beside its loads.
pub(crate) fn take_down(folder: &Path, account: &mut Account) -> Result<(), StoreError> {
    let store = StoreReader::open(folder)?;
    let mut page = Page::default();
    let mut octets = Vec::new();
    loop {
        let listed = store.list(&Filter::default(), page, PAGE_MESSAGES)?;
        let Some(last) = listed.last() else {
            return Ok(());
        };
        page.after = Some(last.id);
        for message in &listed {
            octets.clear();
            match store.copy_as_received(message.id, &mut octets) {
                Ok(_) if is_of_lab(&message.sender, &octets) => {}
                Ok(_) => {
                    account.arrived(&octets, Some(&message.recipients), &message.id.to_string());
                }
                Err(ReadError::NoSuchMessage(_) | ReadError::Removed(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Whether a message is one that the lab delivers beside its loads.
fn is_of_lab(sender: &str, octets: &[u8]) -> bool {
    LAB_SENDERS.contains(&sender) && label::inspect(octets) == Inspected::Unlabelled
}

/// From whom they are: the probe, and those hostile inputs that a server may take as one message.
const LAB_SENDERS: [&str; 2] = ["probe@probe.example", "first@hostile.example"];

/// How many messages are listed at a time; their details are in memory meanwhile.
const PAGE_MESSAGES: usize = 500;

/// A store that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Not even opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Not to its end.
    #[error(transparent)]
    Read(#[from] ReadError),
}
