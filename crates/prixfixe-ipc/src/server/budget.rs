//! What one client process may have the server keep for its streams and long messages.

use std::cell::Cell;
use std::rc::Rc;

use super::lent::MAX_LENT_PER_CLIENT;

/// Shared by the channels of a process.
#[derive(Debug)]
pub(super) struct Budget {
    streams_left: Cell<usize>,
    octets_left: Cell<usize>,
    lent_left: Cell<usize>,
    /// Of all clients.
    lent_of_all: Rc<Cell<usize>>,
}

/// A part of a budget, which goes back when this is dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Rc<Budget>,
    streams: usize,
    octets: usize,
    lent: usize,
}

impl Budget {
    /// For so many streams and octets. Of pieces of memory that are lent, `lent_of_all` counts what
    /// there may be of all clients.
    pub(super) fn new(streams: usize, octets: usize, lent_of_all: &Rc<Cell<usize>>) -> Rc<Self> {
        Rc::new(Self {
            streams_left: Cell::new(streams),
            octets_left: Cell::new(octets),
            lent_left: Cell::new(MAX_LENT_PER_CLIENT),
            lent_of_all: Rc::clone(lent_of_all),
        })
    }

    /// For a stream that may come to hold so many octets. `None` when there is not that much left.
    pub(super) fn stream(self: &Rc<Self>, octets: usize) -> Option<Share> {
        self.take(1, octets, 0)
    }

    /// For a long call, likewise. It holds up no handler, so it does not count as a stream.
    pub(super) fn long_call(self: &Rc<Self>, octets: usize) -> Option<Share> {
        self.take(0, octets, 0)
    }

    /// For memory of so many octets that was lent and whose call has not come.
    pub(super) fn lent(self: &Rc<Self>, octets: usize) -> Option<Share> {
        self.take(0, octets, 1)
    }

    fn take(self: &Rc<Self>, streams: usize, octets: usize, lent: usize) -> Option<Share> {
        let streams_left = self.streams_left.get().checked_sub(streams)?;
        let octets_left = self.octets_left.get().checked_sub(octets)?;
        let lent_left = self.lent_left.get().checked_sub(lent)?;
        let lent_of_all = self.lent_of_all.get().checked_sub(lent)?;
        self.lent_left.set(lent_left);
        self.lent_of_all.set(lent_of_all);
        self.streams_left.set(streams_left);
        self.octets_left.set(octets_left);
        Some(Share {
            budget: Rc::clone(self),
            streams,
            octets,
            lent,
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let Budget {
            streams_left,
            octets_left,
            lent_left,
            lent_of_all,
        } = &*self.budget;
        lent_left.set(lent_left.get() + self.lent);
        lent_of_all.set(lent_of_all.get() + self.lent);
        streams_left.set(streams_left.get() + self.streams);
        octets_left.set(octets_left.get() + self.octets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_can_be_had_again_and_no_more() {
        let budget = Budget::new(2, 100, &Rc::new(Cell::new(0)));
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

    #[test]
    fn what_is_lent_counts_for_its_client_and_for_all() {
        let all = Rc::new(Cell::new(MAX_LENT_PER_CLIENT + 1));
        let one = Budget::new(0, 1000, &all);
        let other = Budget::new(0, 1000, &all);
        let shares: Vec<_> = (0..MAX_LENT_PER_CLIENT).map(|_| one.lent(1)).collect();
        assert!(shares.iter().all(Option::is_some));
        assert!(one.lent(1).is_none(), "too many of one client");
        let last = other.lent(1);
        assert!(last.is_some());
        assert!(other.lent(1).is_none(), "too many of all clients");
        drop(shares);
        assert!(other.lent(1000).is_none(), "too many octets");
        assert!(other.lent(999).is_some());
    }
}
