//! How long a client has to say hello.

use std::time::{Duration, Instant};

use super::events::DropReason;
use super::execution::Execution;
use super::links::LinkState;
use super::round::Core;

impl<E: Execution> Core<E> {
    /// Until when somebody has to have said hello.
    pub(super) fn greeting_timeout(&self) -> Option<Duration> {
        let deadlines = self
            .greeting
            .iter()
            .filter_map(|index| self.greets_until(*index));
        let next = deadlines.min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Drops who has not said it in time.
    pub(super) fn end_late_handshakes(&mut self) {
        if self.greeting.is_empty() {
            return;
        }
        let now = Instant::now();
        let late: Vec<usize> = self
            .greeting
            .iter()
            .copied()
            .filter(|index| self.greets_until(*index).is_some_and(|until| until <= now))
            .collect();
        for index in late {
            self.drop_link(index, DropReason::HandshakeTimeout);
        }
    }

    fn greets_until(&self, index: usize) -> Option<Instant> {
        match self.links.get(index)?.state {
            LinkState::Greeting { until } => Some(until),
            LinkState::Serving { .. } | LinkState::Observing => None,
        }
    }
}
