//! The deadlines of a client's calls: when to look at them, without a look at each, and what is late then.

use std::time::{Duration, Instant};

use super::places::Due;
use super::state::State;
use crate::outcome::Cause;

/// What is known of all of them together.
#[derive(Default)]
pub(super) struct Deadlines {
    /// No call whose time counts is late before this; `None` where there is no such call.
    earliest: Option<Instant>,
    /// The shortest time of those calls whose time does not count yet.
    shortest: Option<Duration>,
    /// When that was first asked for.
    uncounted_since: Option<Instant>,
}

/// At which clients' deadlines the driver looks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// At those of all: it is about to sleep.
    All,
    /// Where calls may be late.
    Due,
}

/// The time of a call starts to count late by one part in so many of it, and the millisecond between two
/// looks: most calls are over before anybody has read the clock for them.
const PARTS: u32 = 1000;

impl Deadlines {
    /// A call was sent.
    pub(super) fn add(&mut self, due: &Due) {
        match due.at {
            Some(at) => self.earliest = Some(self.earliest.map_or(at, |earliest| earliest.min(at))),
            None => {
                let shortest = self.shortest.unwrap_or(due.timeout);
                self.shortest = Some(shortest.min(due.timeout));
            }
        }
    }

    /// Whether calls may be late at `now`, or their time should begin to count.
    pub(super) fn are_due(&mut self, now: Instant) -> bool {
        if self.earliest.is_some_and(|earliest| earliest <= now) {
            return true;
        }
        self.shortest.is_some_and(|shortest| {
            let since = *self.uncounted_since.get_or_insert(now);
            now.duration_since(since) >= shortest / PARTS
        })
    }

    /// All calls were looked at: the time of each counts, and `earliest` is the first deadline.
    pub(super) fn set(&mut self, earliest: Option<Instant>) {
        *self = Self {
            earliest,
            ..Self::default()
        };
    }
}

impl State {
    /// Ends what is late at `now`. Returns the next deadline, if that was looked for.
    pub(super) fn expire(&mut self, now: Instant, look: Look) -> Option<Instant> {
        if look == Look::Due && !self.places().deadlines().are_due(now) {
            return None;
        }
        let next = self.end_late(now);
        self.places().deadlines().set(next);
        next
    }

    fn end_late(&mut self, now: Instant) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        let mut late = false;
        let mut open = self.places().open();
        for index in self.places().indexes() {
            if open == 0 {
                break;
            }
            if self.places().slot(index).is_some() {
                open -= 1;
                let at = self.places().due(index).at(now);
                late |= at <= now;
                next = Some(next.map_or(at, |next| next.min(at)));
            }
        }
        if !late {
            return next;
        }
        // A reply that is there counts, however late its caller asks.
        let _ = self.drain_all();
        for index in self.places().indexes() {
            if let Some(slot) = self.places().slot(index)
                && self.places().due(index).at(now) <= now
            {
                self.end_open(index, slot, Cause::Deadline);
            }
        }
        let places = &*self.places();
        let open = places.open_places().map(|(index, _)| index);
        open.filter_map(|index| places.deadline(index)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn due(timeout: Duration, at: Option<Instant>) -> Due {
        Due { timeout, at }
    }

    #[test]
    fn calls_are_looked_at_when_the_first_of_them_is_late() {
        let now = Instant::now();
        let mut deadlines = Deadlines::default();
        assert!(!deadlines.are_due(now), "there are none");
        deadlines.add(&due(SECOND, Some(now + 2 * SECOND)));
        deadlines.add(&due(SECOND, Some(now + SECOND)));
        assert!(!deadlines.are_due(now));
        assert!(deadlines.are_due(now + SECOND));
        deadlines.set(Some(now + 2 * SECOND));
        assert!(!deadlines.are_due(now + SECOND));
        assert!(deadlines.are_due(now + 2 * SECOND));
    }

    #[test]
    fn the_time_of_a_call_begins_to_count_within_a_thousandth_of_it() {
        let now = Instant::now();
        let mut deadlines = Deadlines::default();
        deadlines.add(&due(30 * SECOND, None));
        deadlines.add(&due(10 * SECOND, None));
        assert!(!deadlines.are_due(now));
        assert!(!deadlines.are_due(now + Duration::from_millis(9)));
        assert!(deadlines.are_due(now + Duration::from_millis(10)));
        deadlines.set(Some(now + 10 * SECOND));
        assert!(!deadlines.are_due(now + SECOND), "all of them count");
        deadlines.add(&due(Duration::ZERO, None));
        assert!(deadlines.are_due(now + SECOND));
    }
}
