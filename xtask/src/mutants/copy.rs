//! A copy of the tree to break things in.

use std::fs;
use std::path::{Path, PathBuf};

use super::description::Mutant;
use crate::failure::Failure;
use crate::tidy::tree;

/// The copy. It is brought up to date, not made anew, so that only what changed is compiled again.
pub(crate) struct Copy {
    root: PathBuf,
}

impl Copy {
    pub(crate) fn make(source: &Path, root: &Path) -> Result<Self, Failure> {
        let wanted = list(source)?;
        if root.is_dir() {
            for stale in list(root)?.iter().filter(|path| !wanted.contains(path)) {
                let path = root.join(stale);
                fs::remove_file(&path).map_err(|error| Failure::at(&path, &error))?;
            }
        }
        for path in &wanted {
            copy_if_different(&source.join(path), &root.join(path))?;
        }
        Ok(Self {
            root: root.to_path_buf(),
        })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Breaks the copy until the returned value is told to restore it.
    pub(crate) fn apply(&self, mutant: &Mutant) -> Result<Undo, Failure> {
        let path = self.root.join(&mutant.file);
        let sound = fs::read_to_string(&path).map_err(|error| Failure::at(&path, &error))?;
        let broken = mutant.mutate(&sound)?;
        fs::write(&path, broken).map_err(|error| Failure::at(&path, &error))?;
        Ok(Undo { path, sound })
    }
}

/// How to make the copy sound again. A run that is interrupted before leaves a broken copy behind,
/// which the next one brings up to date.
pub(crate) struct Undo {
    path: PathBuf,
    sound: String,
}

impl Undo {
    pub(crate) fn restore(self) -> Result<(), Failure> {
        fs::write(&self.path, self.sound).map_err(|error| Failure::at(&self.path, &error))
    }
}

fn list(root: &Path) -> Result<Vec<String>, Failure> {
    tree::paths(root).map_err(|error| Failure::at(root, &error))
}

/// Leaves the time stamp of an equal file alone: cargo goes by it.
fn copy_if_different(source: &Path, copy: &Path) -> Result<(), Failure> {
    let wanted = fs::read(source).map_err(|error| Failure::at(source, &error))?;
    if fs::read(copy).is_ok_and(|present| present == wanted) {
        return Ok(());
    }
    let write = || {
        fs::create_dir_all(copy.parent().unwrap_or(copy))?;
        fs::write(copy, &wanted)?;
        // Executable test scripts stay executable.
        fs::set_permissions(copy, fs::metadata(source)?.permissions())
    };
    write().map_err(|error| Failure::at(copy, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_follows_the_source_and_the_source_is_never_touched() {
        let folder = tempfile::tempdir().unwrap();
        let (source, root) = (folder.path().join("source"), folder.path().join("copy"));
        fs::create_dir_all(source.join("src")).unwrap();
        fs::write(source.join("src/a.rs"), "let x = 1;").unwrap();
        fs::write(source.join("old.txt"), "").unwrap();
        Copy::make(&source, &root).unwrap();
        fs::remove_file(source.join("old.txt")).unwrap();

        let copy = Copy::make(&source, &root).unwrap();
        assert!(!root.join("old.txt").exists());
        let mutant = Mutant {
            name: "m".into(),
            file: "src/a.rs".into(),
            find: "1".into(),
            replace: "2".into(),
            test: String::new(),
        };
        let undo = copy.apply(&mutant).unwrap();
        assert_eq!(
            fs::read_to_string(root.join("src/a.rs")).unwrap(),
            "let x = 2;"
        );
        assert_eq!(
            fs::read_to_string(source.join("src/a.rs")).unwrap(),
            "let x = 1;"
        );
        undo.restore().unwrap();
        assert_eq!(
            fs::read_to_string(root.join("src/a.rs")).unwrap(),
            "let x = 1;"
        );
    }
}
