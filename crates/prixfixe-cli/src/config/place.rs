//! Where a setting was given: the file with line and column, a variable, a flag, or nowhere.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The origin of one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nobody gave it.
    Default,
    /// A position in a file.
    File(Position),
    /// A file as a whole, which could not be read.
    WholeFile(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A command line flag, as `--domain`.
    Flag(String),
}

impl Place {
    /// Resolves a path against the folder of the file that names it. Paths from the environment
    /// and from flags mean the working directory, as everywhere in a shell.
    pub(crate) fn resolve(&self, path: &Path) -> PathBuf {
        match self {
            Place::File(position) => match position.source.path.parent() {
                Some(folder) => folder.join(path),
                None => path.to_owned(),
            },
            _ => path.to_owned(),
        }
    }

    /// Sorts by position within a file, files before the rest.
    pub(crate) fn order(&self) -> (u8, &Path, usize, usize) {
        let nowhere = Path::new("");
        match self {
            Place::WholeFile(path) => (0, path, 0, 0),
            Place::File(position) => (1, &position.source.path, position.line(), position.column()),
            Place::Environment(_) => (2, nowhere, 0, 0),
            Place::Flag(_) => (3, nowhere, 0, 0),
            Place::Default => (4, nowhere, 0, 0),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Default => out.write_str("default"),
            Place::File(position) => write!(
                out,
                "{}:{}:{}",
                position.source.path.display(),
                position.line(),
                position.column()
            ),
            Place::WholeFile(path) => write!(out, "{}", path.display()),
            Place::Environment(name) => out.write_str(name),
            Place::Flag(flag) => out.write_str(flag),
        }
    }
}

/// A path that means the same file wherever it is written down.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// A byte range in a text file, in lines and columns for humans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    source: Arc<SourceFile>,
    start: usize,
    end: usize,
}

impl Position {
    /// The range `start..end` of the text of `source`.
    pub(crate) fn new(source: &Arc<SourceFile>, start: usize, end: usize) -> Self {
        Self {
            source: Arc::clone(source),
            start,
            end: end.max(start),
        }
    }

    /// Whether this begins at `start` or behind it, and at the end of `end` or before it.
    pub(crate) fn is_within(&self, start: &Self, end: &Self) -> bool {
        (start.start..=end.end).contains(&self.start)
    }

    /// The path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.source.path
    }

    /// The line, counted from 1.
    pub(crate) fn line(&self) -> usize {
        self.before().matches('\n').count() + 1
    }

    /// The column in characters, counted from 1.
    pub(crate) fn column(&self) -> usize {
        let before = self.before();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        before.get(line_start..).unwrap_or("").chars().count() + 1
    }

    /// How many characters the range covers on its first line, at least one.
    pub(crate) fn width(&self) -> usize {
        let text = self.source.text.get(self.start..self.end).unwrap_or("");
        text.lines()
            .next()
            .map_or(1, |line| line.chars().count().max(1))
    }

    /// The text of the line.
    pub(crate) fn line_text(&self) -> &str {
        self.source.text.lines().nth(self.line() - 1).unwrap_or("")
    }

    fn before(&self) -> &str {
        self.source
            .text
            .get(..self.start)
            .unwrap_or(&self.source.text)
    }
}

/// A file and its text, kept so that a message can show the line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SourceFile {
    /// The path as the user wrote it.
    pub(crate) path: PathBuf,
    /// All of it.
    pub(crate) text: String,
}
