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
pub(crate) use fault::{Faults, Finding, Problem};
pub(crate) use flags::{Assignment, Target};
pub(crate) use place::Place;
pub(crate) use settings::{
    Auth, BareNewline, ClientCertificates, Listener, ListenerTls, Log, LogFormat, LogLevel,
    Protocol, Settings, Sni, Tls, TlsVersion,
};
pub(crate) use value::{
    AdminAddress, Auto, CertificateSource, Destination, Duration, FilePath, InheritedSocket,
    ListenAddress, Switch,
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

    /// Something about a key, said with the place where it was given; `row` counts the `[[…]]`
    /// tables of its section.
    pub(crate) fn finding(&self, key: &str, row: Option<usize>, text: String) -> Finding {
        let is_it = |setting: &&Effective| setting.row == row && setting.key.path() == key;
        let found = self.effective.iter().find(is_it);
        Finding {
            place: found.map_or(Place::Default, |setting| setting.place.clone()),
            key: key.to_owned(),
            problem: Problem::Unusable(text),
        }
    }

    /// The keys whose values are others in `new`, each once, in the order of the documentation.
    pub(crate) fn changed_keys(&self, new: &Self) -> Vec<String> {
        let values = |loaded: &Self, key: &str| -> Vec<Option<toml::Value>> {
            let all = loaded.effective.iter();
            all.filter(|setting| setting.key.path() == key)
                .map(|setting| setting.value.clone())
                .collect()
        };
        Sections::keys()
            .map(key::Key::path)
            .filter(|key| values(self, key) != values(new, key))
            .collect()
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
