//! Why an inbox command did not do what was asked.

use std::io;
use std::path::{Path, PathBuf};

use prixfixe_delivery::MessageId;
use prixfixe_delivery::sqlite::{OpenError, ReadError, RemoveError};

use crate::config::Faults;

/// Why an inbox command did not do what was asked. The first two are wrong usage and end with
/// exit code 2, the others with 1.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The settings, which name the store, do not hold.
    #[error(transparent)]
    Settings(Faults),
    /// The command line asks for something that makes no sense.
    #[error("{0}")]
    Usage(String),
    /// There is no store in the folder.
    #[error("{path}: there is no mail store here; name its folder by --store, or the settings file by --config", path = .0.display())]
    NoStore(PathBuf),
    /// The store cannot be opened.
    #[error(transparent)]
    Open(OpenError),
    /// The store cannot be read, or what was read cannot be written.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Messages cannot be removed.
    #[error(transparent)]
    Remove(#[from] RemoveError),
    /// Some of the named messages do not exist.
    #[error("{}", missing(.0))]
    NoSuchMessages(Vec<MessageId>),
    /// The output cannot be written.
    #[error(transparent)]
    Output(#[from] io::Error),
    /// A file cannot be written.
    #[error("{path}: {error}", path = .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl Failure {
    /// A fault of one file.
    pub(crate) fn of_file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |error| Self::File { path, error }
    }

    /// For the caller, who tells a reader that has gone away from all else by the kind.
    pub(super) fn into_io_error(self) -> io::Error {
        match self {
            Self::Read(ReadError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                error
            }
            Self::Output(error) => error,
            other => io::Error::other(other),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Missing(folder) => {
                Self::NoStore(std::path::absolute(&folder).unwrap_or(folder))
            }
            other => Self::Open(other),
        }
    }
}

fn missing(ids: &[MessageId]) -> String {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let noun = if ids.len() == 1 {
        "message"
    } else {
        "messages"
    };
    format!("there is no {noun} {}", ids.join(", "))
}
