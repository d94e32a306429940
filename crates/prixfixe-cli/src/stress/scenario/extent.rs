//! How much of a scenario is carried out.

use std::time::Duration;

/// How much: all of it, unless flags say otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Extent {
    /// Messages, connections and times are this many times what they are in the table.
    pub(super) scale: f64,
    /// The length in all, where a scenario has one.
    pub(super) duration: Option<Duration>,
}

impl Extent {
    /// So many of a number, but at least one.
    pub(super) fn of(self, count: u64) -> u64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "counts of a scenario, at most a thousand times a table's"
        )]
        let scaled = (count as f64 * self.scale).round() as u64;
        scaled.max(1)
    }

    /// A part of a scenario whose parts last `all` together.
    pub(super) fn time_of(self, part: Duration, all: Duration) -> Duration {
        match self.duration {
            Some(duration) => duration.mul_f64(part.as_secs_f64() / all.as_secs_f64()),
            None => part.mul_f64(self.scale),
        }
    }
}

/// A factor between a thousandth and a thousand.
pub(super) fn factor(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if (0.001..=1000.0).contains(&factor) => Ok(factor),
        _ => Err("a number from 0.001 to 1000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_scaled_and_nothing_vanishes() {
        let tenth = Extent {
            scale: 0.1,
            duration: None,
        };
        assert_eq!((tenth.of(5000), tenth.of(3)), (500, 1));
        let (part, all) = (Duration::from_secs(30), Duration::from_secs(90));
        assert_eq!(tenth.time_of(part, all), Duration::from_secs(3));
        let nine = Extent {
            scale: 1.0,
            duration: Some(Duration::from_secs(9)),
        };
        assert_eq!(nine.time_of(part, all), Duration::from_secs(3));
        for text in ["0", "-1", "NaN", "1001", "x"] {
            assert!(factor(text).is_err(), "{text}");
        }
    }
}
