//! The point of no return of a message.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

/// Settles, once, whether a message is being committed or was given up.
///
/// The server drops the future of [`Handler::message`](crate::Handler::message) at a deadline and
/// tells the client 451. A store that commits in another thread calls [`enter`](Self::enter) just
/// before; if that says yes, the server waits for the verdict however long it takes, and if it
/// says no, the client was told 451 already and nothing may be stored.
#[derive(Debug, Clone)]
pub struct CommitPoint(Arc<AtomicU8>);

const OPEN: u8 = 0;
const ENTERED: u8 = 1;
const GIVEN_UP: u8 = 2;

impl CommitPoint {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU8::new(OPEN)))
    }

    /// Passes the point of no return; false if the message was given up before.
    pub fn enter(&self) -> bool {
        self.settle(ENTERED)
    }

    /// Gives the message up; false if it is past the point of no return.
    pub(crate) fn give_up(&self) -> bool {
        self.settle(GIVEN_UP)
    }

    fn settle(&self, outcome: u8) -> bool {
        // Only the one word is shared and nothing else is published through it, so that all see
        // one order of its changes is enough.
        match self
            .0
            .compare_exchange(OPEN, outcome, Ordering::Relaxed, Ordering::Relaxed)
        {
            Ok(_) => true,
            Err(settled) => settled == outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_side_wins() {
        let point = CommitPoint::new();
        assert!(point.enter() && point.enter() && !point.give_up());
        let point = CommitPoint::new();
        assert!(point.give_up() && !point.enter());
    }
}
