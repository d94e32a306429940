//! `prixfixe man`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use clap_mangen::{Man, generate_to};

use crate::cli::{Cli, Outcome};

/// Print the manual page, or write the pages of all subcommands into a folder
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: prixfixe man | man -l -\n          prixfixe man --dir /usr/local/share/man/man1"
)]
pub(crate) struct ManPages {
    /// The folder for one page for each subcommand; made if missing
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl ManPages {
    /// Prints or writes the pages.
    pub(crate) fn run(&self) -> io::Result<Outcome> {
        let Some(dir) = &self.dir else {
            let mut page = Vec::new();
            Man::new(Cli::described()).render(&mut page)?;
            io::stdout().write_all(&page)?;
            return Ok(Outcome::Done);
        };
        let written =
            std::fs::create_dir_all(dir).and_then(|()| generate_to(Cli::described(), dir));
        written.map_err(|error| {
            let text = format!(
                "cannot write to {}: {error}; choose another --dir",
                dir.display()
            );
            io::Error::new(error.kind(), text)
        })?;
        Ok(Outcome::Done)
    }
}
