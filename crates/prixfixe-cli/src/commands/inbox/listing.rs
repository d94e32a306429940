//! How found messages are listed.

use std::io::{self, BufWriter, Write};

use clap::Args;
use console::Term;
use prixfixe_delivery::sqlite::{Order, ReadError, StoredMessage};

use super::failure::Failure;
use super::json;
use super::record::Record;
use super::table::Table;

/// How found messages are listed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Listing {
    /// List so many messages and no more; 0 lists all [default: 50]
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,

    /// Begin with the oldest message instead of the newest
    #[arg(long)]
    oldest_first: bool,

    /// Print an object of JSON for each message, on a line of its own
    #[arg(long)]
    json: bool,
}

impl Listing {
    /// From which end messages are wanted.
    pub(super) fn order(&self) -> Order {
        if self.oldest_first {
            Order::OldestFirst
        } else {
            Order::NewestFirst
        }
    }

    /// Prints messages as they are found.
    pub(super) fn print(
        &self,
        found: impl Iterator<Item = Result<StoredMessage, ReadError>>,
    ) -> Result<(), Failure> {
        let limit = match self.limit {
            Some(0) => usize::MAX,
            Some(limit) => limit,
            None => DEFAULT_LIMIT,
        };
        let mut found = found.take(limit);
        let mut out = BufWriter::new(io::stdout().lock());
        let mut table = Table::new(terminal_width());
        let mut shown = 0;
        loop {
            let batch = found
                .by_ref()
                .take(BATCH_MESSAGES)
                .collect::<Result<Vec<_>, _>>()?;
            if batch.is_empty() {
                break;
            }
            shown += batch.len();
            if self.json {
                for message in &batch {
                    writeln!(out, "{}", json::line(&Record::of(message))?)?;
                }
            } else {
                table.print(&batch, &mut out)?;
            }
            out.flush()?;
        }
        self.remark(shown)
    }

    /// What the list itself does not say goes to standard error, where no program takes it for
    /// a message.
    fn remark(&self, shown: usize) -> Result<(), Failure> {
        if shown == 0 {
            writeln!(io::stderr(), "no messages")?;
        } else if shown == DEFAULT_LIMIT && self.limit.is_none() {
            let text = "there may be more; --limit 0 lists all";
            writeln!(io::stderr(), "{shown} messages listed, {text}")?;
        }
        Ok(())
    }
}

/// A screen full.
const DEFAULT_LIMIT: usize = 50;
/// Messages gathered before a line is printed, so that columns fit most of them.
const BATCH_MESSAGES: usize = 256;

/// The columns of standard output, if it is a terminal.
fn terminal_width() -> Option<usize> {
    let terminal = Term::stdout();
    terminal.is_term().then(|| usize::from(terminal.size().1))
}
