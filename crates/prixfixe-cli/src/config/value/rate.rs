//! Bytes per second: `500B/s`.

use std::fmt;
use std::str::FromStr;

use super::TextSetting;
use super::size::{ByteSize, SizeError};

/// A number of bytes per second, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate(ByteSize<1>);

impl Rate {
    /// Bytes in each second.
    pub(crate) fn bytes_per_second(self) -> u64 {
        self.0.get()
    }
}

/// Why a text is not a rate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RateError {
    /// It does not end in `/s`.
    #[error("{0:?} is not a rate; write bytes per second, such as \"500B/s\"")]
    NotPerSecond(String),
    /// What stands before is not a size.
    #[error(transparent)]
    Size(#[from] SizeError),
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let size = text.strip_suffix("/s");
        let size = size.ok_or_else(|| RateError::NotPerSecond(text.to_owned()))?;
        Ok(Self(size.parse()?))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/s", self.0)
    }
}

impl TextSetting for Rate {
    const ZERO_IS_OFF: bool = true;

    fn wording() -> String {
        "a rate, such as \"500B/s\"".to_owned()
    }
}
