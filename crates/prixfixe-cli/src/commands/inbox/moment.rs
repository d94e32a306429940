//! A point in time, as a person writes it.

use std::str::FromStr;
use std::time::SystemTime;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use crate::config::Duration;

/// A point in time, or a whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// To the second or finer.
    At(Timestamp),
    /// A day where this program runs.
    Day(Date),
}

impl Moment {
    /// When it begins.
    pub(super) fn start(self) -> SystemTime {
        match self {
            Self::At(timestamp) => timestamp.into(),
            Self::Day(day) => midnight(day),
        }
    }

    /// When it is over.
    pub(super) fn end(self) -> SystemTime {
        match self {
            Self::At(timestamp) => timestamp.into(),
            Self::Day(day) => midnight(day.tomorrow().unwrap_or(Date::MAX)),
        }
    }
}

/// Why a text is not a point in time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MomentError {
    /// Neither of the forms.
    #[error(
        "not a time; write 2026-01-31, 2026-01-31T08:00, 2026-01-31T08:00:00Z, or 2h or 3d for so long ago"
    )]
    Malformed,
    /// A length of time with a fault.
    #[error(transparent)]
    Duration(#[from] <Duration as FromStr>::Err),
    /// A time that does not exist here.
    #[error("{0}")]
    OutOfRange(#[from] jiff::Error),
}

impl FromStr for Moment {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Self, MomentError> {
        let text = text.trim();
        if let Ok(timestamp) = text.parse() {
            return Ok(Self::At(timestamp));
        }
        // A date with a time would be taken for a date alone, so that is asked for last.
        if text.contains(['T', ' ', ':'])
            && let Ok(local) = text.parse::<DateTime>()
        {
            return Ok(Self::At(local.to_zoned(TimeZone::system())?.timestamp()));
        }
        if text.contains('-') {
            let date = text.parse().map(Self::Day);
            return date.map_err(|_| MomentError::Malformed);
        }
        if !text.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(MomentError::Malformed);
        }
        let text = text.strip_suffix("ago").unwrap_or(text);
        let ago = text.parse::<Duration>()?.get();
        let ago = SignedDuration::try_from(ago)?;
        Ok(Self::At(Timestamp::now().checked_sub(ago)?))
    }
}

fn midnight(day: Date) -> SystemTime {
    // Fails only in the year 9999, whose last day is as good as the end of time.
    let zoned = day.to_zoned(TimeZone::system());
    zoned.map_or_else(
        |_| Timestamp::MAX.into(),
        |zoned: Zoned| zoned.timestamp().into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_in_time_are_read() {
        let at = |text: &str| Moment::At(text.parse().unwrap());
        let check = |text: &str, moment: Moment| {
            assert_eq!(text.parse::<Moment>().unwrap(), moment, "{text}");
        };
        check("2026-01-31T08:00:00Z", at("2026-01-31T08:00:00Z"));
        check("2026-01-31T08:00:00.5+01:00", at("2026-01-31T07:00:00.5Z"));
        check("2026-01-31", Moment::Day(Date::constant(2026, 1, 31)));
        let zone = TimeZone::system();
        for text in [
            "2026-01-31T08:15",
            "2026-01-31 08:15",
            "2026-01-31T08:15:00",
        ] {
            let local = Date::constant(2026, 1, 31).at(8, 15, 0, 0);
            check(
                text,
                Moment::At(local.to_zoned(zone.clone()).unwrap().timestamp()),
            );
        }
    }

    #[test]
    fn lengths_of_time_count_back_from_now() {
        for (text, seconds) in [("2h", 7200), ("3d", 259_200), ("1h30m ago", 5400)] {
            let Moment::At(moment) = text.parse().unwrap() else {
                panic!("{text}")
            };
            let since = Timestamp::now().duration_since(moment).as_secs();
            assert!((seconds..seconds + 60).contains(&since), "{text}: {since}");
        }
    }

    #[test]
    fn a_day_lasts_until_the_next() {
        let day: Moment = "2026-01-31".parse().unwrap();
        let next: Moment = "2026-02-01".parse().unwrap();
        assert_eq!(day.end(), next.start());
        assert!(day.start() < day.end());
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "soon",
            "2026-13-01",
            "2026-01-31T25:00",
            "5",
            "5 weeks",
            "-2h",
        ] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
    }
}
