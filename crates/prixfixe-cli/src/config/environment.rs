//! Environment variables: `SMTP_DOMAIN` and its like, and `PRIXFIXE_<SECTION>__<KEY>`.

use std::ffi::OsString;

use super::fault::{Finding, Problem};
use super::key::Key;
use super::nearest::nearest;
use super::node::Node;
use super::place::Place;
use super::reader::Layer;
use super::settings::Sections;

/// Names the file; read by the command line, not here.
pub(crate) const FILE_VARIABLE: &str = "PRIXFIXE_CONFIG";
/// Moves the default listeners; see [`super::port`].
pub(crate) const PORT_VARIABLE: &str = "SMTP_PORT";

/// What the environment gives.
#[derive(Debug, Default)]
pub(crate) struct EnvironmentLayer {
    /// The keys.
    pub(crate) keys: Layer,
    /// The port for the default listeners.
    pub(crate) port: Option<Node>,
    /// Unknown variables of ours, and values that cannot be read.
    pub(crate) faults: Vec<Finding>,
}

/// Reads the variables. An empty one counts as not set, since that is what start scripts and
/// compose files make of a variable that they merely pass on.
pub(crate) fn read(variables: &[(OsString, OsString)]) -> EnvironmentLayer {
    let mut layer = EnvironmentLayer::default();
    for (name, value) in variables.iter().filter(|(_, value)| !value.is_empty()) {
        let Some(name) = name.to_str() else { continue };
        let Some(variable) = Variable::named(name) else {
            continue;
        };
        let place = Place::Environment(name.to_owned());
        let Some(text) = value.to_str() else {
            layer.fault(place, "", Problem::NotUnicode);
            continue;
        };
        layer.take(variable, place, text);
    }
    layer
}

enum Variable {
    Key(&'static Key),
    Port,
    Unknown(Option<String>),
}

impl Variable {
    /// What the variable `name` means; `None` when it is none of ours.
    fn named(name: &str) -> Option<Self> {
        if name == PORT_VARIABLE {
            return Some(Self::Port);
        }
        let has_name = |key: &&Key| key.variables().iter().any(|variable| variable == name);
        if let Some(key) = settable_keys().find(has_name) {
            return Some(Self::Key(key));
        }
        if !name.starts_with("PRIXFIXE_") || name == FILE_VARIABLE {
            return None;
        }
        let known: Vec<_> = settable_keys().flat_map(Key::variables).collect();
        let known = known
            .iter()
            .map(String::as_str)
            .chain([FILE_VARIABLE, PORT_VARIABLE]);
        // The common prefix would make all names look alike.
        let rest = |name: &str| {
            name.trim_start_matches("PRIXFIXE_")
                .trim_start_matches("SMTP_")
                .to_owned()
        };
        let names: Vec<_> = known.map(|name| (rest(name), name.to_owned())).collect();
        let nearest = nearest(&rest(name), names.iter().map(|(rest, _)| rest.as_str()));
        let whole = names
            .iter()
            .find(|(rest, _)| Some(rest.as_str()) == nearest);
        Some(Self::Unknown(whole.map(|(_, name)| name.clone())))
    }
}

/// The keys of `[[…]]` tables have no variable: it could not say which table it means.
pub(crate) fn settable_keys() -> impl Iterator<Item = &'static Key> {
    Sections::SHAPES
        .iter()
        .filter(|shape| !shape.repeated)
        .flat_map(|shape| shape.keys)
}

impl EnvironmentLayer {
    fn take(&mut self, variable: Variable, place: Place, text: &str) {
        let texts = [text.to_owned()];
        match variable {
            Variable::Unknown(nearest) => self.fault(place, "", Problem::UnknownVariable(nearest)),
            Variable::Port => self.port = Node::from_texts(&texts, false, &place).ok(),
            Variable::Key(key) => match Node::from_texts(&texts, key.is_list, &place) {
                Err(message) => self.fault(place, &key.path(), Problem::Syntax(message)),
                Ok(node) => {
                    if let Some(earlier) = self.keys.insert(key.path(), node) {
                        let problem = Problem::SetTwice(earlier.place.to_string());
                        self.fault(place, &key.path(), problem);
                    }
                }
            },
        }
    }

    fn fault(&mut self, place: Place, key: &str, problem: Problem) {
        self.faults.push(Finding {
            place,
            key: key.to_owned(),
            problem,
        });
    }
}
