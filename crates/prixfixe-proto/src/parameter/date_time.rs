//! Dates as parameters write them.

use std::{fmt, str::FromStr, time::Duration};

use super::Malformed;

/// A moment, as RFC 3339 section 5.6 writes it: `2007-05-31T18:00:00Z`, or with an offset. What
/// is less than a second is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DateTime {
    /// Since the beginning of 1970, in universal time.
    seconds: i64,
}

impl DateTime {
    /// So many seconds behind the beginning of 1970; at most the end of the year 9999, and none
    /// before the year 0.
    pub fn from_unix(seconds: i64) -> Self {
        Self {
            seconds: seconds.clamp(FIRST_SECOND, LAST_SECOND),
        }
    }

    /// Seconds since the beginning of 1970; below zero for what is before.
    pub fn unix(self) -> i64 {
        self.seconds
    }

    /// So much later.
    pub(crate) fn after(self, time: Duration) -> Self {
        let seconds = i64::try_from(time.as_secs()).unwrap_or(LAST_SECOND);
        Self::from_unix(self.seconds.saturating_add(seconds))
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.seconds.div_euclid(DAY));
        let second = self.seconds.rem_euclid(DAY);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

/// ```abnf
/// date-time    = full-date "T" full-time
/// full-date    = 4DIGIT "-" 2DIGIT "-" 2DIGIT
/// full-time    = 2DIGIT ":" 2DIGIT ":" 2DIGIT ["." 1*DIGIT] time-offset
/// time-offset  = "Z" / ("+" / "-") 2DIGIT ":" 2DIGIT
/// ```
impl FromStr for DateTime {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut text = Scanner(text.as_bytes());
        let year = text.number(4)?;
        text.expect(b"-")?;
        let month = text.number(2)?;
        text.expect(b"-")?;
        let day = text.number(2)?;
        text.expect(b"Tt")?;
        let hour = text.number(2)?;
        text.expect(b":")?;
        let minute = text.number(2)?;
        text.expect(b":")?;
        let second = text.number(2)?;
        if text.expect(b".").is_ok() {
            text.number(1)?;
            while text.number(1).is_ok() {}
        }
        let offset = text.offset()?;
        let date_ok = (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
        // 60 is a leap second; which ones there are is announced from year to year.
        if !text.0.is_empty() || !date_ok || hour > 23 || minute > 59 || second > 60 {
            return Err(Malformed);
        }
        let of_day = hour * 3600 + minute * 60 + second;
        Ok(Self::from_unix(
            days(year, month, day) * DAY + of_day - offset,
        ))
    }
}

/// What is left of a text.
struct Scanner<'t>(&'t [u8]);

impl Scanner<'_> {
    fn number(&mut self, digits: usize) -> Result<i64, Malformed> {
        let (number, rest) = self.0.split_at_checked(digits).ok_or(Malformed)?;
        if !number.iter().all(u8::is_ascii_digit) {
            return Err(Malformed);
        }
        self.0 = rest;
        Ok(number
            .iter()
            .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
    }

    /// One of these octets.
    fn expect(&mut self, octets: &[u8]) -> Result<u8, Malformed> {
        match self.0.split_first() {
            Some((first, rest)) if octets.contains(first) => {
                self.0 = rest;
                Ok(*first)
            }
            _ => Err(Malformed),
        }
    }

    /// Seconds east of Greenwich.
    fn offset(&mut self) -> Result<i64, Malformed> {
        let sign = match self.expect(b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => return Ok(0),
        };
        let hours = self.number(2)?;
        self.expect(b":")?;
        let minutes = self.number(2)?;
        if hours > 23 || minutes > 59 {
            return Err(Malformed);
        }
        Ok(sign * (hours * 3600 + minutes * 60))
    }
}

/// Seconds of a day.
const DAY: i64 = 86_400;
/// 0000-01-01T00:00:00Z.
const FIRST_SECOND: i64 = -62_167_219_200;
/// 9999-12-31T23:59:59Z.
const LAST_SECOND: i64 = 253_402_300_799;

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from the beginning of 1970 to a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // A year that begins in March has its leap day at the end.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // Five months from March on have 153 days.
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - DAYS_TO_1970
}

/// The date so many days behind the beginning of 1970; the inverse of [`days`].
fn civil(days_since: i64) -> (i64, i64, i64) {
    let days_since = days_since + DAYS_TO_1970;
    let (era, of_era) = (days_since.div_euclid(ERA), days_since.rem_euclid(ERA));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / (ERA - 1)) / 365;
    let of_year = of_era - (year * 365 + year / 4 - year / 100);
    let month = (of_year * 5 + 2) / 153;
    let day = of_year - (month * 153 + 2) / 5 + 1;
    let year = era * 400 + year;
    if month < 10 {
        (year, month + 3, day)
    } else {
        (year + 1, month - 9, day)
    }
}

/// Days from the first of March of the year 0 to the beginning of 1970.
const DAYS_TO_1970: i64 = 719_468;
/// Days of 400 years, after which the calendar repeats.
const ERA: i64 = 146_097;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1985-04-12T23:20:50.52Z", 482_196_050),
            ("1996-12-19T16:39:57-08:00", 851_042_397),
            ("1990-12-31T23:59:60Z", 662_688_000),
            ("2000-02-29t12:00:00z", 951_825_600),
            ("0000-01-01T00:00:00Z", FIRST_SECOND),
            ("9999-12-31T23:59:59Z", LAST_SECOND),
        ] {
            assert_eq!(text.parse(), Ok(DateTime { seconds }), "{text}");
        }
        for bad in [
            "",
            "2007-05-31",
            "2007-05-31 18:00:00Z",
            "2007-05-31T18:00:00",
            "2007-05-31T18:00Z",
            "2007-05-31T18:00:00.Z",
            "2007-05-31T18:00:00ZZ",
            "2007-13-01T00:00:00Z",
            "2007-00-01T00:00:00Z",
            "2007-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2007-05-31T24:00:00Z",
            "2007-05-31T18:60:00Z",
            "2007-05-31T18:00:61Z",
            "2007-05-31T18:00:00+24:00",
            "2007-05-31T18:00:00+0100",
            "+007-05-31T18:00:00Z",
            "20070-5-31T18:00:00Z",
        ] {
            assert_eq!(bad.parse::<DateTime>(), Err(Malformed), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(seconds in FIRST_SECOND..=LAST_SECOND) {
            let moment = DateTime { seconds };
            prop_assert_eq!(moment.to_string().parse(), Ok(moment));
        }

        #[test]
        fn no_text_panics(text in "[0-9TZ:+.-]{0,30}") {
            let _ = text.parse::<DateTime>();
        }
    }
}
