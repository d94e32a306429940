//! The types of values. Each is parsed once and then cannot hold anything illegal.

mod admin_address;
mod algorithm;
mod certificate;
mod choice;
mod count;
mod destination;
mod domain;
mod duration;
mod file_path;
mod listen_address;
mod network;
mod rate;
mod recipient;
mod recipients;
mod size;
mod switch;

pub(crate) use admin_address::AdminAddress;
pub(crate) use algorithm::{CipherSuite, KeyExchangeGroup};
pub(crate) use certificate::CertificateSource;
pub(crate) use choice::{UnknownChoice, choice, one_of};
pub(crate) use count::Count;
pub(crate) use destination::{Destination, Destinations};
pub(crate) use domain::DomainName;
pub(crate) use duration::Duration;
pub(crate) use file_path::FilePath;
pub(crate) use listen_address::{InheritedSocket, ListenAddress};
pub(crate) use network::{Network, Peer};
pub(crate) use rate::Rate;
pub(crate) use recipient::RecipientPattern;
pub(crate) use recipients::{RecipientEntry, Recipients};
pub(crate) use size::ByteSize;
pub(crate) use switch::{Auto, Switch};

use std::fmt::Display;
use std::str::FromStr;

use super::fault::{Finding, Problem};
use super::node::{Node, Value};
use super::place::Place;

/// A type that a key can have.
pub(crate) trait Setting: Sized {
    /// Whether it is written as an array.
    const LIST: bool = false;
    /// Whether 0 can stand for "off".
    const ZERO_IS_OFF: bool = false;
    /// Whether it can be left out without a default.
    const OPTIONAL: bool = false;

    /// What to write, as `a size, such as "10MiB"`.
    fn wants() -> String;

    /// Reads a value; whatever is wrong with it goes to `report`.
    fn read(node: &Node, report: &mut Report<'_>) -> Option<Self>;

    /// What it means that an optional key is not set.
    fn absent() -> Option<Self> {
        None
    }

    /// The value as TOML; `None` where it is not set.
    fn to_toml(&self) -> Option<toml::Value>;
}

/// A type with one text form.
pub(crate) trait TextSetting: FromStr<Err: Display> + Display {
    /// How the text is written in TOML.
    const FORM: Form = Form::Text;
    /// See [`Setting::ZERO_IS_OFF`].
    const ZERO_IS_OFF: bool = false;

    /// See [`Setting::wants`].
    fn wording() -> String;

    /// A value read from a file names paths relative to that file.
    fn resolved(self, _place: &Place) -> Result<Self, Self::Err> {
        Ok(self)
    }
}

/// How a [`TextSetting`] is written in TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A string.
    Text,
    /// An integer.
    Integer,
    /// A string, or an integer where no unit is needed.
    TextOrInteger,
}

/// Collects what is wrong with one key.
pub(crate) struct Report<'a> {
    key: &'a str,
    faults: &'a mut Vec<Finding>,
    alternatives: String,
}

impl<'a> Report<'a> {
    /// A report on `key`.
    pub(crate) fn new(key: &'a str, faults: &'a mut Vec<Finding>) -> Self {
        Self {
            key,
            faults,
            alternatives: String::new(),
        }
    }

    /// The same report, for a value in whose place `word` could stand as well.
    pub(crate) fn or(&mut self, word: &str) -> Report<'_> {
        Report {
            key: self.key,
            faults: self.faults,
            alternatives: format!(", or {word:?}{}", self.alternatives),
        }
    }

    /// Notes a problem.
    pub(crate) fn fault(&mut self, place: &Place, problem: Problem) {
        self.faults.push(Finding {
            place: place.clone(),
            key: self.key.to_owned(),
            problem,
        });
    }

    /// Notes a value of another TOML type than the one asked for.
    pub(crate) fn wrong_type(&mut self, node: &Node, expected: &str) {
        let found = node.value.kind();
        let expected = format!("{expected}{}", self.alternatives);
        self.fault(&node.place, Problem::WrongType { expected, found });
    }
}

impl<T: TextSetting> Setting for T {
    const ZERO_IS_OFF: bool = <T as TextSetting>::ZERO_IS_OFF;

    fn wants() -> String {
        T::wording()
    }

    fn read(node: &Node, report: &mut Report<'_>) -> Option<Self> {
        let text = match &node.value {
            Value::Raw(text) => Some(text),
            Value::Text(text) if T::FORM != Form::Integer => Some(text),
            Value::Integer(text) if T::FORM != Form::Text => Some(text),
            _ => None,
        };
        let Some(text) = text else {
            report.wrong_type(node, &T::wording());
            return None;
        };
        match text
            .parse()
            .and_then(|value: T| value.resolved(&node.place))
        {
            Ok(value) => Some(value),
            Err(error) => {
                report.fault(&node.place, Problem::Value(error.to_string()));
                None
            }
        }
    }

    fn to_toml(&self) -> Option<toml::Value> {
        let text = self.to_string();
        Some(match (T::FORM, text.parse()) {
            (Form::Integer, Ok(number)) => toml::Value::Integer(number),
            _ => toml::Value::String(text),
        })
    }
}

impl Setting for bool {
    fn wants() -> String {
        "true or false".to_owned()
    }

    fn read(node: &Node, report: &mut Report<'_>) -> Option<Self> {
        match &node.value {
            Value::Boolean(yes) => Some(*yes),
            Value::Raw(text) if text == "true" => Some(true),
            Value::Raw(text) if text == "false" => Some(false),
            _ => {
                report.wrong_type(node, &Self::wants());
                None
            }
        }
    }

    fn to_toml(&self) -> Option<toml::Value> {
        Some(toml::Value::Boolean(*self))
    }
}

impl<T: Setting> Setting for Option<T> {
    const LIST: bool = T::LIST;
    const OPTIONAL: bool = true;

    fn wants() -> String {
        T::wants()
    }

    fn read(node: &Node, report: &mut Report<'_>) -> Option<Self> {
        T::read(node, report).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn to_toml(&self) -> Option<toml::Value> {
        self.as_ref().and_then(T::to_toml)
    }
}

impl<T: Setting> Setting for Vec<T> {
    const LIST: bool = true;

    fn wants() -> String {
        format!("a list, each item {}", T::wants())
    }

    fn read(node: &Node, report: &mut Report<'_>) -> Option<Self> {
        let Value::List(items) = &node.value else {
            report.wrong_type(node, &Self::wants());
            return None;
        };
        let read: Vec<_> = items.iter().map(|item| T::read(item, report)).collect();
        read.into_iter().collect()
    }

    fn to_toml(&self) -> Option<toml::Value> {
        let items = self.iter().filter_map(T::to_toml).collect();
        Some(toml::Value::Array(items))
    }
}
