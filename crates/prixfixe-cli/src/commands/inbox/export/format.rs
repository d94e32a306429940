//! The formats of an export.

use std::path::Path;

use clap::ValueEnum;
use prixfixe_delivery::sqlite::{StoreReader, StoredMessage};

use super::eml::EmlFolder;
use super::output::Output;
use super::{json, mbox};
use crate::commands::inbox::failure::Failure;

/// A format of messages outside the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One file for all, in the mboxrd variant, which can be read back without loss of lines
    Mbox,
    /// One file for each message, named by its id, in a folder
    Eml,
    /// One object on a line for each message, with its content as text or base64
    Json,
}

/// Writes messages in a format to a place.
pub(super) enum Exporter {
    Mbox {
        output: Output,
        as_received: bool,
    },
    Eml {
        folder: EmlFolder,
        as_received: bool,
    },
    Json {
        output: Output,
    },
}

impl Exporter {
    /// `place` is a file or a folder; without it standard output.
    pub(super) fn open(
        format: Format,
        place: Option<&Path>,
        as_received: bool,
    ) -> Result<Self, Failure> {
        Ok(match (format, place) {
            (Format::Mbox, _) => Self::Mbox {
                output: Output::open(place)?,
                as_received,
            },
            (Format::Json, _) => Self::Json {
                output: Output::open(place)?,
            },
            (Format::Eml, Some(place)) => Self::Eml {
                folder: EmlFolder::open(place)?,
                as_received,
            },
            (Format::Eml, None) => {
                let text = "eml makes a file of each message; name their folder by --output";
                return Err(Failure::Usage(text.to_owned()));
            }
        })
    }

    /// Writes a message; false if it has been removed from the store meanwhile.
    pub(super) fn write(
        &mut self,
        reader: &StoreReader,
        message: &StoredMessage,
    ) -> Result<bool, Failure> {
        match self {
            Self::Mbox {
                output,
                as_received,
            } => mbox::write(reader, message, *as_received, output),
            Self::Eml {
                folder,
                as_received,
            } => folder.write(reader, message, *as_received),
            Self::Json { output } => json::write(reader, message, output),
        }
    }

    /// Makes all of it durable under its name.
    pub(super) fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Mbox { output, .. } | Self::Json { output } => output.finish(),
            Self::Eml { folder, .. } => folder.finish(),
        }
    }
}
