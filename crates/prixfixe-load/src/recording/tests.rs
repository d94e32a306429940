//! Recordings put together from parts.

use super::*;
use crate::failure::FailureKind;
use crate::schedule::Schedule;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// `count` messages, one a second from `first` on, each answered after as many milliseconds as
/// it has seconds.
fn messages(epoch: Instant, first: u64, count: u64) -> Recording {
    let mut recording = Recording::new(epoch);
    for second in first..first + count {
        let begun = epoch + seconds(second);
        let start = Start {
            intended: begun,
            free: begun,
            begun,
        };
        recording.begin(&start);
        recording.accept(&start, 10, begun + Duration::from_millis(second));
    }
    recording.worked(&Effort {
        threads: 1,
        present: seconds(10),
        computed: seconds(5),
        starved: seconds(1),
        busiest: 0.5,
        most_pressed: 0.6,
    });
    recording
}

fn measured(recording: &Recording) -> Measurement {
    let schedule = Schedule::Closed {
        messages: None,
        lasts: None,
    };
    recording.measurement(&Plan::new(Vec::new(), schedule, 1))
}

#[test]
fn what_ran_at_the_same_time_is_as_if_one_had_recorded_it() {
    let epoch = Instant::now();
    let one = messages(epoch, 1, 20);
    for split in [1, 7, 19] {
        let mut parts = messages(epoch, 1, split);
        parts.merge(&messages(epoch, 1 + split, 20 - split));
        let (one, parts) = (measured(&one), measured(&parts));
        assert_eq!(parts.latency_ms, one.latency_ms);
        assert_eq!(parts.curve, one.curve);
        assert_eq!(parts.timeline, one.timeline);
        assert_eq!(parts.octets, 200);
        assert!((parts.duration_s - one.duration_s).abs() < 1e-9);
        assert_eq!(parts.generator.threads, 2);
        assert!((parts.generator.busy - 0.5).abs() < 1e-9);
    }
}

#[test]
fn parts_that_began_at_different_times_share_the_earlier_beginning() {
    let epoch = Instant::now();
    let later = epoch + seconds(8);
    let mut forth = messages(epoch, 0, 2);
    forth.merge(&messages(later, 0, 2));
    let mut back = messages(later, 0, 2);
    back.merge(&messages(epoch, 0, 2));
    for merged in [forth, back] {
        let measured = measured(&merged);
        assert!(
            (measured.duration_s - 9.001).abs() < 1e-9,
            "{}",
            measured.duration_s
        );
        let points = measured.timeline.points;
        let at: Vec<f64> = points
            .iter()
            .filter(|point| point.intended > 0)
            .map(|point| point.at_s)
            .collect();
        assert_eq!(at, [0.0, 1.0, 8.0, 9.0]);
    }
}

#[test]
fn times_of_what_ran_one_after_the_other_add_up_without_the_pause() {
    let epoch = Instant::now();
    let mut whole = messages(epoch, 0, 3);
    whole.append(&messages(epoch + seconds(1000), 0, 3));
    let measured = measured(&whole);
    assert_eq!((measured.sent, measured.accepted), (6, 6));
    assert!(
        (measured.duration_s - 4.004).abs() < 1e-9,
        "{}",
        measured.duration_s
    );
    assert!((measured.rate - 6.0 / 4.004).abs() < 1e-9);
    assert_eq!(measured.generator.threads, 1);
    let last = measured.timeline.points.last().map(|point| point.at_s);
    assert!(last.is_some_and(|at| (4.0..4.1).contains(&at)), "{last:?}");
}

#[test]
fn faults_of_any_part_are_faults_of_the_whole() {
    let epoch = Instant::now();
    let mut whole = messages(epoch, 0, 1);
    let mut part = Recording::new(epoch);
    let begun = epoch;
    let start = Start {
        intended: begun,
        free: begun,
        begun,
    };
    part.begin(&start);
    part.fail(
        Failure::new(FailureKind::Reset, Stage::Mail, "reset"),
        begun,
    );
    part.invalidate("too slow".to_owned());
    part.break_off("no room".to_owned());
    part.leave_out(3);
    whole.merge(&part);
    whole.append(&part);
    let measured = measured(&whole);
    assert!(!measured.valid);
    assert_eq!(measured.invalid_because, ["too slow", "no room"]);
    assert_eq!(measured.broken_off_by.as_deref(), Some("no room"));
    assert_eq!((measured.overdue, whole.overdue()), (6, 6));
    assert_eq!((measured.failed, measured.errors[0].count), (2, 2));
    assert_eq!(measured.latency_ms.count, 1);
}

#[test]
fn nothing_at_all_is_told_without_dividing_by_it() {
    let measured = measured(&Recording::new(Instant::now()));
    assert_eq!(measured.latency_ms, Percentiles::default());
    assert!(measured.rate.abs() < f64::EPSILON);
    assert!(serde_json::to_string(&measured).is_ok());
}
