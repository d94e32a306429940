//! The folder in which the lab keeps what its servers need, and takes away what it left behind.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use prixfixe_load::resources::ProcessId;
use tempfile::TempDir;

use super::mounts;

/// Where the lab keeps its servers.
#[derive(Debug, Clone, Args)]
pub(super) struct LabFolder {
    /// The folder of the lab's own servers: their stores, settings and logs
    #[arg(long = "lab", value_name = "DIR", default_value = "prixfixe-lab")]
    path: PathBuf,
}

impl LabFolder {
    /// Where the set of servers for work by hand is.
    pub(super) fn set(&self) -> PathBuf {
        self.path.join("set")
    }

    /// A folder for the servers of one run, which goes when it is dropped.
    pub(super) fn of_run(&self) -> io::Result<RunFolder> {
        let named = |error: io::Error| {
            let text = format!("cannot make a folder in {}: {error}", self.path.display());
            io::Error::new(error.kind(), text)
        };
        fs::create_dir_all(&self.path).map_err(named)?;
        // Their memory is taken until then. Their folders stay for `clean`, which says what it cannot
        // do.
        for left in self.left_runs().map_err(named)? {
            let _ = mounts::unmount_below(&left);
        }
        // Servers are told where their store is, whatever folder they are started in.
        let path = self.path.canonicalize().map_err(named)?;
        let folder = tempfile::Builder::new()
            .prefix(OF_RUNS)
            .tempdir_in(path)
            .map_err(named)?;
        let owner = ProcessId::of(std::process::id())?;
        fs::write(folder.path().join(OWNER), serde_json::to_vec(&owner)?).map_err(named)?;
        Ok(RunFolder {
            folder: Some(folder),
            lab: self.clone(),
        })
    }

    /// Removes the folder if nothing is in it.
    pub(super) fn remove_if_empty(&self) {
        // It is not empty, or not there; both are fine.
        let _ = fs::remove_dir(&self.path);
    }

    /// Removes folders of runs whose lab was killed, and what it had mounted there, and says which.
    pub(super) fn remove_left_runs(&self) -> io::Result<Vec<PathBuf>> {
        let left = self.left_runs()?;
        for path in &left {
            mounts::unmount_below(path)?;
            fs::remove_dir_all(path)?;
        }
        Ok(left)
    }

    /// Folders of runs whose lab was killed.
    fn left_runs(&self) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut left = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(OF_RUNS) && !is_owned(&path) {
                left.push(path);
            }
        }
        Ok(left)
    }
}

const OF_RUNS: &str = "run-";
/// The file that says which process a folder belongs to.
const OWNER: &str = "lab.json";

fn is_owned(folder: &Path) -> bool {
    let owner = fs::read(folder.join(OWNER)).ok();
    let owner = owner.and_then(|text| serde_json::from_slice::<ProcessId>(&text).ok());
    owner.is_some_and(ProcessId::is_alive)
}

/// The folder of the servers of one run.
#[derive(Debug)]
pub(super) struct RunFolder {
    /// Removed before the lab's own folder is, if nothing else is in it.
    folder: Option<TempDir>,
    lab: LabFolder,
}

impl RunFolder {
    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.folder.as_ref().map_or(&self.lab.path, TempDir::path)
    }

    /// Keeps it, and says where it is.
    pub(super) fn keep(mut self) -> PathBuf {
        let Some(folder) = self.folder.take() else {
            return self.lab.path.clone();
        };
        let path = folder.keep();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // It is no run's any more, so `clean` does not take it for one that was left.
        let kept = path.with_file_name(name.replacen(OF_RUNS, "kept-", 1));
        match fs::rename(&path, &kept) {
            Ok(()) => kept,
            Err(_) => path,
        }
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        self.folder = None;
        self.lab.remove_if_empty();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn only_folders_whose_lab_is_gone_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let lab = LabFolder {
            path: folder.path().join("lab"),
        };
        assert!(lab.remove_left_runs().unwrap().is_empty());
        let (own, left) = (lab.of_run().unwrap(), lab.of_run().unwrap());
        let left = left.keep();
        fs::rename(&left, lab.path.join("run-left")).unwrap();
        let left = lab.path.join("run-left");
        let mut gone = ProcessId::of(std::process::id()).unwrap();
        gone.started -= 1;
        fs::write(left.join(OWNER), serde_json::to_vec(&gone).unwrap()).unwrap();
        let kept = lab.of_run().unwrap().keep();
        assert_eq!(lab.remove_left_runs().unwrap(), std::slice::from_ref(&left));
        assert!(own.path().is_dir() && kept.is_dir() && !left.exists());
    }
}
