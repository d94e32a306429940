//! A generator that could not do what it should says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use prixfixe_load::schedule::{Phase, Schedule, Timetable};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::scripted_server::{Act, Server, closed, run};

/// How many threads fight for the generator's processor: it gets a ninth of it.
const RIVALS: usize = 8;

/// Runs `work` on one processor that others want as well. Threads that it makes stay there too.
fn starved<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let over = Arc::new(AtomicBool::new(false));
    let allowed = sched_getaffinity(None).unwrap();
    let processor = (0..CpuSet::MAX_CPU)
        .find(|index| allowed.is_set(*index))
        .unwrap();
    let pin = move || {
        let mut only = CpuSet::new();
        only.set(processor);
        sched_setaffinity(None, &only).unwrap();
    };
    let rivals: Vec<_> = (0..RIVALS)
        .map(|_| {
            let over = Arc::clone(&over);
            thread::spawn(move || {
                pin();
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })
        })
        .collect();
    let done = thread::spawn(move || {
        pin();
        work()
    });
    let result = done.join().unwrap();
    over.store(true, Ordering::Relaxed);
    for rival in rivals {
        rival.join().unwrap();
    }
    result
}

#[test]
fn a_generator_that_others_starve_marks_its_result_invalid() {
    let server = Server::scripted(|_| Act::Usual);
    let burst = {
        let mut plan = closed(&server, 0, 16);
        plan.schedule = Schedule::Closed {
            messages: None,
            lasts: Some(Duration::from_secs(2)),
        };
        plan.threads = Some(1);
        plan
    };
    let sustained = {
        let mut plan = burst.clone();
        plan.schedule = Schedule::Open(Timetable {
            phases: vec![Phase::even(20_000.0, Duration::from_secs(2))],
            ..Timetable::default()
        });
        plan.timeouts.grace = Duration::from_millis(200);
        plan
    };
    for plan in [burst, sustained] {
        let measured = starved(move || run(&plan));
        println!("{:?} {:?}", measured.generator, measured.invalid_because);
        assert!(measured.sent > 0);
        assert!(!measured.valid);
    }
}
