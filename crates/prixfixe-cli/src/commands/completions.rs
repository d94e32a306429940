//! `prixfixe completions`.

use std::io::{self, Write};

use clap::Args;
use clap_complete::{Shell, generate};

use crate::cli::{Cli, Outcome};

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "Example: prixfixe completions bash > /etc/bash_completion.d/prixfixe")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Prints the script.
    pub(crate) fn run(&self) -> io::Result<Outcome> {
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::described(), "prixfixe", &mut script);
        io::stdout().write_all(&script)?;
        Ok(Outcome::Done)
    }
}
