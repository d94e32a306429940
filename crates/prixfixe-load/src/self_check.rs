//! Whether the generator did what the plan says, so that the figures are those of the server.

use std::time::Duration;

use crate::plan::Plan;
use crate::recording::{Effort, Recording};
use crate::schedule::Schedule;

/// How late messages of an open schedule may begin at their 99th percentile, in milliseconds,
/// though a worker was free: what a busy but able machine keeps.
const MOST_LAG_P99_MS: f64 = 10.0;
/// How much of the mean latency the mean lag may be, ...
const MOST_LAG_SHARE: f64 = 0.25;
/// ... where the lag matters at all, in milliseconds at its 99th percentile.
const LEAST_LAG_P99_MS: f64 = 1.0;
/// The share of its time that a thread of a closed schedule may compute: above it the next answer
/// waits for the generator, and not the generator for the answer.
const MOST_BUSY_CLOSED: f64 = 0.95;
/// The share of its time that a thread may compute or wait for a processor: above it, it is hardly
/// ever the one that waits for an answer.
const MOST_PRESSED: f64 = 0.9;
/// The share of their time that threads may have been kept from a processor that they needed. A
/// server on the same machine that wants as much as the generator takes half, and several take more.
const MOST_STARVED: f64 = 0.75;
/// The same where a thread is pressed: answers then wait for the generator most of the time, and the
/// latencies of a closed schedule are for the greater part its own.
const MOST_STARVED_PRESSED: f64 = 0.6;
/// How long threads are there at least, in the mean, where the shares of their time tell something:
/// to make connections and begin takes nearly all of a shorter time.
const LEAST_PRESENCE: Duration = Duration::from_millis(100);

/// Marks a recording as invalid, with its reasons.
pub(crate) fn check(recording: &mut Recording, plan: &Plan) {
    let mut effort = *recording.effort();
    if effort.present.as_secs_f64() < LEAST_PRESENCE.as_secs_f64() * effort.threads as f64 {
        effort = Effort::default();
    }
    let overdue = recording.overdue();
    let lag = recording.lag();
    let mut reasons = Vec::new();
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    match &plan.schedule {
        Schedule::Open(_) => {
            if lag.p99 > MOST_LAG_P99_MS {
                reasons.push(format!(
                    "the generator began messages late: {:.1} ms at p99, and {MOST_LAG_P99_MS} ms is \
                     the most",
                    lag.p99
                ));
            }
            let own = lag.mean / recording.latency().percentiles().mean;
            if lag.p99 > LEAST_LAG_P99_MS && own > MOST_LAG_SHARE {
                reasons.push(format!(
                    "{} of the latencies is the lateness of the generator itself",
                    percent(own)
                ));
            }
            let waited_ms = recording.waited().p99;
            if effort.most_pressed > MOST_PRESSED && waited_ms > MOST_LAG_P99_MS {
                reasons.push(format!(
                    "the generator fell behind its schedule while a thread computed, or waited for a \
                     processor, for {} of its time",
                    percent(effort.most_pressed)
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
    let pressed = effort.most_pressed > MOST_PRESSED;
    let most_starved = if pressed {
        MOST_STARVED_PRESSED
    } else {
        MOST_STARVED
    };
    if effort.starved_share() > most_starved {
        reasons.push(format!(
            "the generator was kept from the processors for {} of its time",
            percent(effort.starved_share())
        ));
    }
    for reason in reasons {
        recording.invalidate(reason);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::recording::Start;
    use crate::schedule::{Phase, Timetable};

    fn plan(open: bool) -> Plan {
        let schedule = if open {
            Schedule::Open(Timetable {
                phases: vec![Phase::even(1.0, Duration::from_secs(1))],
                ..Timetable::default()
            })
        } else {
            Schedule::Closed {
                messages: Some(1),
                lasts: None,
            }
        };
        Plan::new(vec!["localhost:25".to_owned()], schedule, 1)
    }

    /// A hundred messages that began this late, each a second after a worker was free, and were
    /// answered so much later.
    fn reasons(open: bool, lag_ms: u64, answer_ms: u64, effort: &Effort, overdue: u64) -> String {
        let epoch = Instant::now();
        let mut recording = Recording::new(epoch);
        for message in 1..=100 {
            let intended = epoch + Duration::from_secs(message);
            let begun = intended + Duration::from_millis(lag_ms);
            let start = Start {
                intended,
                free: epoch,
                begun,
            };
            recording.begin(&start);
            recording.accept(&start, 1, begun + Duration::from_millis(answer_ms));
        }
        recording.worked(effort);
        recording.leave_out(overdue);
        let plan = plan(open);
        check(&mut recording, &plan);
        recording.measurement(&plan).invalid_because.join("\n")
    }

    fn effort(busy: f64, starved: f64) -> Effort {
        let present = Duration::from_secs(10);
        Effort {
            threads: 1,
            present,
            computed: present.mul_f64(busy),
            starved: present.mul_f64(starved),
            busiest: busy,
            most_pressed: busy + starved,
        }
    }

    /// It took the processors whenever it could, and each time waited for them twice as long: no
    /// share alone looks like much.
    #[test]
    fn a_burst_is_not_believed_when_answers_waited_for_the_generator_most_of_the_time() {
        let kept_away = reasons(false, 0, 5, &effort(0.3, 0.68), 0);
        assert!(kept_away.contains("for 68 % of its time"), "{kept_away}");
        // A server on the same processor takes half.
        assert_eq!(reasons(false, 0, 5, &effort(0.48, 0.5), 0), "");
        // There was time for more.
        assert_eq!(reasons(false, 0, 5, &effort(0.15, 0.68), 0), "");
    }

    #[test]
    fn shares_of_a_moment_tell_nothing() {
        for open in [true, false] {
            let mut effort = effort(1.0, 0.0);
            effort.present = Duration::from_millis(99);
            assert_eq!(reasons(open, 0, 5, &effort, 0), "");
        }
    }

    #[test]
    fn a_generator_that_kept_up_is_believed() {
        for open in [true, false] {
            assert_eq!(reasons(open, 0, 5, &effort(0.5, 0.3), 0), "");
        }
        // Late by less than matters beside the answer.
        assert_eq!(reasons(true, 9, 100, &effort(0.5, 0.3), 0), "");
    }

    #[test]
    fn each_fault_has_its_reason() {
        let calm = effort(0.5, 0.1);
        let cases = [
            (
                reasons(true, 11, 100, &calm, 0),
                "began messages late: 11.0 ms",
            ),
            (reasons(true, 2, 2, &calm, 0), "50 % of the latencies"),
            (
                reasons(true, 0, 5, &calm, 7),
                "7 messages that were due never began",
            ),
            (
                reasons(false, 0, 5, &effort(0.97, 0.0), 0),
                "computed 97 % of its time",
            ),
            (
                reasons(false, 0, 5, &effort(0.2, 0.8), 0),
                "kept from the processors for 80 %",
            ),
            (
                reasons(true, 0, 5, &effort(0.2, 0.8), 0),
                "kept from the processors for 80 %",
            ),
        ];
        for (reasons, expected) in cases {
            assert_eq!(reasons.lines().count(), 1, "{reasons}");
            assert!(reasons.contains(expected), "{reasons}");
        }
    }
}
