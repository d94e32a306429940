//! What one client process may have the server keep for its streams and long messages.

use std::cell::Cell;
use std::rc::Rc;

/// Shared by the channels of a process.
#[derive(Debug)]
pub(super) struct Budget {
    streams_left: Cell<usize>,
    octets_left: Cell<usize>,
}

/// A part of a budget, which goes back when this is dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Rc<Budget>,
    streams: usize,
    octets: usize,
}

impl Budget {
    pub(super) fn new(streams: usize, octets: usize) -> Rc<Self> {
        Rc::new(Self {
            streams_left: Cell::new(streams),
            octets_left: Cell::new(octets),
        })
    }

    /// For a stream that may come to hold so many octets. `None` when there is not that much left.
    pub(super) fn stream(self: &Rc<Self>, octets: usize) -> Option<Share> {
        self.take(1, octets)
    }

    /// For a long call, likewise. It holds up no handler, so it does not count as a stream.
    pub(super) fn long_call(self: &Rc<Self>, octets: usize) -> Option<Share> {
        self.take(0, octets)
    }

    fn take(self: &Rc<Self>, streams: usize, octets: usize) -> Option<Share> {
        let streams_left = self.streams_left.get().checked_sub(streams)?;
        let octets_left = self.octets_left.get().checked_sub(octets)?;
        self.streams_left.set(streams_left);
        self.octets_left.set(octets_left);
        Some(Share {
            budget: Rc::clone(self),
            streams,
            octets,
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let Budget {
            streams_left,
            octets_left,
        } = &*self.budget;
        streams_left.set(streams_left.get() + self.streams);
        octets_left.set(octets_left.get() + self.octets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_can_be_had_again_and_no_more() {
        let budget = Budget::new(2, 100);
        let first = budget.stream(60).unwrap();
        assert!(budget.stream(41).is_none(), "too many octets");
        let second = budget.stream(40).unwrap();
        assert!(budget.stream(0).is_none(), "too many streams");
        assert!(budget.long_call(0).is_some());
        drop(first);
        assert!(budget.stream(61).is_none());
        let again = budget.stream(60).unwrap();
        drop((second, again));
        assert!(budget.long_call(101).is_none());
        assert!(budget.long_call(100).is_some());
    }
}
