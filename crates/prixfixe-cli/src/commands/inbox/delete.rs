//! `prixfixe inbox delete`.

use std::io::{self, Write};
use std::path::Path;

use clap::Args;
use prixfixe_delivery::MessageId;
use prixfixe_delivery::sqlite::{Order, StoreReader, StoreRemover};

use super::criteria::Criteria;
use super::failure::Failure;

/// Delete messages for good: those named, or those that satisfy all the given criteria
///
/// Exit code 1 when a named message does not exist; the others are deleted all the same.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: prixfixe inbox delete 01H5FYBTDA0 01H5FYBTDA1\n          \
    prixfixe inbox delete --until 90d        # says how many, deletes none\n          \
    prixfixe inbox delete --until 90d --yes"
)]
pub(crate) struct Delete {
    /// The ids of the messages
    #[arg(value_name = "ID", conflicts_with_all = [Criteria::GROUP, "all", "yes"])]
    ids: Vec<MessageId>,

    /// Every message of the store
    #[arg(long, conflicts_with = Criteria::GROUP)]
    all: bool,

    /// Really delete what --all or criteria mean
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    criteria: Criteria,
}

impl Delete {
    /// Deletes the messages.
    pub(super) fn run(&self, folder: &Path) -> Result<(), Failure> {
        if !self.ids.is_empty() {
            return self.delete_named(folder);
        }
        if self.criteria.is_empty() && !self.all {
            let text = "name messages by ID, by criteria or by --all; see --help";
            return Err(Failure::Usage(text.to_owned()));
        }
        let reader = StoreReader::open(folder)?;
        let mut found = self.criteria.find(&reader, None, Order::OldestFirst)?;
        if !self.yes {
            let count = found.try_fold(0_u64, |count, message| message.map(|_| count + 1))?;
            let text = "nothing was deleted; add --yes to delete";
            return Err(Failure::Usage(format!("{} match, {text}", messages(count))));
        }
        let mut remover = StoreRemover::open(folder)?;
        let mut deleted = 0;
        loop {
            let ids = found
                .by_ref()
                .take(BATCH_MESSAGES)
                .map(|message| message.map(|message| message.id))
                .collect::<Result<Vec<_>, _>>()?;
            if ids.is_empty() {
                break;
            }
            deleted += remover.remove(&ids)? as u64;
        }
        say_deleted(deleted)
    }

    fn delete_named(&self, folder: &Path) -> Result<(), Failure> {
        let mut remover = StoreRemover::open(folder)?;
        let mut ids = self.ids.clone();
        ids.sort_unstable();
        ids.dedup();
        let mut missing = Vec::new();
        let mut deleted = 0;
        // One by one: only then is it known which of them was not there.
        for id in ids {
            match remover.remove(&[id])? {
                0 => missing.push(id),
                count => deleted += count as u64,
            }
        }
        say_deleted(deleted)?;
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Failure::NoSuchMessages(missing))
        }
    }
}

/// Messages deleted before more are looked for.
const BATCH_MESSAGES: usize = 256;

fn say_deleted(count: u64) -> Result<(), Failure> {
    Ok(writeln!(io::stdout(), "{} deleted", messages(count))?)
}

fn messages(count: u64) -> String {
    if count == 1 {
        "1 message".to_owned()
    } else {
        format!("{count} messages")
    }
}
