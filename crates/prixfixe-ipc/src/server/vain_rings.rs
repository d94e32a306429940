//! Who rings a doorbell again and again and has nothing to say.

use std::time::{Duration, Instant};

/// Rings of one domain that led to nothing.
///
/// Honest ones do so, too: who waits for a reply or an item rings a server that sleeps, in case that it has
/// missed a request. But they come after a while of waiting. So it is the pace that counts, not the number.
#[derive(Debug)]
pub(super) struct VainRings {
    /// The first of those that are counted.
    since: Option<Instant>,
    count: u32,
    /// How many are counted until their pace is looked at.
    limit: u32,
}

/// Rings that are put up with before they are a storm.
const LIMIT: u32 = 64;
/// How many, right after a storm.
const LIMIT_ON_PAROLE: u32 = 2;
/// Rings in vain that follow each other sooner are a storm. A server that is woken at this pace has most of
/// its time left, and who waits for it spins for longer before he rings.
const APART: Duration = Duration::from_micros(30);

impl Default for VainRings {
    fn default() -> Self {
        Self {
            since: None,
            count: 0,
            limit: LIMIT,
        }
    }
}

impl VainRings {
    /// One more. Whether this is a storm.
    pub(super) fn note(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        self.count += 1;
        if self.count < self.limit {
            return false;
        }
        let storm = now.saturating_duration_since(since) < APART * (self.count - 1);
        *self = Self {
            limit: if storm { LIMIT_ON_PAROLE } else { LIMIT },
            ..Self::default()
        };
        storm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of the first ring that made a storm, among so many that are `apart`.
    fn first_storm(rings: &mut VainRings, count: u32, apart: Duration) -> Option<u32> {
        let start = Instant::now();
        (1..=count).find(|ring| rings.note(start + apart * *ring))
    }

    #[test]
    fn rings_that_follow_each_other_at_once_are_a_storm() {
        let mut rings = VainRings::default();
        let apart = Duration::from_micros(15);
        assert_eq!(first_storm(&mut rings, 1000, apart), Some(LIMIT));
        assert_eq!(first_storm(&mut rings, 1000, apart), Some(LIMIT_ON_PAROLE));
    }

    #[test]
    fn those_of_who_waits_are_none_however_many_they_are() {
        let mut rings = VainRings::default();
        let apart = Duration::from_micros(45);
        assert_eq!(first_storm(&mut rings, 10_000, apart), None);
    }

    #[test]
    fn who_was_a_storm_and_stops_has_all_of_the_limit_again() {
        let mut rings = VainRings::default();
        assert!(first_storm(&mut rings, 1000, Duration::ZERO).is_some());
        let apart = Duration::from_micros(45);
        assert_eq!(first_storm(&mut rings, LIMIT_ON_PAROLE, apart), None);
        let again = first_storm(&mut rings, 1000, Duration::ZERO);
        assert_eq!(again, Some(LIMIT));
    }
}
