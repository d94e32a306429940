//! Messages that are files.

use std::fs::{self, DirEntry, File, ReadDir};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::{ExportError, Exported, MOST_OCTETS, is_maildir};

/// How deep folders lie within each other at most; each of them is open meanwhile.
pub(super) const MOST_DEPTH: usize = 16;

/// The files of a folder.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    /// The folders that are being read, the innermost last.
    open: Vec<(PathBuf, ReadDir)>,
    /// Whether folders within are gone through, too.
    recursive: bool,
}

impl Folder {
    /// The files of a folder and of those within.
    pub(super) fn open(root: &Path) -> Result<Self, ExportError> {
        Ok(Self {
            root: root.to_owned(),
            open: vec![listed(root)?],
            recursive: true,
        })
    }

    /// Those of a Maildir that are delivered.
    pub(super) fn of_maildir(root: &Path) -> Result<Self, ExportError> {
        let mut open = Vec::new();
        for name in ["cur", "new"] {
            match listed(&root.join(name)) {
                Ok(folder) => open.push(folder),
                // The one is made at the first delivery and the other when somebody reads.
                Err(ExportError::Unreadable { error, .. })
                    if error.kind() == ErrorKind::NotFound && is_maildir(root) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self {
            root: root.to_owned(),
            open,
            recursive: false,
        })
    }

    fn next_file(&mut self) -> Result<Option<PathBuf>, ExportError> {
        while let Some((path, entries)) = self.open.last_mut() {
            let unreadable = ExportError::of_file(path);
            let Some(entry) = entries.next().transpose().map_err(&unreadable)? else {
                self.open.pop();
                continue;
            };
            if is_hidden(&entry) {
                continue;
            }
            let kind = entry.file_type().map_err(&unreadable)?;
            if kind.is_file() {
                return Ok(Some(entry.path()));
            }
            let is_under_way = entry.file_name() == "tmp" && path.join("new").is_dir();
            if kind.is_dir() && self.recursive && !is_under_way {
                if self.open.len() == MOST_DEPTH {
                    return Err(ExportError::TooDeep(entry.path()));
                }
                self.open.push(listed(&entry.path())?);
            }
        }
        Ok(None)
    }

    fn read(&self, path: &Path) -> Result<Exported, ExportError> {
        let unreadable = ExportError::of_file(path);
        let place = path.strip_prefix(&self.root).unwrap_or(path);
        let place = place.to_string_lossy().into_owned();
        let mut octets = Vec::new();
        File::open(path)
            .map_err(&unreadable)?
            // One more than there is room for, to tell a file that just fits.
            .take(MOST_OCTETS as u64 + 1)
            .read_to_end(&mut octets)
            .map_err(&unreadable)?;
        if octets.len() > MOST_OCTETS {
            return Err(ExportError::TooLarge(place));
        }
        Ok(Exported::new(place, octets))
    }
}

impl Iterator for Folder {
    type Item = Result<Exported, ExportError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = match self.next_file() {
            Ok(path) => self.read(&path?),
            Err(error) => Err(error),
        };
        if next.is_err() {
            self.open.clear();
        }
        Some(next)
    }
}

fn listed(path: &Path) -> Result<(PathBuf, ReadDir), ExportError> {
    let entries = fs::read_dir(path).map_err(ExportError::of_file(path))?;
    Ok((path.to_owned(), entries))
}

pub(super) fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}
