//! What is left of a file that is not TOML. The parser goes on behind an error and then stumbles
//! over its consequences: a bracket that is never closed makes each line after it wrong.

use super::node::{Entry, Value};
use super::place::{Place, Position};

/// A syntax error.
type SyntaxError = (Place, String);

/// Keeps the first error of each value and of each line, and the entries that have none.
pub(crate) fn without_consequences(
    entries: Vec<Entry>,
    mut errors: Vec<SyntaxError>,
) -> (Vec<Entry>, Vec<SyntaxError>) {
    errors.sort_by(|(one, _), (other, _)| one.order().cmp(&other.order()));
    let mut first = Vec::new();
    let entries = without_broken(entries, &mut errors, &mut first);
    first.append(&mut errors);
    first.sort_by(|(one, _), (other, _)| one.order().cmp(&other.order()));
    first.dedup_by_key(|(place, _)| position(place).map(Position::line));
    (entries, first)
}

/// Moves the first error within each value from `errors` to `first`, drops the others there, and
/// drops the value.
fn without_broken(
    entries: Vec<Entry>,
    errors: &mut Vec<SyntaxError>,
    first: &mut Vec<SyntaxError>,
) -> Vec<Entry> {
    let mut whole = Vec::new();
    for mut entry in entries {
        if let Value::Table(inner) = entry.node.value {
            entry.node.value = Value::Table(without_broken(inner, errors, first));
            whole.push(entry);
            continue;
        }
        if let Value::List(items) = &mut entry.node.value {
            for item in items {
                if let Value::Table(inner) = &mut item.value {
                    *inner = without_broken(std::mem::take(inner), errors, first);
                }
            }
        }
        let is_inside = |(place, _): &SyntaxError| is_within(place, &entry);
        match errors.iter().position(is_inside) {
            None => whole.push(entry),
            Some(index) => {
                first.push(errors.remove(index));
                errors.retain(|error| !is_within(&error.0, &entry));
            }
        }
    }
    whole
}

fn is_within(place: &Place, entry: &Entry) -> bool {
    match (
        position(place),
        position(&entry.place),
        position(&entry.node.place),
    ) {
        (Some(error), Some(key), Some(value)) => error.is_within(key, value),
        _ => false,
    }
}

fn position(place: &Place) -> Option<&Position> {
    match place {
        Place::File(position) => Some(position),
        _ => None,
    }
}
