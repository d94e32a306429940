//! Messages start when the schedule says.

#![allow(clippy::cast_precision_loss, reason = "the counts are small")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use prixfixe_load::schedule::{Phase, Schedule, Timetable};

use crate::scripted_server::{Act, At, Seen, Server, closed, run};

const RATE: f64 = 50.0;

fn is_long() -> bool {
    std::env::var_os("PRIXFIXE_LONG").is_some()
}

/// The long form is the one that is promised: 60 s at 50/s on a machine that does nothing else.
#[test]
fn messages_start_on_schedule() {
    let seen: Seen<Instant> = Arc::new(Mutex::new(Vec::new()));
    let starts = Arc::clone(&seen);
    let server = Server::scripted(move |moment| {
        if moment.at == At::Mail {
            starts.lock().unwrap().push(Instant::now());
        }
        Act::Usual
    });
    let seconds = if is_long() { 60 } else { 3 };
    let mut plan = closed(&server, 0, 10);
    plan.schedule = Schedule::Open(Timetable {
        phases: vec![Phase::even(RATE, Duration::from_secs(seconds))],
        ..Timetable::default()
    });
    let measured = run(&plan);
    let lag = measured.generator.lag_ms;
    println!(
        "sent - intended: mean {:.3} ms, p50 {:.3}, p99 {:.3}, p99.9 {:.3}, most {:.3}",
        lag.mean, lag.p50, lag.p99, lag.p99_9, lag.max
    );
    let mut seen = seen.lock().unwrap().clone();
    seen.sort();
    assert_eq!(measured.accepted, seconds * 50);
    assert_eq!(seen.len() as u64, seconds * 50);
    assert_eq!(lag.count, seconds * 50);
    let intended: u64 = measured
        .timeline
        .points
        .iter()
        .map(|point| point.intended)
        .sum();
    assert_eq!(intended, seconds * 50);

    let took = *seen.last().unwrap() - seen[0];
    let rate = (seen.len() - 1) as f64 / took.as_secs_f64();
    println!("the server saw {rate:.4} messages a second");
    if is_long() {
        assert!((rate / RATE - 1.0).abs() <= 1e-3, "{rate}/s");
        assert!(lag.p99 < 2.0, "{lag:?}");
        assert!(measured.valid, "{:?}", measured.invalid_because);
    } else {
        // A machine that is busy with other tests may hold messages up, and then the result says so.
        let kept = (rate / RATE - 1.0).abs() <= 0.1;
        assert!(kept || !measured.valid, "{rate}/s and called valid");
    }
}

/// What is due is begun by whoever is free, in order, and no sooner.
#[test]
fn no_message_starts_before_it_is_due() {
    let server = Server::scripted(|_| Act::Usual);
    let mut plan = closed(&server, 0, 3);
    plan.schedule = Schedule::Open(Timetable {
        phases: vec![Phase::even(100.0, Duration::from_secs(1))],
        ..Timetable::default()
    });
    let start = Instant::now();
    let measured = run(&plan);
    assert_eq!(measured.accepted, 100);
    // The last one is due 990 ms after the start.
    assert!(start.elapsed() >= Duration::from_millis(990));
}

/// Else ten messages a second for a second would be eleven a second.
#[test]
fn the_rate_is_that_of_the_whole_timetable() {
    let server = Server::scripted(|_| Act::Usual);
    let mut plan = closed(&server, 0, 3);
    plan.schedule = Schedule::Open(Timetable {
        phases: vec![Phase::even(10.0, Duration::from_secs(1))],
        ..Timetable::default()
    });
    let measured = run(&plan);
    assert_eq!(measured.accepted, 10);
    assert!(measured.duration_s >= 1.0, "{}", measured.duration_s);
    assert!(measured.rate <= 10.0, "{}", measured.rate);
}
