//! The files of the workspace, read once, so that the rules are pure.

use std::fs;
use std::io;
use std::path::Path;

/// Every file that belongs to the workspace; what is built or run is left out.
pub(crate) struct Tree {
    files: Vec<File>,
}

/// One file, its path relative to the root, with `/`.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) bytes: u64,
    /// None when it is not UTF-8.
    pub(crate) text: Option<String>,
}

/// What git ignores too. A list, so that a tree without git, such as an unpacked archive, is
/// checked alike.
const OUTPUT: [&str; 7] = [
    ".git",
    "target",
    "fuzz/target",
    "bench/ipc/target",
    "bench/tls/target",
    "fuzz/artifacts",
    "prixfixe-data",
];
const OUTPUT_ANYWHERE: &str = "__pycache__";

/// Bytes that mean something as they are: fuzz inputs, sample mails, recorded dialogues.
const FIXTURES: [&str; 4] = ["corpus", "dialogues", "fixtures", "proptest-regressions"];

impl Tree {
    pub(crate) fn read(root: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        for path in paths(root)? {
            let content = fs::read(root.join(&path))?;
            let bytes = content.len() as u64;
            files.push(File {
                path,
                bytes,
                text: String::from_utf8(content).ok(),
            });
        }
        Ok(Self { files })
    }

    pub(crate) fn files(&self) -> &[File] {
        &self.files
    }

    /// Path and text of every text file that people write and read.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let written = self.files.iter().filter(|file| !file.is_fixture());
        written.filter_map(|file| Some((file.path.as_str(), file.text.as_deref()?)))
    }

    pub(crate) fn texts_ending(&self, ending: &str) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(move |(path, _)| path.ends_with(ending))
    }

    /// Whether a file or folder is there.
    pub(crate) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        self.files.iter().any(|file| {
            file.path
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let file = |&(path, text): &(&str, &str)| File {
            path: path.to_owned(),
            bytes: text.len() as u64,
            text: Some(text.to_owned()),
        };
        Self {
            files: files.iter().map(file).collect(),
        }
    }
}

impl File {
    fn is_fixture(&self) -> bool {
        self.path.split('/').any(|part| FIXTURES.contains(&part))
    }
}

/// The relative paths of all files, sorted.
pub(crate) fn paths(root: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    collect(root, "", &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(root: &Path, folder: &str, found: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() {
            name.clone()
        } else {
            format!("{folder}/{name}")
        };
        if OUTPUT.contains(&path.as_str()) || name == OUTPUT_ANYWHERE {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(root, &path, found)?;
        } else if kind.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_output_is_not_part_of_the_tree() {
        let folder = tempfile::tempdir().unwrap();
        for path in [
            "target/a",
            ".git/b",
            "fuzz/artifacts/c",
            "src/main.rs",
            ".ci/run",
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        assert_eq!(paths(folder.path()).unwrap(), [".ci/run", "src/main.rs"]);
    }

    #[test]
    fn a_folder_is_there_when_a_file_is_in_it() {
        let tree = Tree::of(&[("crates/a/src/lib.rs", "")]);
        assert!(tree.has("crates/a/") && tree.has("crates/a/src/lib.rs"));
        assert!(!tree.has("crates/a/s"));
    }

    #[test]
    fn fixtures_are_not_texts() {
        let tree = Tree::of(&[("fuzz/corpus/body/1", "x"), ("README.md", "x")]);
        assert_eq!(tree.texts().count(), 1);
        assert_eq!(tree.files().len(), 2);
    }
}
