//! Lengths of time: `30s`.

use std::fmt;
use std::str::FromStr;
use std::time;

use super::TextSetting;

/// A length of time, longer than none and at most a hundred years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Duration(time::Duration);

impl Duration {
    /// As the standard library has it.
    pub(crate) fn get(self) -> time::Duration {
        self.0
    }
}

/// Why a text is not a length of time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DurationError {
    /// Not numbers with units.
    #[error("{0:?} is not a length of time; write a whole number and a unit, such as \"30s\"")]
    Malformed(String),
    /// A number alone.
    #[error("{0} has no unit; write \"{0}s\" for seconds, or use ms, m, h or d")]
    NoUnit(String),
    /// A unit that nobody knows.
    #[error("{given:?} has the unknown unit {unit:?}; use ms, s, m, h or d")]
    UnknownUnit {
        /// The whole text.
        given: String,
        /// What follows the digits.
        unit: String,
    },
    /// Nothing, or more than a life.
    #[error("{0:?} is out of range; write \"1ms\" to \"36500d\"")]
    OutOfRange(String),
}

impl FromStr for Duration {
    type Err = DurationError;

    /// Numbers with units, largest first as a rule: `1h30m`.
    fn from_str(text: &str) -> Result<Self, DurationError> {
        let out_of_range = || DurationError::OutOfRange(text.to_owned());
        let mut milliseconds: u64 = 0;
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(DurationError::Malformed(text.to_owned()));
        }
        while !rest.is_empty() {
            let digits_end = rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len());
            let (digits, after) = rest.split_at(digits_end);
            if digits.is_empty() {
                return Err(DurationError::Malformed(text.to_owned()));
            }
            let unit_end = after
                .find(|c: char| c.is_ascii_digit())
                .unwrap_or(after.len());
            let (unit, after) = after.split_at(unit_end);
            let factor = factor(unit.trim(), text)?;
            let number: u64 = digits.parse().map_err(|_| out_of_range())?;
            let part = number.checked_mul(factor).ok_or_else(out_of_range)?;
            milliseconds = milliseconds.checked_add(part).ok_or_else(out_of_range)?;
            rest = after;
        }
        if (1..=MOST_MILLISECONDS).contains(&milliseconds) {
            Ok(Self(time::Duration::from_millis(milliseconds)))
        } else {
            Err(out_of_range())
        }
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_millis();
        let whole = |(_, factor): &&(&str, u64)| milliseconds.is_multiple_of(u128::from(*factor));
        match UNITS.iter().rev().find(whole) {
            Some((unit, factor)) => write!(out, "{}{unit}", milliseconds / u128::from(*factor)),
            None => write!(out, "{milliseconds}ms"),
        }
    }
}

impl TextSetting for Duration {
    // An integer is read as text too, so that its message can say which unit is missing.
    const FORM: super::Form = super::Form::TextOrInteger;
    const ZERO_IS_OFF: bool = true;

    fn wording() -> String {
        "a length of time, such as \"30s\"".to_owned()
    }
}

const MOST_MILLISECONDS: u64 = 36_500 * 86_400_000;

const UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

fn factor(unit: &str, text: &str) -> Result<u64, DurationError> {
    if unit.is_empty() {
        return Err(DurationError::NoUnit(text.to_owned()));
    }
    let known = UNITS.iter().find(|(name, _)| *name == unit);
    known
        .map(|(_, factor)| *factor)
        .ok_or_else(|| DurationError::UnknownUnit {
            given: text.to_owned(),
            unit: unit.to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::Duration;

    #[test]
    fn reads_and_writes_units() {
        let check = |text: &str, milliseconds: u128, back: &str| {
            let duration: Duration = text.parse().unwrap();
            assert_eq!(duration.get().as_millis(), milliseconds, "{text}");
            assert_eq!(duration.to_string(), back, "{text}");
        };
        check("250ms", 250, "250ms");
        check("30s", 30_000, "30s");
        check("300s", 300_000, "5m");
        check("1h30m", 5_400_000, "90m");
        check("1h 30m", 5_400_000, "90m");
        check("365d", 365 * 86_400_000, "365d");
    }

    #[test]
    fn refuses_what_is_no_time() {
        let check = |text: &str, reason: &str| {
            let error = text.parse::<Duration>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        };
        check("", "not a length");
        check("soon", "not a length");
        check("30", "write \"30s\"");
        check("30sec", "unknown unit \"sec\"");
        check("1.5h", "unknown unit");
        check("0s", "out of range");
        check("99999d", "out of range");
        check("99999999999999999999s", "out of range");
    }
}
