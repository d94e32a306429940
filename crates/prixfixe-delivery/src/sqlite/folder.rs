//! The data folder: made if missing, locked while a store is open.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The data folder, held by this process alone for as long as the value lives.
#[derive(Debug)]
pub(crate) struct LockedFolder {
    path: PathBuf,
    /// Holds the `flock`, which the kernel lets go of when the process dies, however it dies.
    _lock: File,
}

impl LockedFolder {
    /// Makes the folder if need be and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, FolderError> {
        make_durable(path)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(OWNER_ONLY_FILE)
            .open(path.join(LOCK_FILE))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(FolderError::Locked),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// Makes the database file, empty and readable by its owner only, unless it exists.
    ///
    /// SQLite gives the files beside it the same mode. An existing file is never opened here:
    /// closing it would drop the POSIX locks that SQLite holds on it in this process.
    pub(crate) fn make_database_file(&self) -> io::Result<()> {
        let made = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(OWNER_ONLY_FILE)
            .open(database_file(&self.path));
        match made {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    /// Makes the folder's entries durable: a synced file is lost with its name.
    pub(crate) fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

/// The database in a data folder.
pub(crate) fn database_file(folder: &Path) -> PathBuf {
    folder.join(DATABASE_FILE)
}

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    #[error("locked by another process")]
    Locked,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Makes the folder and the folders above it that are missing, each with its entry durable.
fn make_durable(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        None => Path::new("/"),
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
    };
    make_durable(parent)?;
    match DirBuilder::new().mode(OWNER_ONLY_FOLDER).create(path) {
        // Somebody else was faster; all that counts is that it is there.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        made => made?,
    }
    File::open(fs::canonicalize(parent)?)?.sync_all()
}

const DATABASE_FILE: &str = "mail.sqlite3";
const LOCK_FILE: &str = "lock";
/// Mail is private: nobody but the owner of the server's account reads it.
const OWNER_ONLY_FILE: u32 = 0o600;
const OWNER_ONLY_FOLDER: u32 = 0o700;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn folders_are_made_for_their_owner_and_locked_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        let folder = LockedFolder::open(&path).unwrap();
        folder.make_database_file().unwrap();
        folder.make_database_file().unwrap();
        folder.sync().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&database_file(&path)), 0o600);
        assert!(matches!(
            LockedFolder::open(&path),
            Err(FolderError::Locked)
        ));
        drop(folder);
        LockedFolder::open(&path).unwrap();
    }

    #[test]
    fn a_file_in_the_way_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        File::create(&path).unwrap();
        assert!(matches!(LockedFolder::open(&path), Err(FolderError::Io(_))));
    }
}
