//! The name of a run, which all of its messages carry.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Eight random octets that tell the messages of one run from those of any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RunId(u64);

impl RunId {
    /// How long its text is, in octets.
    pub const TEXT_LENGTH: usize = 16;

    /// A new one.
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// One that is the same every time, from a seed.
    pub fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// What arrivals, contents and addresses are derived from where a plan sets no seed.
    pub fn seed(self) -> u64 {
        self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.to_string()
    }
}

/// Text that is no name of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a run is named by 16 lower-case hexadecimal digits")]
pub struct NoRunId;

impl FromStr for RunId {
    type Err = NoRunId;

    fn from_str(text: &str) -> Result<Self, NoRunId> {
        let hexadecimal = |octet: u8| octet.is_ascii_digit() || (b'a'..=b'f').contains(&octet);
        if text.len() != Self::TEXT_LENGTH || !text.bytes().all(hexadecimal) {
            return Err(NoRunId);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| NoRunId)
    }
}

impl TryFrom<String> for RunId {
    type Error = NoRunId;

    fn try_from(text: String) -> Result<Self, NoRunId> {
        text.parse()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let id = RunId::from_seed(0xab);
        assert_eq!(id.to_string(), "00000000000000ab");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn anything_else_is_none() {
        for text in [
            "",
            "ab",
            "00000000000000AB",
            "+0000000000000ab",
            "00000000000000abc",
        ] {
            assert_eq!(text.parse::<RunId>(), Err(NoRunId), "{text}");
        }
    }
}
