//! `prixfixe inbox show`.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

use clap::Args;
use prixfixe_delivery::MessageId;
use prixfixe_delivery::sqlite::{ReadError, StoreReader};

use super::failure::Failure;
use super::visible::VisibleWriter;

/// Print one message, with the header lines that were added at its receipt
///
/// A pipe or file gets the exact bytes. On a terminal control characters are made visible. Exit
/// code 1 when there is no such message.
#[derive(Debug, Args)]
#[command(after_help = "Examples: prixfixe inbox show 01H5FYBTDA0\n          \
    prixfixe inbox show 01H5FYBTDA0 --as-received > message.eml")]
pub(crate) struct Show {
    /// The id, as in the 250 reply, the log and the list
    #[arg(value_name = "ID")]
    id: MessageId,

    /// Without the added header lines: the bytes exactly as they came
    #[arg(long)]
    as_received: bool,
}

impl Show {
    /// Prints the message.
    pub(super) fn run(&self, folder: &Path) -> Result<(), Failure> {
        let reader = StoreReader::open(folder)?;
        let stdout = io::stdout().lock();
        let on_terminal = stdout.is_terminal();
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, stdout);
        if on_terminal {
            let mut visible = VisibleWriter::new(&mut out);
            self.copy(&reader, &mut visible)?;
            visible.finish()?;
        } else {
            self.copy(&reader, &mut out)?;
        }
        Ok(out.flush()?)
    }

    fn copy(&self, reader: &StoreReader, out: &mut dyn Write) -> Result<u64, ReadError> {
        if self.as_received {
            reader.copy_as_received(self.id, out)
        } else {
            reader.copy_with_trace(self.id, out)
        }
    }
}

/// Standard output alone would be written to line by line.
const BUFFER_BYTES: usize = 64 * 1024;
