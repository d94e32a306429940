//! Settings: from a file, the environment and flags to one typed value.
//!
//! The tables in [`settings`] are the single source: each row is a key with its type, default,
//! status and doc. [`load`] reads all layers and finds every fault in one go:
//!
//! ```text
//! file ─┐
//! environment ─┼─► Layer (nodes with places) ─► Reader ─► Sections ─► cross_key ─► Settings
//! flags ─┘                                       └─► what is in force, faults, warnings
//! ```

mod cross_key;
mod effective;
mod environment;
mod excerpt;
mod fault;
mod file;
mod flags;
mod key;
mod nearest;
mod node;
mod place;
mod port;
mod reader;
#[cfg(test)]
mod reference;
mod section;
mod settings;
mod syntax;
mod value;

pub(crate) use environment::FILE_VARIABLE;
pub(crate) use excerpt::Excerpt;
pub(crate) use fault::{Faults, Finding};
pub(crate) use flags::{Assignment, Target};
pub(crate) use place::Place;
pub(crate) use settings::{BareNewline, Log, LogFormat, LogLevel, Settings};
pub(crate) use value::{
    AdminAddress, Auto, Destination, Duration, InheritedSocket, ListenAddress, Switch,
};

use std::ffi::OsString;
use std::path::PathBuf;

use reader::{Effective, Reader};
use settings::Sections;

/// Where settings come from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    /// The settings file, if there is one.
    pub(crate) file: Option<PathBuf>,
    /// The environment variables.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// The flags.
    pub(crate) flags: Vec<Assignment>,
}

/// Settings that hold.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    /// The settings.
    pub(crate) settings: Settings,
    /// What the user should know: settings that wait for a feature, or that others overrule.
    pub(crate) warnings: Vec<Finding>,
    effective: Vec<Effective>,
}

impl Loaded {
    /// A file that would give the same settings, with a comment where each came from.
    pub(crate) fn to_toml(&self) -> String {
        effective::to_toml(&self.effective)
    }
}

/// Reads all sources: defaults, then the file, then the environment, then flags. The later one
/// wins. Either the settings hold as a whole, or every fault is returned.
pub(crate) fn load(sources: &Sources) -> Result<Loaded, Faults> {
    let mut file = sources.file.as_deref().map(file::read).unwrap_or_default();
    let mut environment = environment::read(&sources.environment);
    let mut flags = flags::read(&sources.flags);
    let mut faults = std::mem::take(&mut file.faults);
    faults.append(&mut environment.faults);
    faults.append(&mut flags.faults);
    let mut warnings = Vec::new();

    if let Some(port) = flags.port.or(environment.port) {
        let layers = [&flags.keys, &environment.keys, &file.keys];
        let listen = layers.iter().find_map(|layer| layer.get("listen")).cloned();
        port::apply(
            &port,
            listen.as_ref(),
            &mut flags.keys,
            &mut faults,
            &mut warnings,
        );
    }

    let layers = vec![&file.keys, &environment.keys, &flags.keys];
    let mut reader = Reader::new(layers, &file.rows);
    let sections = Sections::read(&mut reader);
    if let Some(sections) = &sections {
        cross_key::check(sections, &mut reader);
    }
    let listen_place = reader.place_of("listen").unwrap_or(Place::Default);
    faults.append(&mut reader.faults);
    warnings.append(&mut reader.warnings);
    match sections {
        Some(sections) if faults.is_empty() => Ok(Loaded {
            settings: sections.into_settings(&listen_place),
            warnings,
            effective: reader.effective,
        }),
        _ => Err(Faults::new(faults)),
    }
}
