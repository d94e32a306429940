//! The instant from which a commit can no longer be called off.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU8, Ordering};

/// Asked once, by the store's writer, at the instant it takes a message into a transaction.
///
/// `true` means: go on, and from now on the message will be answered, whatever happens to those
/// who wait. `false` means: it was called off, so nothing is stored. A server that drops a
/// handler at a deadline closes its gate first, and waits on if the gate was entered already;
/// so no client gets a time-out for a message that was stored.
///
/// It runs on the writer's thread: it must not block, and a panic counts as `false`.
/// Any `FnOnce() -> bool` will do.
pub trait CommitGate: Send + 'static {
    /// Enters the gate, or says that it is closed.
    fn enter(self: Box<Self>) -> bool;
}

impl<F: FnOnce() -> bool + Send + 'static> CommitGate for F {
    fn enter(self: Box<Self>) -> bool {
        (*self)()
    }
}

/// Decides between the two ends of one commit: the future that waits, and the writer.
#[derive(Debug, Default)]
pub(crate) struct Ticket(AtomicU8);

impl Ticket {
    /// The writer takes the message, unless the waiting future is gone or the gate is closed.
    ///
    /// The future comes first: a gate that was entered promises an answer, and nobody would be
    /// there to get it.
    pub(crate) fn enter(&self, gate: Option<Box<dyn CommitGate>>) -> bool {
        self.settle(ENTERED)
            && gate.is_none_or(|gate| {
                catch_unwind(AssertUnwindSafe(|| gate.enter())).unwrap_or_default()
            })
    }

    /// The waiting future is gone.
    pub(crate) fn cancel(&self) {
        self.settle(CANCELLED);
    }

    fn settle(&self, state: u8) -> bool {
        // Relaxed: the queue orders all else that the two ends share.
        self.0
            .compare_exchange(OPEN, state, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}

const OPEN: u8 = 0;
const ENTERED: u8 = 1;
const CANCELLED: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_to_come_decides() {
        let taken = Ticket::default();
        assert!(taken.enter(None));
        taken.cancel();
        assert!(!taken.enter(None), "entered once only");

        let dropped = Ticket::default();
        dropped.cancel();
        let gate: Box<dyn CommitGate> = Box::new(|| unreachable!("asked for a dropped message"));
        assert!(!dropped.enter(Some(gate)));
    }

    #[test]
    fn a_gate_can_refuse_and_a_panic_refuses() {
        assert!(Ticket::default().enter(Some(Box::new(|| true))));
        assert!(!Ticket::default().enter(Some(Box::new(|| false))));
        assert!(!Ticket::default().enter(Some(Box::new(|| panic!("gate")))));
    }
}
