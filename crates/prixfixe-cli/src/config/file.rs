//! The settings file: finds the key of each line, and says which lines have none.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::fault::{Finding, Problem};
use super::key::{Key, Shape, join};
use super::nearest::nearest;
use super::node::{Entry, Node, Value, parse_document};
use super::place::{Place, SourceFile};
use super::reader::{Layer, RawRow};
use super::settings::Sections;
use super::syntax;

/// What a file gives.
#[derive(Debug, Default)]
pub(crate) struct FileLayer {
    /// The keys outside of `[[…]]` tables.
    pub(crate) keys: Layer,
    /// The `[[…]]` tables.
    pub(crate) rows: Vec<RawRow>,
    /// Unknown keys, and what is not TOML.
    pub(crate) faults: Vec<Finding>,
}

/// Reads the file at `path`.
pub(crate) fn read(path: &Path) -> FileLayer {
    let mut layer = FileLayer::default();
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let place = Place::WholeFile(path.to_owned());
            layer.fault(place, String::new(), Problem::Unreadable(error.to_string()));
            return layer;
        }
    };
    let path = path.to_owned();
    let (entries, errors) = parse_document(&Arc::new(SourceFile { path, text }));
    let (entries, errors) = syntax::without_consequences(entries, errors);
    for (place, message) in errors {
        layer.fault(place, String::new(), Problem::Syntax(message));
    }
    if let Some(top) = shape("") {
        layer.keys = layer.keys_of(top, entries);
    }
    layer
}

impl FileLayer {
    fn fault(&mut self, place: Place, key: String, problem: Problem) {
        self.faults.push(Finding {
            place,
            key,
            problem,
        });
    }

    /// The keys of one table and of the tables in it.
    fn keys_of(&mut self, table: &'static Shape, entries: Vec<Entry>) -> Layer {
        let mut keys = Layer::new();
        for entry in entries {
            let path = join(table.path, &entry.name);
            if table.keys.iter().any(|key| key.name == entry.name) {
                keys.insert(path, entry.node);
            } else if let Some(inner) = shape(&path) {
                keys.extend(self.inner_table(inner, entry.node));
            } else {
                let known = Sections::keys().map(Key::path);
                let known: Vec<_> = known
                    .chain(Sections::SHAPES.iter().map(|shape| shape.path.to_owned()))
                    .collect();
                let nearest = nearest(&path, known.iter().map(String::as_str));
                let problem = Problem::UnknownKey(nearest.map(str::to_owned));
                self.fault(entry.place, path, problem);
            }
        }
        keys
    }

    fn inner_table(&mut self, table: &'static Shape, node: Node) -> Layer {
        match node.value {
            Value::Table(entries) if !table.repeated => return self.keys_of(table, entries),
            Value::List(items) if table.repeated => {
                for item in items {
                    self.row(table, item);
                }
            }
            other => self.not_a_table(table, node.place, other.kind()),
        }
        Layer::new()
    }

    fn row(&mut self, table: &'static Shape, node: Node) {
        let Value::Table(entries) = node.value else {
            self.not_a_table(table, node.place, node.value.kind());
            return;
        };
        let row = RawRow {
            section: table.path,
            place: node.place,
            keys: self.keys_of(table, entries),
        };
        self.rows.push(row);
    }

    fn not_a_table(&mut self, table: &Shape, place: Place, found: &'static str) {
        let expected = if table.repeated {
            format!("[[{}]] above the keys of each", table.path)
        } else {
            format!("[{}] above its keys", table.path)
        };
        self.fault(
            place,
            table.path.to_owned(),
            Problem::WrongType { expected, found },
        );
    }
}

fn shape(path: &str) -> Option<&'static Shape> {
    Sections::SHAPES.iter().find(|shape| shape.path == path)
}
