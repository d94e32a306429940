//! Whose turn it is: one queue for all workers, so that messages begin in their order and no worker
//! idles while one is due.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::plan::Plan;
use crate::schedule::{Arrivals, Schedule};

/// A message that a worker is to send.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) number: u64,
    /// When it is meant to start; as soon as a worker is free if `None`.
    pub(super) due: Option<Instant>,
}

/// The messages of a schedule that nobody has taken yet.
#[derive(Debug)]
pub(super) struct ArrivalQueue {
    left: Mutex<Left>,
    start: OnceLock<Instant>,
    /// When it was closed.
    closed: OnceLock<Instant>,
    /// How long messages are begun.
    lasts: Option<Duration>,
}

#[derive(Debug)]
struct Left {
    next: u64,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// This many more.
    Closed(u64),
    Open(Box<Arrivals>),
}

impl ArrivalQueue {
    pub(super) fn new(plan: &Plan) -> Self {
        let (source, lasts) = match &plan.schedule {
            Schedule::Closed { messages, lasts } => {
                (Source::Closed(messages.unwrap_or(u64::MAX)), *lasts)
            }
            Schedule::Open(table) => (
                Source::Open(Box::new(table.arrivals(plan.run.seed()))),
                // What is overdue at the end of the table has the grace to be begun.
                Some(table.lasts() + plan.timeouts.grace),
            ),
        };
        Self {
            left: Mutex::new(Left {
                next: plan.first_number,
                source,
            }),
            start: OnceLock::new(),
            closed: OnceLock::new(),
            lasts,
        }
    }

    /// The next message; `None` when there are no more. The run starts when it is first asked for.
    pub(super) fn take(&self) -> Option<Arrival> {
        let start = self.start();
        if self.closed.get().is_some() {
            return None;
        }
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let number = left.next;
        let due = match &mut left.source {
            Source::Closed(count) => {
                if self.lasts.is_some_and(|lasts| start.elapsed() >= lasts) {
                    return None;
                }
                *count = count.checked_sub(1)?;
                None
            }
            Source::Open(arrivals) => Some(start + arrivals.next()?),
        };
        left.next += 1;
        Some(Arrival { number, due })
    }

    /// When the run started, which is now if it has not.
    pub(super) fn start(&self) -> Instant {
        *self.start.get_or_init(Instant::now)
    }

    /// When it started, if it has.
    pub(super) fn started(&self) -> Option<Instant> {
        self.start.get().copied()
    }

    /// Whether no message is to begin any more at this time.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        match (self.started(), self.lasts) {
            (Some(start), Some(lasts)) => now.saturating_duration_since(start) >= lasts,
            _ => false,
        }
    }

    /// Gives nothing any more. Whoever sees it late takes one more.
    pub(super) fn close(&self) {
        self.closed.get_or_init(Instant::now);
    }

    /// How many messages were due when it was closed, and never taken; those of an open schedule.
    pub(super) fn overdue(&self) -> u64 {
        let Some(closed) = self.closed.get() else {
            return 0;
        };
        let reach = closed.saturating_duration_since(self.start());
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut left.source {
            Source::Closed(_) => 0,
            Source::Open(arrivals) => {
                arrivals.by_ref().take_while(|due| *due <= reach).count() as u64
            }
        }
    }
}
