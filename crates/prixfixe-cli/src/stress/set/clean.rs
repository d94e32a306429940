//! `prixfixe stress clean`.

use std::fs;
use std::io::{self, Write};

use clap::Args;

use super::{ServerSet, file, misused};
use crate::cli::Outcome;
use crate::stress::lab_folder::LabFolder;

/// Remove the stopped set of servers with its mail, and what runs that were killed have left
///
/// Results are not touched.
#[derive(Debug, Args)]
#[command(after_help = "Example: prixfixe stress clean")]
pub(in crate::stress) struct Clean {
    #[command(flatten)]
    folder: LabFolder,
}

impl Clean {
    /// Removes them.
    pub(in crate::stress) fn run(self) -> io::Result<Outcome> {
        let set = ServerSet::read(&self.folder)?;
        if set.servers.iter().any(|one| one.process.is_alive()) {
            return misused("servers of the set still run; first `prixfixe stress stop`");
        }
        let mut removed = self.folder.remove_left_runs()?;
        for member in &set.servers {
            match fs::remove_dir_all(&member.folder) {
                Ok(()) => removed.push(member.folder.clone()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        let folder = self.folder.set();
        match fs::remove_file(file(&folder)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        // What else is in them is not ours.
        let _ = fs::remove_dir(&folder);
        self.folder.remove_if_empty();
        let out = &mut io::stdout().lock();
        for path in &removed {
            writeln!(out, "removed {}", path.display())?;
        }
        if removed.is_empty() {
            writeln!(out, "nothing to remove")?;
        }
        Ok(Outcome::Done)
    }
}
