//! When, and how urgently, a message is delivered: DELIVERBY (RFC 2852), FUTURERELEASE (RFC 4865)
//! and MT-PRIORITY (RFC 6710).

use std::{str::FromStr, time::Duration};

use super::{DateTime, Malformed};

/// `BY=`: until when a message is wanted there (RFC 2852 section 4).
///
/// ```abnf
/// by-value = by-time ";" by-mode [by-trace]
/// by-time  = ["-" / "+"] 1*9DIGIT
/// by-mode  = "N" / "R"
/// by-trace = "T"
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliverBy {
    /// Seconds from now; below zero if the time has passed already, which
    /// [`OnExpiry::Return`] never has.
    pub seconds: i32,
    /// What becomes of the message then.
    pub on_expiry: OnExpiry,
    /// The sender wants to hear of each relay.
    pub trace: bool,
}

/// What becomes of a message that is not delivered in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnExpiry {
    /// `R`: it goes back.
    Return,
    /// `N`: the sender is told, and delivery goes on.
    Notify,
}

impl FromStr for DeliverBy {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (time, mode) = text.split_once(';').ok_or(Malformed)?;
        let digits = time.strip_prefix(['-', '+']).unwrap_or(time);
        let seconds = i32::try_from(number(digits)?).map_err(|_| Malformed)?;
        let seconds = if time.starts_with('-') {
            -seconds
        } else {
            seconds
        };
        let (on_expiry, trace) = match mode.as_bytes() {
            [b'R' | b'r', trace @ ..] => (OnExpiry::Return, trace),
            [b'N' | b'n', trace @ ..] => (OnExpiry::Notify, trace),
            _ => return Err(Malformed),
        };
        let trace = match trace {
            [] => false,
            [b'T' | b't'] => true,
            _ => return Err(Malformed),
        };
        if on_expiry == OnExpiry::Return && seconds <= 0 {
            return Err(Malformed);
        }
        Ok(Self {
            seconds,
            on_expiry,
            trace,
        })
    }
}

/// `HOLDFOR=` or `HOLDUNTIL=`: until when a message is held back (RFC 4865 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hold {
    /// For so long from now on.
    For(Duration),
    /// Until then.
    Until(DateTime),
}

impl Hold {
    pub(crate) fn seconds(text: &str) -> Result<Self, Malformed> {
        let seconds = number(text)?;
        Ok(Self::For(Duration::from_secs(seconds.into())))
    }

    pub(crate) fn until(text: &str) -> Result<Self, Malformed> {
        text.parse().map(Self::Until)
    }
}

/// `MT-PRIORITY=`: how urgent a message is, from -9 to 9 (RFC 6710 section 5).
///
/// ```abnf
/// priority-value = (["-"] %x31-39) / "0"
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority(i8);

impl Priority {
    /// -9 to 9; the more, the more urgent.
    pub fn get(self) -> i8 {
        self.0
    }
}

impl FromStr for Priority {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        match *text.as_bytes() {
            [digit @ b'0'..=b'9'] => Ok(Self((digit - b'0').cast_signed())),
            [b'-', digit @ b'1'..=b'9'] => Ok(Self(-(digit - b'0').cast_signed())),
            _ => Err(Malformed),
        }
    }
}

/// `1*9DIGIT`
fn number(text: &str) -> Result<u32, Malformed> {
    if text.len() > 9 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Malformed);
    }
    text.parse().map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deliver_by() {
        let by = |seconds, on_expiry, trace| {
            Ok(DeliverBy {
                seconds,
                on_expiry,
                trace,
            })
        };
        assert_eq!("120;R".parse(), by(120, OnExpiry::Return, false));
        assert_eq!("+1;rt".parse(), by(1, OnExpiry::Return, true));
        assert_eq!(
            "-999999999;NT".parse(),
            by(-999_999_999, OnExpiry::Notify, true)
        );
        assert_eq!("0;N".parse(), by(0, OnExpiry::Notify, false));
        for bad in [
            "0;R",
            "-1;R",
            "120",
            "120;",
            "120;X",
            "120;RX",
            "120;RTT",
            ";R",
            "+;N",
            "-+1;N",
            "1000000000;R",
            "1 ;R",
            "1;R;T",
        ] {
            assert_eq!(bad.parse::<DeliverBy>(), Err(Malformed), "{bad}");
        }
    }

    #[test]
    fn priorities() {
        for value in -9..=9 {
            assert_eq!(value.to_string().parse(), Ok(Priority(value)));
        }
        for bad in ["", "-", "-0", "+1", "10", "-10", "00", "a"] {
            assert_eq!(bad.parse::<Priority>(), Err(Malformed), "{bad}");
        }
    }

    #[test]
    fn holds() {
        assert_eq!(Hold::seconds("60"), Ok(Hold::For(Duration::from_secs(60))));
        assert!(matches!(
            Hold::until("2030-01-01T00:00:00Z"),
            Ok(Hold::Until(_))
        ));
        for bad in ["", "-1", "+1", "1.5", "1000000000"] {
            assert_eq!(Hold::seconds(bad), Err(Malformed), "{bad}");
        }
    }
}
