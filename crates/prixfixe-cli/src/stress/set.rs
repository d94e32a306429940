//! The set of servers for work by hand: `start`, `stop`, `status`, `logs` and `clean`.

mod clean;
mod logs;
mod start;
mod status;
mod stop;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use prixfixe_load::resources::ProcessId;
use serde::{Deserialize, Serialize};

use super::lab_folder::LabFolder;
use crate::cli::Outcome;

pub(super) use clean::Clean;
pub(super) use logs::Logs;
pub(super) use start::Start;
pub(super) use status::Status;
pub(super) use stop::Stop;

/// The servers that were started by hand, running or not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct ServerSet {
    servers: Vec<Member>,
}

/// A server of the set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Member {
    name: String,
    folder: PathBuf,
    addresses: Vec<String>,
    process: ProcessId,
}

impl ServerSet {
    /// The most servers of a set.
    const MOST: u16 = 1000;

    /// What is written down in the lab's folder; none where nothing is.
    fn read(folder: &LabFolder) -> io::Result<Self> {
        let file = file(&folder.set());
        match fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| {
                io::Error::other(format!("{} is damaged: {error}", file.display()))
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(io::Error::new(
                error.kind(),
                format!("{}: {error}", file.display()),
            )),
        }
    }

    /// Writes it down, as a whole or not at all.
    fn write(&self, folder: &LabFolder) -> io::Result<()> {
        let path = file(&folder.set());
        let beside = path.with_extension("part");
        fs::write(&beside, serde_json::to_vec_pretty(self)?)?;
        fs::rename(beside, path)
    }
}

impl Member {
    fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    fn store(&self) -> PathBuf {
        self.folder.join("store")
    }
}

fn file(set: &Path) -> PathBuf {
    set.join("set.json")
}

fn misused(text: &str) -> io::Result<Outcome> {
    writeln!(io::stderr(), "prixfixe stress: {text}")?;
    Ok(Outcome::Misused)
}
