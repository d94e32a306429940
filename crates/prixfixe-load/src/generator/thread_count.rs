//! How many threads generate where the plan leaves it open.

use std::thread;

use crate::client::Connector;
use crate::plan::Plan;

/// One for each processor; one for every two where a server is on this machine and needs the
/// others: a thread too many takes them from it, and the load becomes slower and dearer. Never more
/// than workers.
pub(super) fn thread_count(plan: &Plan, connector: &Connector) -> usize {
    let threads = plan.threads.unwrap_or_else(|| {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        if connector.reaches_this_machine() {
            processors.div_ceil(2)
        } else {
            processors
        }
    });
    threads.min(plan.workers)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::schedule::Schedule;

    fn threads(target: &str, workers: usize, wished: Option<usize>) -> usize {
        let schedule = Schedule::Closed {
            messages: Some(1),
            lasts: None,
        };
        let mut plan = Plan::new(vec![target.to_owned()], schedule, workers);
        plan.threads = wished;
        thread_count(&plan, &Connector::new(&plan).unwrap())
    }

    #[test]
    fn a_server_on_this_machine_keeps_half_of_the_processors() {
        let processors = thread::available_parallelism().unwrap().get();
        assert_eq!(threads("127.0.0.1:25", 1000, None), processors.div_ceil(2));
        assert_eq!(threads("192.0.2.1:25", 1000, None), processors);
    }

    #[test]
    fn no_thread_is_without_a_worker_and_a_wish_is_kept() {
        assert_eq!(threads("192.0.2.1:25", 1, None), 1);
        assert_eq!(threads("127.0.0.1:25", 1000, Some(7)), 7);
        assert_eq!(threads("127.0.0.1:25", 3, Some(7)), 3);
    }
}
