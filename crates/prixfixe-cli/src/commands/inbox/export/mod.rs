//! `prixfixe inbox export`.

mod eml;
mod format;
mod json;
mod late_heading;
mod mbox;
mod output;
mod progress;

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use prixfixe_delivery::MessageId;
use prixfixe_delivery::sqlite::{Order, ReadError, StoreReader, StoredMessage};

use super::criteria::Criteria;
use super::failure::Failure;
use format::{Exporter, Format};
use progress::Progress;

/// Write messages to a file or folder: those named, those that satisfy all the given criteria,
/// or else all of them
///
/// Files appear whole or not at all, and replace those of the same name. When the command has
/// ended with exit code 0 they are on stable storage.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: prixfixe inbox export --output all.mbox\n          \
    prixfixe inbox export 01H5FYBTDA0 --format eml --output folder\n          \
    prixfixe inbox export --since 1d --format json | jq -r .content"
)]
pub(crate) struct Export {
    /// The ids of the messages
    #[arg(value_name = "ID", conflicts_with = Criteria::GROUP)]
    ids: Vec<MessageId>,

    #[command(flatten)]
    criteria: Criteria,

    /// The format of the output
    #[arg(long, value_enum, default_value_t = Format::Mbox, help_heading = "Output")]
    format: Format,

    /// The file, or for eml the folder; without it standard output
    #[arg(long, value_name = "PATH", help_heading = "Output")]
    output: Option<PathBuf>,

    /// Without the header lines that were added at receipt; JSON has them apart
    #[arg(long, help_heading = "Output")]
    as_received: bool,
}

impl Export {
    /// Writes the messages.
    pub(super) fn run(&self, folder: &Path) -> Result<(), Failure> {
        let reader = StoreReader::open(folder)?;
        if self.ids.is_empty() {
            let total = self
                .criteria
                .is_empty()
                .then(|| reader.count(&self.criteria.filter()));
            let found = self.criteria.find(&reader, None, Order::OldestFirst)?;
            return self.write(&reader, found, total.transpose()?);
        }
        let named = self.named(&reader)?;
        let total = named.len() as u64;
        let found = named
            .into_iter()
            .filter_map(|id| reader.get(id).transpose());
        self.write(&reader, found, Some(total))
    }

    /// The named messages, each once; all must exist before any is written.
    fn named(&self, reader: &StoreReader) -> Result<Vec<MessageId>, Failure> {
        let mut seen = HashSet::new();
        let mut missing = Vec::new();
        let mut named = Vec::new();
        for id in self.ids.iter().copied().filter(|id| seen.insert(*id)) {
            match reader.get(id)? {
                Some(_) => named.push(id),
                None => missing.push(id),
            }
        }
        if missing.is_empty() {
            Ok(named)
        } else {
            Err(Failure::NoSuchMessages(missing))
        }
    }

    fn write(
        &self,
        reader: &StoreReader,
        found: impl Iterator<Item = Result<StoredMessage, ReadError>>,
        total: Option<u64>,
    ) -> Result<(), Failure> {
        let mut exporter = Exporter::open(self.format, self.output.as_deref(), self.as_received)?;
        let progress = Progress::of(total, self.output.is_some());
        let mut count = 0_u64;
        for message in found {
            if exporter.write(reader, &message?)? {
                count += 1;
                progress.step();
            }
        }
        exporter.finish()?;
        progress.finish();
        if let Some(output) = &self.output {
            let noun = if count == 1 { "message" } else { "messages" };
            writeln!(
                io::stdout(),
                "{count} {noun} written to {}",
                output.display()
            )?;
        }
        Ok(())
    }
}
