//! Turns what was given in file, environment and flags into typed values, key by key.

use std::collections::BTreeMap;

use super::fault::{Finding, Problem};
use super::key::{Ignoring, Key, Missing, Status};
use super::node::Node;
use super::place::Place;
use super::section::Section;
use super::value::{Report, Setting};

/// What one source gives: the node of each key by its path.
pub(crate) type Layer = BTreeMap<String, Node>;

/// One `[[…]]` table of the file.
#[derive(Debug, Clone)]
pub(crate) struct RawRow {
    /// Its name, as `listener`.
    pub(crate) section: &'static str,
    /// Where it begins.
    pub(crate) place: Place,
    /// Its keys.
    pub(crate) keys: Layer,
}

/// One `[[…]]` table as a struct.
#[derive(Debug, Clone)]
pub(crate) struct Row<S> {
    /// The values.
    pub(crate) keys: S,
    /// Where the table begins.
    pub(crate) place: Place,
    /// Where each key was given.
    pub(crate) places: BTreeMap<&'static str, Place>,
}

/// A value in force, for `check-config --print`.
#[derive(Debug, Clone)]
pub(crate) struct Effective {
    /// The key.
    pub(crate) key: &'static Key,
    /// Which of the `[[…]]` tables of that name, counted from 0.
    pub(crate) row: Option<usize>,
    /// The value; `None` where it is not set and has no default.
    pub(crate) value: Option<toml::Value>,
    /// Where it comes from.
    pub(crate) place: Place,
}

/// Reads keys from layers, lowest first, and collects all that is to be said about them.
pub(crate) struct Reader<'a> {
    layers: Vec<&'a Layer>,
    rows: &'a [RawRow],
    row: Option<usize>,
    /// What was read.
    pub(crate) effective: Vec<Effective>,
    /// What is wrong.
    pub(crate) faults: Vec<Finding>,
    /// What the user should know.
    pub(crate) warnings: Vec<Finding>,
}

impl<'a> Reader<'a> {
    /// Reads from `layers`, and `[[…]]` tables from `rows`.
    pub(crate) fn new(layers: Vec<&'a Layer>, rows: &'a [RawRow]) -> Self {
        Self {
            layers,
            rows,
            row: None,
            effective: Vec::new(),
            faults: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The value of `key`: the last given, else the default. A faulty value is noted and replaced
    /// by the default, so that the keys that depend on it can be checked in the same run. `None`
    /// means that there is nothing to go on with.
    pub(crate) fn read<T: Setting>(&mut self, key: &'static Key) -> Option<T> {
        let path = key.path();
        let default = self.default_of::<T>(key, &path);
        let mut given = None;
        let mut last_place = Place::Default;
        for node in self.layers.iter().filter_map(|layer| layer.get(&path)) {
            let mut report = Report::new(&path, &mut self.faults);
            last_place = node.place.clone();
            if let Some(value) = T::read(node, &mut report) {
                given = Some(value);
            }
        }
        if let Some(given) = &given {
            let default = default.as_ref().and_then(T::to_toml);
            self.judge(key, &last_place, given.to_toml().as_ref(), default.as_ref());
        }
        let value = given.or(default);
        self.effective.push(Effective {
            key,
            row: self.row,
            value: value.as_ref().and_then(T::to_toml),
            place: last_place,
        });
        value
    }

    /// All `[[…]]` tables of a section.
    pub(crate) fn read_rows<S: Section>(&mut self) -> Vec<Row<S>> {
        let all: &'a [RawRow] = self.rows;
        let mut rows = Vec::new();
        for (index, raw) in all
            .iter()
            .filter(|raw| raw.section == S::SHAPE.path)
            .enumerate()
        {
            let outer = std::mem::replace(&mut self.layers, vec![&raw.keys]);
            self.row = Some(index);
            self.note_missing_keys(S::SHAPE.keys, raw);
            if let Some(keys) = S::read(self) {
                rows.push(Row {
                    keys,
                    place: raw.place.clone(),
                    places: places_in(raw, S::SHAPE.keys),
                });
            }
            self.layers = outer;
            self.row = None;
        }
        rows
    }

    /// Where a key outside of `[[…]]` tables was given; `None` where it was not.
    pub(crate) fn place_of(&self, path: &str) -> Option<Place> {
        let mut layers = self.layers.iter().rev();
        layers
            .find_map(|layer| layer.get(path))
            .map(|node| node.place.clone())
    }

    /// Notes a fault.
    pub(crate) fn fault(&mut self, place: &Place, key: &str, problem: Problem) {
        Report::new(key, &mut self.faults).fault(place, problem);
    }

    /// Notes what the user should know.
    pub(crate) fn warning(&mut self, place: &Place, key: &str, problem: Problem) {
        Report::new(key, &mut self.warnings).fault(place, problem);
    }

    fn default_of<T: Setting>(&mut self, key: &Key, path: &str) -> Option<T> {
        let Some(text) = key.default else {
            return T::absent();
        };
        match Node::from_toml(text, &Place::Default) {
            Ok(node) => T::read(&node, &mut Report::new(path, &mut self.faults)),
            Err(message) => {
                self.fault(&Place::Default, path, Problem::Syntax(message));
                None
            }
        }
    }

    fn note_missing_keys(&mut self, keys: &'static [Key], raw: &RawRow) {
        for key in keys {
            let is_given = raw.keys.contains_key(&key.path());
            if key.is_required && !is_given {
                self.fault(&raw.place, &key.path(), Problem::Missing((key.wants)()));
            }
        }
    }

    /// Whether this version can act on a value that was given.
    fn judge(
        &mut self,
        key: &Key,
        place: &Place,
        value: Option<&toml::Value>,
        default: Option<&toml::Value>,
    ) {
        match key.status {
            Status::Built => {}
            Status::Later(_) if value == default => {}
            Status::Later(missing) => self.note_missing_feature(key, place, missing),
            Status::BuiltExcept(missing_values) => {
                let words = words(value);
                for (_, missing) in missing_values
                    .iter()
                    .filter(|(word, _)| words.contains(word))
                {
                    self.note_missing_feature(key, place, *missing);
                }
            }
        }
    }

    fn note_missing_feature(&mut self, key: &Key, place: &Place, missing: Missing) {
        let feature = missing.feature;
        let (problem, findings) = match missing.ignoring {
            Ignoring::Warned => (Problem::NotBuilt(feature), &mut self.warnings),
            Ignoring::Unsafe => {
                let instead = key.default.map(str::to_owned);
                (Problem::NotAvailable { feature, instead }, &mut self.faults)
            }
        };
        Report::new(&key.path(), findings).fault(place, problem);
    }
}

fn places_in(raw: &RawRow, keys: &'static [Key]) -> BTreeMap<&'static str, Place> {
    let place = |key: &'static Key| Some((key.name, raw.keys.get(&key.path())?.place.clone()));
    keys.iter().filter_map(place).collect()
}

fn words(value: Option<&toml::Value>) -> Vec<&str> {
    match value {
        Some(toml::Value::String(word)) => vec![word],
        Some(toml::Value::Array(items)) => items.iter().filter_map(toml::Value::as_str).collect(),
        _ => Vec::new(),
    }
}
