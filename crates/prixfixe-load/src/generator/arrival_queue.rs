//! Whose turn it is: one queue for all workers, so that messages begin in their order and no worker
//! idles while one is due.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::plan::Plan;
use crate::schedule::{Arrivals, Schedule};

/// How long before the first message of an open schedule is due its threads and workers are made:
/// some microseconds for each worker.
const LEAD: Duration = Duration::from_millis(20);

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
    /// From when it is first asked for its start to that start.
    lead: Duration,
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
        let (source, lasts, lead) = match &plan.schedule {
            Schedule::Closed { messages, lasts } => {
                let count = messages.unwrap_or(u64::MAX);
                (Source::Closed(count), *lasts, Duration::ZERO)
            }
            Schedule::Open(table) => (
                Source::Open(Box::new(table.arrivals(plan.run.seed()))),
                // What is overdue at the end of the table has the grace to be begun.
                Some(table.lasts().saturating_add(plan.timeouts.grace)),
                LEAD,
            ),
        };
        Self {
            left: Mutex::new(Left {
                next: plan.first_number,
                source,
            }),
            start: OnceLock::new(),
            lead,
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

    /// When the run starts or did; whoever asks first decides it.
    pub(super) fn start(&self) -> Instant {
        *self.start.get_or_init(|| Instant::now() + self.lead)
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

    /// How long it was open; for ever if it was not closed.
    pub(super) fn lasted(&self) -> Duration {
        self.closed.get().map_or(Duration::MAX, |closed| {
            closed.saturating_duration_since(self.start())
        })
    }

    /// How many messages were due when it was closed, and never taken; those of an open schedule.
    pub(super) fn overdue(&self) -> u64 {
        if self.closed.get().is_none() {
            return 0;
        }
        let reach = self.lasted();
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut left.source {
            Source::Closed(_) => 0,
            Source::Open(arrivals) => arrivals.skip_until(reach),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::schedule::{Burst, Phase, Timetable};

    fn queue(schedule: Schedule) -> ArrivalQueue {
        let mut plan = Plan::new(vec!["localhost:25".to_owned()], schedule, 1);
        plan.first_number = 7;
        ArrivalQueue::new(&plan)
    }

    #[test]
    fn a_closed_queue_gives_its_messages_at_once_and_in_order() {
        let queue = queue(Schedule::Closed {
            messages: Some(3),
            lasts: None,
        });
        let numbers: Vec<u64> = std::iter::from_fn(|| queue.take())
            .inspect(|arrival| assert_eq!(arrival.due, None))
            .map(|arrival| arrival.number)
            .collect();
        assert_eq!(numbers, [7, 8, 9]);
        assert_eq!(queue.overdue(), 0);
    }

    #[test]
    fn a_closed_queue_ends_when_its_time_is_over() {
        let queue = queue(Schedule::Closed {
            messages: None,
            lasts: Some(Duration::ZERO),
        });
        assert!(queue.take().is_none());
        assert!(queue.is_over(Instant::now()));
    }

    #[test]
    fn an_open_queue_says_when_and_what_was_never_begun() {
        let table = Timetable {
            phases: vec![Phase::even(1000.0, Duration::from_millis(10))],
            ..Timetable::default()
        };
        let queue = queue(Schedule::Open(table));
        let start = queue.start();
        for number in 0..4 {
            let arrival = queue.take().unwrap();
            let due = arrival.due.unwrap() - start;
            assert_eq!(arrival.number, 7 + number);
            assert!(due.abs_diff(Duration::from_millis(number)) < Duration::from_micros(1));
        }
        assert_eq!(queue.overdue(), 0, "it is not over yet");
        std::thread::sleep(LEAD + Duration::from_millis(10));
        queue.close();
        assert!(queue.take().is_none());
        assert_eq!(queue.overdue(), 6);
    }

    #[test]
    fn the_largest_burst_that_was_never_begun_is_counted_at_once() {
        let table = Timetable {
            bursts: vec![Burst {
                at: Duration::ZERO,
                messages: u64::MAX,
            }],
            ..Timetable::default()
        };
        let queue = queue(Schedule::Open(table));
        assert!(queue.take().is_some());
        std::thread::sleep(LEAD);
        queue.close();
        assert_eq!(queue.overdue(), u64::MAX - 1);
    }
}
