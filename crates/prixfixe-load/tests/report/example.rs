//! Results that look like those of real runs. Their figures are made up, and are for tests alone.

use std::collections::BTreeMap;
use std::time::Duration;

use prixfixe_load::failure::FailureKind;
use prixfixe_load::failure::Stage;
use prixfixe_load::plan::Plan;
use prixfixe_load::result::{
    Connections, DiskProbe, ErrorCount, Findings, Generator, Machine, Measurement, Part,
    Percentiles, Point, ResultFile, SCHEMA, Server, Table, Timeline, Verification,
};
use prixfixe_load::schedule::{Phase, Schedule, Timetable};

/// A burst in which all but two messages were taken; the seed makes runs differ.
pub(crate) fn burst(seed: u64) -> ResultFile {
    let scale = 1.0 + seed as f64 * 0.13;
    let schedule = Schedule::Closed {
        messages: Some(5000),
        lasts: None,
    };
    let plan = Plan::new(vec!["127.0.0.1:2525".to_owned()], schedule, 50);
    let mut result = ResultFile {
        scenario: "burst".to_owned(),
        command: "prixfixe stress burst --verify".to_owned(),
        whole: measured(&plan, 4998, 2, 24, 0.1, scale),
        ..empty()
    };
    result.whole.errors = vec![ErrorCount {
        kind: FailureKind::Transient(452),
        stage: Stage::DataEnd,
        count: 2,
        example: "452 4.3.1 no room in the store, try again later".to_owned(),
    }];
    result.whole.verification = Some(Verification {
        source: "store.sqlite".to_owned(),
        acknowledged: 4998,
        stored: 4998,
        ..Verification::default()
    });
    result.disk_probe = Some(DiskProbe {
        sync_ms: percentiles(2000, 0.9),
        void: false,
    });
    result
}

/// Hours at a set rate, with so many intervals.
pub(crate) fn soak(intervals: usize) -> ResultFile {
    let table = Timetable {
        phases: vec![Phase::even(50.0, Duration::from_secs(intervals as u64))],
        ..Timetable::default()
    };
    let plan = Plan::new(vec!["127.0.0.1:2525".to_owned()], Schedule::Open(table), 20);
    ResultFile {
        scenario: "soak".to_owned(),
        whole: measured(&plan, intervals as u64 * 50, 0, intervals, 1.0, 0.8),
        ..empty()
    }
}

/// A burst against one, three and five servers.
pub(crate) fn scale() -> ResultFile {
    let mut result = burst(1);
    "scale".clone_into(&mut result.scenario);
    for (servers, scale) in [(1, 2.0), (3, 1.2), (5, 1.0)] {
        let plural = if servers == 1 { "" } else { "s" };
        let mut measured = burst(1).whole;
        measured.rate /= scale;
        measured.latency_ms = percentiles(4998, 3.0 * scale);
        measured.curve = curve(4998, 3.0 * scale);
        result.parts.push(Part {
            name: format!("{servers} server{plural}"),
            measured,
        });
    }
    result.tables.push(Table {
        title: "Scaling".to_owned(),
        columns: ["servers", "messages/s", "of one server"]
            .map(str::to_owned)
            .to_vec(),
        rows: [
            ["1", "1,620", "1.00"],
            ["3", "2,701", "1.67"],
            ["5", "3,240", "2.00"],
        ]
        .map(|row| row.map(str::to_owned).to_vec())
        .to_vec(),
    });
    result
}

/// A run in which everything went wrong that can.
pub(crate) fn troubled() -> ResultFile {
    let mut result = burst(5);
    result.passed = false;
    result.faults = vec![
        "2 messages were lost".to_owned(),
        "311 messages failed, none may".to_owned(),
    ];
    let whole = &mut result.whole;
    whole.valid = false;
    whole.invalid_because = vec![
        "the generator was 93 % busy, 80 % is the most".to_owned(),
        "its own lag was 41 ms at p99, 2 ms is the most".to_owned(),
    ];
    whole.failed = 311;
    whole.errors = vec![
        error(
            FailureKind::Timeout,
            Stage::DataEnd,
            180,
            "no reply within 60 s",
        ),
        error(
            FailureKind::Reset,
            Stage::DataEnd,
            90,
            "connection reset by peer",
        ),
        error(
            FailureKind::Permanent(554),
            Stage::Rcpt,
            40,
            "554 5.7.1 <recipient@example.com>: relay access denied because of a policy that nobody has ever written down anywhere",
        ),
        error(
            FailureKind::Protocol,
            Stage::Banner,
            1,
            "HTTP/1.1 400 Bad Request",
        ),
    ];
    for (number, point) in whole.timeline.points.iter_mut().enumerate() {
        point.failed = if number % 3 == 0 { 40 } else { 2 };
        if (8..12).contains(&number) {
            *point = Point {
                at_s: point.at_s,
                intended: point.intended,
                ..Point::default()
            };
        }
    }
    if let Some(found) = &mut whole.verification {
        found.lost = Findings {
            count: 2,
            named: vec![
                "4711 accepted 250 2.0.0 stored".to_owned(),
                "4712 accepted 250 2.0.0 stored".to_owned(),
            ],
        };
        found.unanswered_but_stored = 3;
    }
    result.disk_probe = Some(DiskProbe {
        sync_ms: percentiles(2000, 19.0),
        void: true,
    });
    result
}

/// A run that ended before it began.
pub(crate) fn empty() -> ResultFile {
    ResultFile {
        schema: SCHEMA,
        scenario: "run".to_owned(),
        started_at: "2026-11-21T17:00:00Z".to_owned(),
        passed: true,
        faults: Vec::new(),
        whole: Measurement {
            valid: true,
            ..Measurement::default()
        },
        parts: Vec::new(),
        tables: Vec::new(),
        disk_probe: None,
        machine: Machine {
            processor: "Example processor 3000".to_owned(),
            processors: 4,
            memory: 16 << 30,
            kernel: "Linux 6.12.0 x86_64".to_owned(),
            descriptors: 65_536,
            file_system: Some("ext4".to_owned()),
        },
        versions: BTreeMap::from([("prixfixe".to_owned(), "0.1.0".to_owned())]),
        command: "prixfixe stress run --target 127.0.0.1:2525".to_owned(),
    }
}

fn error(kind: FailureKind, stage: Stage, count: u64, example: &str) -> ErrorCount {
    ErrorCount {
        kind,
        stage,
        count,
        example: example.to_owned(),
    }
}

fn measured(
    plan: &Plan,
    accepted: u64,
    failed: u64,
    intervals: usize,
    interval_s: f64,
    scale: f64,
) -> Measurement {
    let duration_s = intervals as f64 * interval_s - interval_s * 0.4;
    let each = accepted as f64 / intervals as f64;
    let points = (0..intervals).map(|number| {
        let wave = 1.0
            + 0.12 * ((number as f64) * 1.7 * scale).sin()
            + 0.05 * (number as f64 * 0.31).cos();
        Point {
            at_s: number as f64 * interval_s,
            intended: each as u64,
            accepted: (each * wave) as u64,
            failed: u64::from(number == 7) * failed,
            p50_ms: 2.1 * scale / wave,
            p99_ms: 9.0 * scale * wave.powi(4),
            max_ms: 14.0 * scale * wave.powi(7),
            server_rss: Some(
                ((30.0 + 8.0 * (1.0 - (-(number as f64) / 5.0).exp())) * 1_048_576.0) as u64,
            ),
            server_cpus: Some(0.9 * wave),
        }
    });
    let share = [0.01, 0.02, 0.0, 0.02, 0.0, 0.09, 0.08, 0.12, 0.66, 1.0];
    let stages = Stage::ALL
        .into_iter()
        .zip(share)
        .filter(|(_, share)| *share > 0.0);
    Measurement {
        duration_s,
        rate: accepted as f64 / duration_s,
        sent: accepted + failed,
        accepted,
        failed,
        octets: accepted * 10_240,
        connections: Connections {
            made: 50,
            ..Connections::default()
        },
        latency_ms: percentiles(accepted, 2.4 * scale),
        stages_ms: stages
            .map(|(stage, share)| (stage, percentiles(accepted, 2.4 * scale * share)))
            .collect(),
        curve: curve(accepted, 2.4 * scale),
        valid: true,
        generator: Generator {
            threads: 2,
            cpu_s: 0.61,
            cpu_s_per_1000: 0.122,
            busy: 0.31,
            starved: 0.04,
            lag_ms: percentiles(accepted, 0.02),
            waited_ms: percentiles(accepted, 0.4),
        },
        server: Some(Server {
            source: "/proc".to_owned(),
            processes: 5,
            cpu_s: 2.2 * scale,
            cpu_s_per_1000: 0.44 * scale,
            rss_before: 30 << 20,
            rss_peak: 38 << 20,
            rss_after: 37 << 20,
            descriptors_peak: 61,
        }),
        timeline: Timeline {
            interval_s,
            points: points.collect(),
        },
        settings: serde_json::to_value(plan).unwrap(),
        ..Measurement::default()
    }
}

/// A long tail: what the share of `1/nines` of all exceeds.
fn tail(inverse: f64, middle: f64) -> f64 {
    middle * (1.0 + 0.55 * inverse.ln() + 0.02 * inverse.ln().powi(3))
}

fn percentiles(count: u64, middle: f64) -> Percentiles {
    let at = |percentile: f64| tail(1.0 / (1.0 - percentile / 100.0), middle * 0.7);
    Percentiles {
        count,
        min: at(0.0) * 0.6,
        mean: at(60.0),
        p50: at(50.0),
        p90: at(90.0),
        p95: at(95.0),
        p99: at(99.0),
        p99_9: at(99.9),
        p99_99: tail(count as f64, middle * 0.7),
        max: tail(count as f64, middle * 0.7),
    }
}

fn curve(count: u64, middle: f64) -> Vec<(f64, f64)> {
    let last = (count as f64).ln();
    let steps = 120;
    (0..=steps)
        .map(|step| {
            let inverse = (last * f64::from(step) / f64::from(steps)).exp();
            let percentile = if step == steps {
                100.0
            } else {
                100.0 * (1.0 - 1.0 / inverse)
            };
            (percentile, tail(inverse, middle * 0.7))
        })
        .collect()
}
