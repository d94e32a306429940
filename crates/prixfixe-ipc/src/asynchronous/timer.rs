//! The timer of a driver.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

/// One timer for all deadlines. It is set anew only for a time before the one that it is set to, so
/// that a driver that sleeps often does not set it often.
pub(super) struct Timer {
    sleep: Pin<Box<Sleep>>,
    set_to: Option<Instant>,
}

impl Timer {
    pub(super) fn new() -> Self {
        Self {
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            set_to: None,
        }
    }

    /// Ready at `until`, or before.
    pub(super) fn poll(&mut self, until: Instant, context: &mut Context<'_>) -> Poll<()> {
        if self.set_to.is_none_or(|set_to| set_to > until) {
            self.sleep.as_mut().reset(until.into());
            self.set_to = Some(until);
        }
        let fired = self.sleep.as_mut().poll(context);
        if fired.is_ready() {
            self.set_to = None;
        }
        fired
    }
}
