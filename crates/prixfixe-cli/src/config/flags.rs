//! Command line flags as settings.

use super::environment::settable_keys;
use super::fault::{Finding, Problem};
use super::key::Key;
use super::nearest::nearest;
use super::node::Node;
use super::place::Place;
use super::reader::Layer;

/// One use of a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// The flag as typed, as `--domain`.
    pub(crate) flag: String,
    /// The key that it sets.
    pub(crate) target: Target,
    /// Its values; several when the flag was repeated.
    pub(crate) texts: Vec<String>,
}

/// What a flag sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// The key of this path.
    Key(&'static str),
    /// The port of the default listeners.
    Port,
    /// The key that stands before the `=` of the value.
    Named,
}

/// What the flags give.
#[derive(Debug, Default)]
pub(crate) struct FlagLayer {
    /// The keys.
    pub(crate) keys: Layer,
    /// The port for the default listeners.
    pub(crate) port: Option<Node>,
    /// Values that cannot be read.
    pub(crate) faults: Vec<Finding>,
}

/// Reads the flags.
pub(crate) fn read(assignments: &[Assignment]) -> FlagLayer {
    let mut layer = FlagLayer::default();
    for assignment in assignments {
        let place = Place::Flag(assignment.flag.clone());
        match assignment.target {
            Target::Port => layer.port = Node::from_texts(&assignment.texts, false, &place).ok(),
            Target::Key(path) => layer.set(path, &assignment.texts, &place),
            Target::Named => {
                for text in &assignment.texts {
                    match text.split_once('=') {
                        Some((path, value)) => {
                            layer.set(path.trim(), &[value.trim().to_owned()], &place);
                        }
                        None => layer.fault(&place, "", Problem::NotAnAssignment(text.clone())),
                    }
                }
            }
        }
    }
    layer
}

impl FlagLayer {
    fn set(&mut self, path: &str, texts: &[String], place: &Place) {
        let Some(key) = settable_keys().find(|key| key.path() == path) else {
            let known: Vec<_> = settable_keys().map(Key::path).collect();
            let nearest = nearest(path, known.iter().map(String::as_str)).map(str::to_owned);
            self.fault(place, path, Problem::UnknownKey(nearest));
            return;
        };
        match Node::from_texts(texts, key.is_list, place) {
            Err(message) => self.fault(place, path, Problem::Syntax(message)),
            Ok(node) => {
                if let Some(earlier) = self.keys.insert(path.to_owned(), node) {
                    self.fault(place, path, Problem::SetTwice(earlier.place.to_string()));
                }
            }
        }
    }

    fn fault(&mut self, place: &Place, key: &str, problem: Problem) {
        self.faults.push(Finding {
            place: place.clone(),
            key: key.to_owned(),
            problem,
        });
    }
}
