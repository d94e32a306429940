//! A folder with a file for each message.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use prixfixe_delivery::sqlite::{ReadError, StoreReader, StoredMessage};

use super::output;
use crate::commands::inbox::failure::Failure;

/// A folder with a file for each message, named by its id, which is made of letters and digits.
#[derive(Debug)]
pub(super) struct EmlFolder {
    path: PathBuf,
}

impl EmlFolder {
    /// Makes the folder if need be.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(path).map_err(|error| {
            let fault = match error.kind() {
                io::ErrorKind::AlreadyExists => io::ErrorKind::NotADirectory.into(),
                _ => error,
            };
            Failure::of_file(path)(fault)
        })?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// Writes a message; false if it has been removed from the store meanwhile.
    pub(super) fn write(
        &self,
        reader: &StoreReader,
        message: &StoredMessage,
        as_received: bool,
    ) -> Result<bool, Failure> {
        let path = self.path.join(format!("{}.eml", message.id));
        let fault = || Failure::of_file(&path);
        let mut out = output::buffered(output::new_file(&self.path).map_err(fault())?);
        if !as_received {
            out.write_all(message.trace.as_bytes()).map_err(fault())?;
        }
        match reader.copy_as_received(message.id, &mut out) {
            Ok(_) => {}
            Err(ReadError::NoSuchMessage(_) | ReadError::Removed(_)) => return Ok(false),
            Err(ReadError::Write(error)) => return Err(fault()(error)),
            Err(error) => return Err(error.into()),
        }
        let file = out
            .into_inner()
            .map_err(|error| fault()(error.into_error()))?;
        output::keep(file, &path).map_err(fault())?;
        Ok(true)
    }

    /// Makes the names durable.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        output::sync_folder(&self.path).map_err(Failure::of_file(&self.path))
    }
}
