//! A server that stalls cannot hide it.

#![allow(clippy::cast_precision_loss, reason = "the counts are small")]

use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use prixfixe_load::schedule::{Phase, Schedule, Timetable};

use crate::scripted_server::{Act, At, Server, closed, run};

const RATE: usize = 200;
const SECONDS: usize = 4;
/// The message whose end the server takes as an occasion to stall for a second.
const STALLS_AT: usize = 300;

/// The whole server stands still for a second, once. The messages that are due in that second can
/// be answered when it is over at the earliest, so the k-th after the first takes at least a second
/// less k steps of the schedule. Sorted with nothing for all others, these are the least that each
/// percentile can be; and a generator that measured from where it really sent would stay far below:
/// it has only four workers, and so four messages that see the stall.
#[test]
fn a_stall_of_a_second_reaches_every_percentile_that_it_must() {
    let messages = AtomicUsize::new(0);
    let gate = RwLock::new(());
    let server = Server::scripted(move |moment| {
        if moment.at == At::DataEnd && messages.fetch_add(1, Ordering::SeqCst) == STALLS_AT {
            let _closed = gate.write().unwrap();
            thread::sleep(Duration::from_secs(1));
        }
        drop(gate.read().unwrap());
        Act::Usual
    });
    let mut plan = closed(&server, 0, 4);
    plan.schedule = Schedule::Open(Timetable {
        phases: vec![Phase::even(
            RATE as f64,
            Duration::from_secs(SECONDS as u64),
        )],
        ..Timetable::default()
    });
    let measured = run(&plan);
    let count = RATE * SECONDS;
    assert_eq!(measured.accepted, count as u64, "{:?}", measured.errors);

    let mut least_ms = vec![0.0; count - RATE];
    least_ms.extend(
        (0..RATE)
            .rev()
            .map(|step| 1e3 * (1.0 - step as f64 / RATE as f64)),
    );
    let latency = measured.latency_ms;
    for (share, seen) in [
        (0.5, latency.p50),
        (0.9, latency.p90),
        (0.95, latency.p95),
        (0.99, latency.p99),
        (0.999, latency.p99_9),
        (0.9999, latency.p99_99),
        (1.0, latency.max),
    ] {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let rank = (share * count as f64).ceil() as usize;
        let least = least_ms[rank - 1];
        // Three digits and a microsecond are what a distribution keeps. The message that ended
        // as number 300 was one of four under way, so it may be up to three steps from its place.
        let places = 3.0 * 1e3 / RATE as f64;
        let bound = (least - places) * 0.999 - 1e-3;
        println!("{share}: at least {least:.1} ms, and {seen:.1} ms were seen");
        assert!(
            seen >= bound,
            "{share}: {seen} ms, and {least} ms are the least"
        );
    }
    let stalled = measured
        .timeline
        .points
        .iter()
        .filter(|point| point.max_ms > 900.0);
    assert!(
        stalled.count() > 0,
        "the stall is missing in the course of the run"
    );
}
