//! Numbers of bytes: `10MiB`.

use std::fmt;
use std::str::FromStr;

use super::{Form, TextSetting};

/// A number of bytes from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ByteSize<const MIN: u64 = 0, const MAX: u64 = { i64::MAX as u64 }>(u64);

impl<const MIN: u64, const MAX: u64> ByteSize<MIN, MAX> {
    /// The number of bytes.
    pub(crate) fn get(self) -> u64 {
        self.0
    }

    fn range() -> String {
        if MAX == UNBOUNDED {
            format!("at least {} and less than 8388608TiB", Self(MIN))
        } else {
            format!("{} to {}", Self(MIN), Self(MAX))
        }
    }
}

/// Why a text is not a size.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SizeError {
    /// No digits, or something between them.
    #[error("{0:?} is not a size; write a whole number and a unit, such as \"10MiB\"")]
    NotANumber(String),
    /// A unit that nobody knows.
    #[error("{given:?} has the unknown unit {unit:?}; use B, KiB, MiB, GiB or TiB")]
    UnknownUnit {
        /// The whole text.
        given: String,
        /// What follows the digits.
        unit: String,
    },
    /// Outside of what the key takes.
    #[error("{given:?} is out of range; write {range}")]
    OutOfRange {
        /// The whole text.
        given: String,
        /// What it takes.
        range: String,
    },
}

impl<const MIN: u64, const MAX: u64> FromStr for ByteSize<MIN, MAX> {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let out_of_range = || SizeError::OutOfRange {
            given: text.to_owned(),
            range: Self::range(),
        };
        let digits_end = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (digits, unit) = text.split_at(digits_end);
        if digits.is_empty() {
            return Err(SizeError::NotANumber(text.to_owned()));
        }
        let unit = unit.trim();
        let factor = factor(unit).ok_or_else(|| SizeError::UnknownUnit {
            given: text.to_owned(),
            unit: unit.to_owned(),
        })?;
        let number: u64 = digits.parse().map_err(|_| out_of_range())?;
        let bytes = number.checked_mul(factor).ok_or_else(out_of_range)?;
        if (MIN..=MAX).contains(&bytes) {
            Ok(Self(bytes))
        } else {
            Err(out_of_range())
        }
    }
}

impl<const MIN: u64, const MAX: u64> fmt::Display for ByteSize<MIN, MAX> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, factor): &&(&str, u64)| self.0 != 0 && self.0.is_multiple_of(*factor);
        match UNITS.iter().rev().find(whole) {
            Some((unit, factor)) => write!(out, "{}{unit}", self.0 / factor),
            None => write!(out, "{}B", self.0),
        }
    }
}

impl<const MIN: u64, const MAX: u64> TextSetting for ByteSize<MIN, MAX> {
    const FORM: Form = Form::TextOrInteger;
    const ZERO_IS_OFF: bool = true;

    fn wording() -> String {
        let range = match (MIN, MAX == UNBOUNDED) {
            (0 | 1, true) => String::new(),
            (_, true) => format!(", at least {}", Self(MIN)),
            (_, false) => format!(", {}", Self::range()),
        };
        format!("a size, such as \"10MiB\"{range}")
    }
}

/// Sizes stay within what TOML and SQLite can hold.
const UNBOUNDED: u64 = i64::MAX as u64;

const UNITS: [(&str, u64); 5] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// The unit of disk makers is accepted as what it means: a thousand, not 1024.
const DECIMAL_UNITS: [(&str, u64); 4] = [
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

fn factor(unit: &str) -> Option<u64> {
    if unit.is_empty() {
        return Some(1);
    }
    let mut units = UNITS.iter().chain(&DECIMAL_UNITS);
    units
        .find(|(name, _)| *name == unit)
        .map(|(_, factor)| *factor)
}

#[cfg(test)]
mod tests {
    use super::ByteSize;

    #[test]
    fn reads_and_writes_units() {
        let check = |text: &str, bytes: u64, back: &str| {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!(
                (size.get(), size.to_string().as_str()),
                (bytes, back),
                "{text}"
            );
        };
        check("0", 0, "0B");
        check("512", 512, "512B");
        check("10MiB", 10 << 20, "10MiB");
        check("1536 KiB", 1536 << 10, "1536KiB");
        check("1024KiB", 1 << 20, "1MiB");
        check("25MB", 25_000_000, "25000000B");
    }

    #[test]
    fn refuses_what_is_no_size() {
        let check = |text: &str, reason: &str| {
            let error = text.parse::<ByteSize<512, 4096>>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        };
        check("", "not a size");
        check("many", "not a size");
        check("-1", "not a size");
        check("10mib", "unknown unit");
        check("1.5KiB", "unknown unit");
        check("511", "write 512B to 4KiB");
        check("5KiB", "out of range");
        check("99999999999999999999", "out of range");
        check("9999999999TiB", "out of range");
    }
}
