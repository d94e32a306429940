//! Values that can also be `"off"` or `"auto"`.

use super::{Report, Setting};
use crate::config::node::{Node, Value};

/// A value that can be switched off: by `"off"`, and where it is a number by 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch<T> {
    /// Nothing of it.
    Off,
    /// In force.
    On(T),
}

impl<T> Switch<T> {
    /// The value, if it is in force.
    pub(crate) fn on(&self) -> Option<&T> {
        match self {
            Switch::Off => None,
            Switch::On(value) => Some(value),
        }
    }
}

/// A value that the server can find by itself: by `"auto"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Auto<T> {
    /// Found at start.
    Automatic,
    /// Said by the operator.
    Given(T),
}

impl<T: Setting> Setting for Switch<T> {
    fn wants() -> String {
        format!("{}, or \"off\"", T::wants())
    }

    fn read(node: &Node, report: &mut Report<'_>) -> Option<Self> {
        let off = match &node.value {
            Value::Text(text) => text == "off",
            Value::Raw(text) => text == "off" || (text == "0" && T::ZERO_IS_OFF),
            Value::Integer(number) => number == "0" && T::ZERO_IS_OFF,
            _ => false,
        };
        if off {
            Some(Switch::Off)
        } else {
            T::read(node, &mut report.or("off")).map(Switch::On)
        }
    }

    fn to_toml(&self) -> Option<toml::Value> {
        match self {
            Switch::Off => Some(toml::Value::String("off".to_owned())),
            Switch::On(value) => value.to_toml(),
        }
    }
}

impl<T: Setting> Setting for Auto<T> {
    fn wants() -> String {
        format!("\"auto\", or {}", T::wants())
    }

    fn read(node: &Node, report: &mut Report<'_>) -> Option<Self> {
        match &node.value {
            Value::Text(text) | Value::Raw(text) if text == "auto" => Some(Auto::Automatic),
            _ => T::read(node, &mut report.or("auto")).map(Auto::Given),
        }
    }

    fn to_toml(&self) -> Option<toml::Value> {
        match self {
            Auto::Automatic => Some(toml::Value::String("auto".to_owned())),
            Auto::Given(value) => value.to_toml(),
        }
    }
}
