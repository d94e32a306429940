//! How large messages are.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The size of a message in octets, its header included and dots not doubled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u64", try_from = "u64")]
pub struct MessageSize(u64);

impl MessageSize {
    /// 1 KB.
    pub const SMALL: Self = Self(1 << 10);
    /// 10 KB.
    pub const MEDIUM: Self = Self(10 << 10);
    /// 100 KB.
    pub const LARGE: Self = Self(100 << 10);
    /// 1 MB.
    pub const XLARGE: Self = Self(1 << 20);
    /// The smallest: header, label and the line that ends a message must have room.
    pub const LEAST: Self = Self(512);
    /// The largest: a content is prepared in memory.
    pub const MOST: Self = Self(1 << 30);

    /// A size between [`MessageSize::LEAST`] and [`MessageSize::MOST`].
    pub fn new(octets: u64) -> Result<Self, SizeError> {
        if !(Self::LEAST.0..=Self::MOST.0).contains(&octets) {
            return Err(SizeError::OutOfRange(octets));
        }
        Ok(Self(octets))
    }

    /// In octets.
    pub fn octets(self) -> u64 {
        self.0
    }
}

impl From<MessageSize> for u64 {
    fn from(size: MessageSize) -> Self {
        size.0
    }
}

impl TryFrom<u64> for MessageSize {
    type Error = SizeError;

    fn try_from(octets: u64) -> Result<Self, SizeError> {
        Self::new(octets)
    }
}

/// `small`, `medium`, `large`, `xlarge`, or octets as `10240`, `10KiB`, `1MiB`.
impl FromStr for MessageSize {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        match text {
            "small" => return Ok(Self::SMALL),
            "medium" => return Ok(Self::MEDIUM),
            "large" => return Ok(Self::LARGE),
            "xlarge" => return Ok(Self::XLARGE),
            _ => {}
        }
        let octets =
            octets_from_text(text).ok_or_else(|| SizeError::Unreadable(text.to_owned()))?;
        Self::new(octets)
    }
}

/// Octets as people write them: `10240`, `10KiB`, `8 MiB`, `1GiB`.
pub(crate) fn octets_from_text(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim_start() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// As people write it: `10 KiB`, `1500 B`.
impl fmt::Display for MessageSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
            if self.0 >= unit && self.0.is_multiple_of(unit) {
                return write!(formatter, "{} {name}", self.0 / unit);
            }
        }
        write!(formatter, "{} B", self.0)
    }
}

/// Sizes in shares, as `mix:small=8,large=2`; one size alone is a mix too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizeMix(Vec<Share>);

/// One size of a mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The size.
    pub size: MessageSize,
    /// How many of the sum of all weights have it.
    pub weight: u32,
}

impl SizeMix {
    /// The most sizes of a mix: each has contents of its own in memory.
    pub const MOST_SIZES: usize = 16;

    /// All messages of one size.
    pub fn only(size: MessageSize) -> Self {
        Self(vec![Share { size, weight: 1 }])
    }

    /// Its sizes.
    pub fn shares(&self) -> &[Share] {
        &self.0
    }
}

impl FromStr for SizeMix {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let Some(list) = text.strip_prefix("mix:") else {
            return text.parse().map(Self::only);
        };
        let shares: Vec<Share> = list
            .split(',')
            .map(|part| {
                let (size, weight) = part.split_once('=').unwrap_or((part, "1"));
                let unreadable = || SizeError::Unreadable(part.to_owned());
                let weight = weight.parse().map_err(|_| unreadable())?;
                if weight == 0 {
                    return Err(unreadable());
                }
                let size = size.parse()?;
                Ok(Share { size, weight })
            })
            .collect::<Result<_, SizeError>>()?;
        if shares.len() > Self::MOST_SIZES {
            return Err(SizeError::TooMany);
        }
        Ok(Self(shares))
    }
}

impl fmt::Display for SizeMix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = &self.0[..] {
            return only.size.fmt(formatter);
        }
        let parts: Vec<String> = self
            .0
            .iter()
            .map(|share| format!("{} × {}", share.weight, share.size))
            .collect();
        formatter.write_str(&parts.join(", "))
    }
}

/// A size that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// Not a size at all.
    #[error("{0:?} is no size; write small, medium, large, xlarge, 10KiB, or mix:small=8,large=2")]
    Unreadable(String),
    /// Too small for header and label, or too large to prepare.
    #[error("a message has 512 octets to 1 GiB, not {0}")]
    OutOfRange(u64),
    /// More sizes than are kept in memory.
    #[error("a mix has at most {} sizes", SizeMix::MOST_SIZES)]
    TooMany,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn names_numbers_and_units() {
        for (text, octets) in [
            ("small", 1024),
            ("10KiB", 10240),
            ("1MiB", 1 << 20),
            ("1500", 1500),
        ] {
            assert_eq!(
                text.parse::<MessageSize>().unwrap().octets(),
                octets,
                "{text}"
            );
        }
        for text in [
            "",
            "KiB",
            "10kb",
            "-1",
            "511",
            "2GiB",
            "99999999999999999999",
        ] {
            assert!(text.parse::<MessageSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_mix_has_weights() {
        let mix: SizeMix = "mix:small=8,100KiB".parse().unwrap();
        assert_eq!(
            mix.shares(),
            [
                Share {
                    size: MessageSize::SMALL,
                    weight: 8
                },
                Share {
                    size: MessageSize::LARGE,
                    weight: 1
                },
            ]
        );
        assert_eq!(mix.to_string(), "8 × 1 KiB, 1 × 100 KiB");
        assert_eq!("medium".parse::<SizeMix>().unwrap().to_string(), "10 KiB");
        assert!("mix:".parse::<SizeMix>().is_err());
        assert!("mix:small=0".parse::<SizeMix>().is_err());
    }
}
