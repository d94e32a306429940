//! A value as it was given, before it has a type: from TOML, a variable or a flag.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::place::{Place, Position, SourceFile};

/// A value and where it was given.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// What was given.
    pub(crate) value: Value,
    /// Where.
    pub(crate) place: Place,
}

/// The shapes a value can have.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// A TOML string.
    Text(String),
    /// Text of a variable or a flag, whose meaning depends on the type of the key.
    Raw(String),
    /// An integer, in decimal.
    Integer(String),
    /// `true` or `false`.
    Boolean(bool),
    /// A float or a date: nothing here takes one.
    Foreign(&'static str),
    /// An array.
    List(Vec<Node>),
    /// A table.
    Table(Vec<Entry>),
}

/// One line of a table.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The key, without the names of the tables around it.
    pub(crate) name: String,
    /// Where the key stands.
    pub(crate) place: Place,
    /// What it is set to.
    pub(crate) node: Node,
}

impl Value {
    /// What to call this in a message.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "a string",
            Value::Raw(_) => "text",
            Value::Integer(_) => "an integer",
            Value::Boolean(_) => "a boolean",
            Value::Foreign(kind) => kind,
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

impl Node {
    /// The value of a variable or of the uses of a flag. A list is written as a TOML array or
    /// with commas. `Err` is the message of the TOML parser.
    pub(crate) fn from_texts(
        texts: &[String],
        is_list: bool,
        place: &Place,
    ) -> Result<Self, String> {
        let value = if is_list {
            let mut items = Vec::new();
            for text in texts {
                items.extend(list_items(text, place)?);
            }
            Value::List(items)
        } else {
            Value::Raw(texts.last().cloned().unwrap_or_default())
        };
        Ok(Self {
            value,
            place: place.clone(),
        })
    }

    /// A TOML value that stands in no file. `Err` is the message of the parser.
    pub(crate) fn from_toml(text: &str, place: &Place) -> Result<Self, String> {
        let value = DeValue::parse(text).map_err(|error| error.message().to_owned())?;
        Ok(convert(&value, &|_| place.clone()))
    }
}

/// Reads a TOML document. All syntax errors are returned beside what could be read.
pub(crate) fn parse_document(source: &Arc<SourceFile>) -> (Vec<Entry>, Vec<(Place, String)>) {
    let place_of = |span: Range<usize>| Place::File(Position::new(source, span.start, span.end));
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    let errors = errors
        .iter()
        .map(|error| {
            (
                place_of(error.span().unwrap_or(0..0)),
                error.message().to_owned(),
            )
        })
        .collect();
    (entries(table.get_ref(), &place_of), errors)
}

fn list_items(text: &str, place: &Place) -> Result<Vec<Node>, String> {
    let text = text.trim();
    if text.starts_with('[') && toml_array(text) {
        return match Node::from_toml(text, place)?.value {
            Value::List(items) => Ok(items),
            _ => Ok(Vec::new()),
        };
    }
    let item = |part: &str| Node {
        value: Value::Raw(part.to_owned()),
        place: place.clone(),
    };
    let parts = text.split(',').map(str::trim);
    Ok(parts.filter(|part| !part.is_empty()).map(item).collect())
}

/// Tells `["a", "b"]` from the bare address `[::1]:2525`, which begins with a bracket too.
fn toml_array(text: &str) -> bool {
    let inside = text.trim_start_matches('[').trim_start();
    inside.starts_with(['"', '\'', ']'])
}

fn entries(table: &DeTable<'_>, place_of: &dyn Fn(Range<usize>) -> Place) -> Vec<Entry> {
    let mut spanned: Vec<_> = table.iter().collect();
    spanned.sort_by_key(|(name, _)| name.span().start);
    let entry = |(name, value): (&Spanned<DeString<'_>>, _)| Entry {
        name: name.get_ref().clone().into_owned(),
        place: place_of(name.span()),
        node: convert(value, place_of),
    };
    spanned.into_iter().map(entry).collect()
}

fn convert(value: &Spanned<DeValue<'_>>, place_of: &dyn Fn(Range<usize>) -> Place) -> Node {
    let shape = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Integer(number) => match i128::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number.to_string()),
            Err(_) => Value::Foreign("a number beyond 64 bits"),
        },
        DeValue::Boolean(yes) => Value::Boolean(*yes),
        DeValue::Float(_) => Value::Foreign("a number with a fraction"),
        DeValue::Datetime(_) => Value::Foreign("a date"),
        DeValue::Array(items) => {
            Value::List(items.iter().map(|item| convert(item, place_of)).collect())
        }
        DeValue::Table(table) => Value::Table(entries(table, place_of)),
    };
    Node {
        value: shape,
        place: place_of(value.span()),
    }
}
