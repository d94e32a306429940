//! The name of an accepted message, and the one place that hands such names out.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The name of one accepted message: microseconds since 1970, and never the same one twice.
///
/// The text form is eleven Crockford base-32 digits, so names sort as text as they sort as
/// numbers, can be read over a telephone, and consist of `[0-9A-Z]` only, which the reply
/// `250 … id=` allows. It is written in upper case and read in either.
///
/// ```
/// use prixfixe_delivery::MessageId;
/// let id: MessageId = "01h5fybtda0".parse()?;
/// assert_eq!(id.to_string(), "01H5FYBTDA0");
/// # Ok::<(), prixfixe_delivery::ParseIdError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(i64);

impl MessageId {
    /// The greatest name: what eleven digits of five bits can hold, reached in the year 3111.
    pub const MAX: Self = Self((1 << (DIGITS * BITS_PER_DIGIT)) - 1);

    /// The number behind the name; always positive.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for MessageId {
    type Error = ParseIdError;

    fn try_from(number: i64) -> Result<Self, ParseIdError> {
        if (1..=Self::MAX.0).contains(&number) {
            Ok(Self(number))
        } else {
            Err(ParseIdError)
        }
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; DIGITS];
        let mut rest = self.0;
        for digit in text.iter_mut().rev() {
            *digit = ALPHABET[usize::from((rest & DIGIT_MASK).to_le_bytes()[0])];
            rest >>= BITS_PER_DIGIT;
        }
        f.pad(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for MessageId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        if text.len() != DIGITS {
            return Err(ParseIdError);
        }
        let mut number = 0;
        for byte in text.bytes() {
            let byte = byte.to_ascii_uppercase();
            let digit = ALPHABET
                .iter()
                .zip(0..)
                .find(|(letter, _)| **letter == byte);
            let (_, value) = digit.ok_or(ParseIdError)?;
            number = (number << BITS_PER_DIGIT) | value;
        }
        Self::try_from(number)
    }
}

/// The text or number is not the name of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a message id: eleven characters of 0-9 and A-Z without I, L, O and U")]
pub struct ParseIdError;

/// Hands out names, each greater than every one before it.
///
/// A name is the time of day, or one more than the last name where the clock has not moved on
/// or has stepped back. Whoever keeps messages remembers the greatest name it has seen, and
/// starts the sequence [`after`](Self::after) it, so names stay unique across restarts too.
#[derive(Debug)]
pub struct IdSequence {
    last: AtomicI64,
}

impl IdSequence {
    /// A sequence whose first name is greater than `last`.
    pub fn after(last: Option<MessageId>) -> Self {
        Self {
            last: AtomicI64::new(last.map_or(0, MessageId::get)),
        }
    }

    /// The next name, by the system's clock.
    pub fn next(&self) -> MessageId {
        self.next_at(SystemTime::now())
    }

    /// The next name if the clock shows `now`.
    pub fn next_at(&self, now: SystemTime) -> MessageId {
        let clock = trusted_microseconds(now);
        let step = |last: i64| clock.max(last.saturating_add(1)).min(MessageId::MAX.0);
        // Relaxed: the number is all that is shared; nothing else is published through it.
        let last = self.last.update(Ordering::Relaxed, Ordering::Relaxed, step);
        MessageId(step(last))
    }
}

/// The clock, or 1 where it shows a time that is not believed: one wild clock must not use up
/// the names, for then no later one could be greater.
fn trusted_microseconds(now: SystemTime) -> i64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
    if micros > MessageId::MAX.0 - RESERVED_IDS {
        1
    } else {
        micros.max(1)
    }
}

const DIGITS: usize = 11;
const BITS_PER_DIGIT: usize = 5;
const DIGIT_MASK: i64 = (1 << BITS_PER_DIGIT) - 1;
/// Names kept out of the clock's reach: a million a second for more than thirty years.
const RESERVED_IDS: i64 = 1 << 50;
const ALPHABET: &[u8; 1 << BITS_PER_DIGIT] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::*;

    #[test]
    fn text_and_number_are_inverse_and_sort_alike() {
        let numbers = [1, 31, 32, 1_700_000_000_000_000, MessageId::MAX.get()];
        let ids = numbers.map(|n| MessageId::try_from(n).unwrap());
        for id in ids {
            let text = id.to_string();
            assert_eq!(text.len(), 11);
            assert_eq!(text.parse(), Ok(id));
            assert_eq!(text.to_lowercase().parse(), Ok(id));
        }
        assert!(ids.map(|id| id.to_string()).is_sorted());
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "0",
            "00000000000",
            "0000000000U",
            "000000000001",
            "0000000000é",
            "-1",
        ] {
            assert_eq!(text.parse::<MessageId>(), Err(ParseIdError), "{text}");
        }
        for number in [i64::MIN, -1, 0, MessageId::MAX.get() + 1] {
            assert_eq!(MessageId::try_from(number), Err(ParseIdError), "{number}");
        }
    }

    #[test]
    fn ids_ascend_though_the_clock_goes_back_or_wild() {
        let ids = IdSequence::after(None);
        let noon = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let first = ids.next_at(noon);
        assert_eq!(first.get(), 1_800_000_000_000_000);
        let mut last = first;
        let hour = Duration::from_secs(3600);
        let year_9000 = UNIX_EPOCH + Duration::from_secs(221_845_392_000);
        for now in [
            noon,
            noon - hour,
            UNIX_EPOCH - hour,
            UNIX_EPOCH,
            year_9000,
            noon + hour,
        ] {
            let next = ids.next_at(now);
            assert!(next > last, "{next} after {last}");
            last = next;
        }
        assert_eq!(last.get(), 1_800_003_600_000_000);
        let resumed = IdSequence::after(Some(last));
        assert!(resumed.next_at(noon) > last);
    }

    #[test]
    fn ids_are_unique_across_threads() {
        let ids = IdSequence::after(None);
        let seen: Vec<Vec<MessageId>> = std::thread::scope(|scope| {
            let draw = || (0..2000).map(|_| ids.next()).collect();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(draw)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert!(seen.iter().all(|drawn| drawn.is_sorted()));
        let all: HashSet<_> = seen.into_iter().flatten().collect();
        assert_eq!(all.len(), 8000);
    }
}
