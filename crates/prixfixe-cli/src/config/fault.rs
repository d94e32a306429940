//! What can be wrong with settings, and how it is said.

use std::fmt;

use super::place::Place;

/// Everything that is wrong, in the order of the file.
#[derive(Debug, thiserror::Error)]
pub(crate) struct Faults(Vec<Finding>);

impl Faults {
    /// Takes the findings, sorts them by place and drops repetitions.
    pub(crate) fn new(mut findings: Vec<Finding>) -> Self {
        findings.sort_by(|one, other| one.place.order().cmp(&other.place.order()));
        findings.dedup();
        Self(findings)
    }

    /// Each of them.
    pub(crate) fn findings(&self) -> &[Finding] {
        &self.0
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.0.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(out, "{line_break}{finding}")?;
        }
        Ok(())
    }
}

/// One problem at one place. As a fault it ends the start, as a warning it is only printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Where the value was given.
    pub(crate) place: Place,
    /// The path of the key, or nothing where the problem is not about one key.
    pub(crate) key: String,
    /// What is wrong, and what to do.
    pub(crate) problem: Problem,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            write!(out, "{}: {}", self.place, self.problem)
        } else {
            write!(out, "{}: {}: {}", self.place, self.key, self.problem)
        }
    }
}

/// What is wrong. Each text says what to do after its semicolon.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// The file cannot be read.
    #[error("cannot be read: {0}; name a text file that this user may read")]
    Unreadable(String),
    /// The text is not TOML.
    #[error("not valid TOML: {0}; correct the line")]
    Syntax(String),
    /// No such key.
    #[error("unknown key; {}", did_you_mean(.0.as_deref(), "remove it"))]
    UnknownKey(Option<String>),
    /// No such variable.
    #[error("unknown variable; {}", did_you_mean(.0.as_deref(), "unset it"))]
    UnknownVariable(Option<String>),
    /// The value has another TOML type.
    #[error("found {found}; write {expected}")]
    WrongType {
        /// What is asked for.
        expected: String,
        /// What is there.
        found: &'static str,
    },
    /// The type is right, the value is not.
    #[error("{0}")]
    Value(String),
    /// A key without a default was not given.
    #[error("missing; set it to {0}")]
    Missing(String),
    /// The variable is not text.
    #[error("not valid UTF-8; set it to plain text")]
    NotUnicode,
    /// The same setting in two variables.
    #[error("also set by {0}; unset one of them")]
    SetTwice(String),
    /// A flag that is not `KEY=VALUE`.
    #[error("{0:?} is no assignment; write KEY=VALUE, as in --set limits.reply_buffer=64KiB")]
    NotAnAssignment(String),
    /// The feature is to come and running without it would be unsafe.
    #[error("{feature} is not available in this version; {}", remedy(.instead.as_deref()))]
    NotAvailable {
        /// The feature.
        feature: &'static str,
        /// What can be written instead.
        instead: Option<String>,
    },
    /// The feature is to come and the setting waits for it.
    #[error("{0} is not built yet; the setting has no effect in this version")]
    NotBuilt(&'static str),
    /// What a setting names on this machine cannot be used, or not for long.
    #[error("{0}")]
    Unusable(String),
    /// Two settings that exclude each other.
    #[error("{0}")]
    Contradiction(String),
    /// The setting is overruled by another.
    #[error("has no effect, since {0}; remove one of them")]
    Overruled(String),
}

fn did_you_mean(nearest: Option<&str>, otherwise: &str) -> String {
    match nearest {
        Some(name) => format!("did you mean {name}?"),
        None => format!("{otherwise}, or see docs/configuration.md for those that exist"),
    }
}

fn remedy(instead: Option<&str>) -> String {
    match instead {
        Some(value) => format!("write {value}, or remove the setting"),
        None => "remove the setting".to_owned(),
    }
}
