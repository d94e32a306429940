//! Paths, relative to the file that names them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::TextSetting;
use crate::config::place::{Place, absolute};

/// A path, already resolved against the folder of the settings file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilePath(PathBuf);

impl FilePath {
    /// The path.
    pub(crate) fn as_path(&self) -> &Path {
        &self.0
    }
}

/// An empty path.
#[derive(Debug, thiserror::Error)]
#[error("the path is empty; write the path of a file or folder")]
pub(crate) struct EmptyPath;

impl FromStr for FilePath {
    type Err = EmptyPath;

    fn from_str(text: &str) -> Result<Self, EmptyPath> {
        if text.is_empty() {
            return Err(EmptyPath);
        }
        Ok(Self(PathBuf::from(text)))
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        absolute(&self.0).display().fmt(out)
    }
}

impl TextSetting for FilePath {
    fn wording() -> String {
        "a path".to_owned()
    }

    fn resolved(self, place: &Place) -> Result<Self, EmptyPath> {
        Ok(Self(place.resolve(&self.0)))
    }
}
