//! Whether the generator did what the plan says, so that the figures are those of the server.

use crate::plan::Plan;
use crate::recording::Recording;
use crate::schedule::Schedule;

/// How late messages of an open schedule may begin at their 99th percentile, in milliseconds,
/// though a worker was free: what a busy but able machine keeps.
const MOST_LAG_P99_MS: f64 = 10.0;
/// The share of its time that a thread of a closed schedule may compute: above it the next answer
/// waits for the generator, and not the generator for the answer.
const MOST_BUSY_CLOSED: f64 = 0.95;
/// The same where an open schedule falls behind.
const MOST_BUSY_OPEN: f64 = 0.9;
/// The share of their time that threads may have been kept from a processor that they needed. A
/// server on the same machine takes its part.
const MOST_STARVED: f64 = 0.5;

/// Marks a recording as invalid, with its reasons. `overdue` messages were never begun.
pub(crate) fn check(recording: &mut Recording, plan: &Plan, overdue: u64) {
    let effort = *recording.effort();
    let lag_ms = recording.lag().p99;
    let mut reasons = Vec::new();
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    match &plan.schedule {
        Schedule::Open(_) => {
            if lag_ms > MOST_LAG_P99_MS {
                reasons.push(format!(
                    "the generator began messages late: {lag_ms:.1} ms at p99, and \
                     {MOST_LAG_P99_MS} ms is the most"
                ));
            }
            let waited_ms = recording.waited().p99;
            if effort.busiest > MOST_BUSY_OPEN && waited_ms > MOST_LAG_P99_MS {
                reasons.push(format!(
                    "the generator fell behind its schedule while a thread computed {} of its time",
                    percent(effort.busiest)
                ));
            }
            if overdue > 0 {
                reasons.push(format!(
                    "{overdue} messages that were due never began, for want of free workers: the \
                     latencies leave them out"
                ));
            }
        }
        Schedule::Closed { .. } => {
            if effort.busiest > MOST_BUSY_CLOSED {
                reasons.push(format!(
                    "the generator was the limit: a thread computed {} of its time",
                    percent(effort.busiest)
                ));
            }
        }
    }
    if effort.starved_share() > MOST_STARVED {
        reasons.push(format!(
            "the generator was kept from the processors for {} of its time",
            percent(effort.starved_share())
        ));
    }
    for reason in reasons {
        recording.invalidate(reason);
    }
}
