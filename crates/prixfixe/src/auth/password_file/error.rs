//! What can be wrong with a password file.

use std::{io, path::PathBuf};

/// A password file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordFileError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is bigger than any file with users should be.
    #[error("{path} is bigger than 16 MiB", path = .0.display())]
    TooBig(PathBuf),
    /// A line is not understood. What is in it is not said: it is a secret.
    #[error("line {line}: {reason}")]
    Line {
        /// Its number, from 1 on.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The system has no random numbers.
    #[error("the system has no random numbers")]
    Random,
}
