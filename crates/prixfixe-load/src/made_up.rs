//! Results that were never measured, for tests.

use std::collections::BTreeMap;

use serde_json::json;

use crate::failure::FailureKind;
use crate::result::{
    CallOutcome, Connections, DiskProbe, ErrorCount, Findings, Generator, Machine, Measurement,
    Part, Percentiles, Point, ResultFile, SCHEMA, Server, Table, Timeline, Verification,
};
use crate::stage::Stage;

/// 5,000 messages of 10 KiB in five seconds by 50 workers, every field filled.
pub(crate) fn burst() -> ResultFile {
    ResultFile {
        schema: SCHEMA,
        scenario: "burst".to_owned(),
        started_at: "2026-11-21T17:45:00.5Z".to_owned(),
        passed: true,
        faults: vec!["nothing to speak of".to_owned()],
        whole: measurement(),
        parts: vec![Part {
            name: "1 server".to_owned(),
            measured: measurement(),
        }],
        tables: vec![Table {
            title: "Servers".to_owned(),
            columns: vec!["servers".to_owned(), "messages/s".to_owned()],
            rows: vec![vec!["1".to_owned(), "1,000".to_owned()]],
        }],
        disk_probe: Some(DiskProbe {
            sync_ms: times(500, 0.5),
            void: false,
        }),
        machine: Machine {
            processor: "Example 3000".to_owned(),
            processors: 4,
            memory: 8 << 30,
            kernel: "Linux 6.18".to_owned(),
            descriptors: 1024,
            file_system: Some("ext4".to_owned()),
        },
        versions: BTreeMap::from([("prixfixe".to_owned(), "0.1.0".to_owned())]),
        command: "prixfixe stress burst".to_owned(),
    }
}

/// What `burst` measured.
pub(crate) fn measurement() -> Measurement {
    Measurement {
        duration_s: 5.0,
        rate: 1000.0,
        sent: 5000,
        overdue: 0,
        accepted: 5000,
        failed: 0,
        octets: 5000 * 10_240,
        connections: Connections {
            made: 50,
            remade: 0,
            tls_full: 50,
            tls_resumed: 0,
        },
        latency_ms: times(5000, 10.0),
        stages_ms: BTreeMap::from([
            (Stage::DataEnd, times(5000, 8.0)),
            (Stage::Total, times(5000, 10.0)),
        ]),
        curve: vec![(0.0, 1.0), (50.0, 10.0), (99.0, 20.0), (100.0, 40.0)],
        errors: vec![ErrorCount {
            kind: FailureKind::Transient(452),
            stage: Stage::DataEnd,
            count: 1,
            example: "452 4.3.1 no room".to_owned(),
        }],
        outcomes: vec![CallOutcome {
            outcome: "failed_maybe".to_owned(),
            reason: "the server was gone".to_owned(),
            count: 2,
            executed: 1,
        }],
        broken_off_by: Some("the ledger could not be written".to_owned()),
        valid: true,
        invalid_because: vec!["the generator lagged".to_owned()],
        generator: Generator {
            threads: 2,
            cpu_s: 0.5,
            cpu_s_per_1000: 0.1,
            busy: 0.05,
            starved: 0.02,
            lag_ms: times(5000, 0.1),
            waited_ms: times(5000, 0.0),
        },
        server: Some(Server {
            source: "/proc".to_owned(),
            processes: 1,
            cpu_s: 1.0,
            cpu_s_per_1000: 0.2,
            rss_before: 8 << 20,
            rss_peak: 16 << 20,
            rss_after: 9 << 20,
            descriptors_peak: 70,
        }),
        timeline: timeline(20, |_| 250),
        verification: Some(Verification {
            source: "the store".to_owned(),
            acknowledged: 5000,
            stored: 5000,
            lost: findings(),
            duplicated: findings(),
            altered: findings(),
            misdelivered: findings(),
            recipients_known: 5000,
            refused_but_stored: findings(),
            foreign: findings(),
            ..Verification::default()
        }),
        settings: json!({
            "targets": ["127.0.0.1:2525"],
            "schedule": {"closed": {"messages": 5000, "lasts": null}},
            "workers": 50,
        }),
    }
}

/// Intervals of a quarter of a second, in each of which so many messages are acknowledged.
pub(crate) fn timeline(intervals: usize, accepted: impl Fn(usize) -> u64) -> Timeline {
    let point = |number: usize| Point {
        at_s: number as f64 * 0.25,
        intended: accepted(number),
        accepted: accepted(number),
        failed: 0,
        p50_ms: 2500.0 / accepted(number) as f64,
        p99_ms: 5000.0 / accepted(number) as f64,
        max_ms: 40.0,
        server_rss: Some(9 << 20),
        server_cpus: Some(0.2),
    };
    Timeline {
        interval_s: 0.25,
        points: (0..intervals).map(point).collect(),
    }
}

/// None, though with a name, so that no list is empty.
fn findings() -> Findings {
    Findings {
        count: 0,
        named: vec!["7: an example".to_owned()],
    }
}

fn times(count: u64, median: f64) -> Percentiles {
    Percentiles {
        count,
        min: median / 10.0,
        mean: median * 1.1,
        p50: median,
        p90: median * 1.5,
        p95: median * 1.7,
        p99: median * 2.0,
        p99_9: median * 3.0,
        p99_99: median * 3.5,
        max: median * 4.0,
    }
}
