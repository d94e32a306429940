//! Which store is meant.

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use crate::cli::GlobalFlags;
use crate::config::{self, Sources};

/// Which store is meant.
#[derive(Debug, Args)]
pub(crate) struct StorePlace {
    /// The folder of the store; with it no settings are read
    #[arg(long, global = true, value_name = "DIR")]
    store: Option<PathBuf>,
}

impl StorePlace {
    /// The folder: the one of the flag, else that of the settings which `serve` would read.
    ///
    /// The flag works beside broken settings too, for whoever has to rescue mail.
    pub(super) fn folder(&self, global: &GlobalFlags) -> Result<PathBuf, Failure> {
        if let Some(folder) = &self.store {
            return Ok(folder.clone());
        }
        let sources = Sources {
            file: global.settings_file(),
            environment: std::env::vars_os().collect(),
            flags: Vec::new(),
        };
        let loaded = config::load(&sources).map_err(Failure::Settings)?;
        Ok(loaded.settings.store.path.as_path().to_owned())
    }
}
