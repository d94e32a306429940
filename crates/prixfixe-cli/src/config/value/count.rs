//! Whole numbers within a range.

use std::fmt;
use std::str::FromStr;

use super::{Form, TextSetting};

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Count<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Count<MIN, MAX> {
    /// The number.
    pub(crate) fn get(self) -> u32 {
        self.0
    }
}

/// Why a text is not such a number.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CountError {
    /// Not made of digits.
    #[error("{0:?} is not a whole number; write {1} to {2}")]
    NotANumber(String, u32, u32),
    /// Outside of what the key takes.
    #[error("{0} is out of range; write {1} to {2}")]
    OutOfRange(String, u32, u32),
}

impl<const MIN: u32, const MAX: u32> FromStr for Count<MIN, MAX> {
    type Err = CountError;

    fn from_str(text: &str) -> Result<Self, CountError> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(CountError::NotANumber(text.to_owned(), MIN, MAX));
        }
        match text.parse() {
            Ok(number) if (MIN..=MAX).contains(&number) => Ok(Self(number)),
            _ => Err(CountError::OutOfRange(text.to_owned(), MIN, MAX)),
        }
    }
}

impl<const MIN: u32, const MAX: u32> fmt::Display for Count<MIN, MAX> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl<const MIN: u32, const MAX: u32> TextSetting for Count<MIN, MAX> {
    const FORM: Form = Form::Integer;
    const ZERO_IS_OFF: bool = MIN > 0;

    fn wording() -> String {
        format!("a whole number, {MIN} to {MAX}")
    }
}
