//! Any result at all: numbers that are none, times out of order, texts of any kind.

use prixfixe_load::failure::FailureKind;
use prixfixe_load::failure::Stage;
use prixfixe_load::result::{
    DiskProbe, ErrorCount, Findings, Generator, Measurement, Part, Percentiles, Point, ResultFile,
    Server, Table, Timeline, Verification,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::example;

pub(crate) fn result() -> impl Strategy<Value = ResultFile> {
    let tables = vec(
        (text(), vec(text(), 0..4), vec(vec(text(), 0..4), 0..4)),
        0..3,
    );
    let parts = prop_oneof![9 => 0..3usize, 1 => 9..11usize]
        .prop_flat_map(|count| vec((text(), measurement()), count));
    let texts = (text(), text(), vec(text(), 0..3), any::<bool>());
    let probe = option::of((percentiles(), any::<bool>()));
    (texts, measurement(), parts, tables, probe).prop_map(
        |((scenario, started_at, faults, passed), whole, parts, tables, probe)| ResultFile {
            scenario,
            started_at,
            faults,
            passed,
            whole,
            parts: parts
                .into_iter()
                .map(|(name, measured)| Part { name, measured })
                .collect(),
            tables: tables
                .into_iter()
                .map(|(title, columns, rows)| Table {
                    title,
                    columns,
                    rows,
                })
                .collect(),
            disk_probe: probe.map(|(sync_ms, void)| DiskProbe { sync_ms, void }),
            ..example::empty()
        },
    )
}

/// Characters that mean something to a page, and all others but the controls that no page may hold.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[<>&\"'/ a-c!-]{0,12}", 1 => "\\PC{0,12}"]
}

fn number() -> impl Strategy<Value = f64> {
    let odd = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        0.0,
        -0.0,
    ];
    prop_oneof![4 => 0.0..1e4, 1 => any::<f64>(), 1 => select(odd.to_vec())]
}

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..10_000u64, 1 => any::<u64>()]
}

fn percentiles() -> impl Strategy<Value = Percentiles> {
    (count(), vec(number(), 9)).prop_map(|(count, it)| Percentiles {
        count,
        min: it[0],
        mean: it[1],
        p50: it[2],
        p90: it[3],
        p95: it[4],
        p99: it[5],
        p99_9: it[6],
        p99_99: it[7],
        max: it[8],
    })
}

fn point() -> impl Strategy<Value = Point> {
    let servers = (option::of(count()), option::of(number()));
    (vec(number(), 4), vec(count(), 3), servers).prop_map(
        |(numbers, counts, (server_rss, server_cpus))| Point {
            at_s: numbers[0],
            intended: counts[0],
            accepted: counts[1],
            failed: counts[2],
            p50_ms: numbers[1],
            p99_ms: numbers[2],
            max_ms: numbers[3],
            server_rss,
            server_cpus,
        },
    )
}

/// Points in order, or in none.
fn timeline() -> impl Strategy<Value = Timeline> {
    let length = prop_oneof![9 => 0..30usize, 1 => 700..800usize];
    let points = length.prop_flat_map(|length| vec(point(), length));
    (number(), points, any::<bool>()).prop_map(|(interval_s, mut points, in_order)| {
        if in_order {
            for (index, point) in points.iter_mut().enumerate() {
                point.at_s = index as f64 * interval_s.abs();
            }
        }
        Timeline { interval_s, points }
    })
}

fn error() -> impl Strategy<Value = ErrorCount> {
    let kinds = [
        FailureKind::Refused,
        FailureKind::Timeout,
        FailureKind::Transient(0),
        FailureKind::Permanent(u16::MAX),
    ];
    (
        select(kinds.to_vec()),
        select(Stage::ALL.to_vec()),
        count(),
        text(),
    )
        .prop_map(|(kind, stage, count, example)| ErrorCount {
            kind,
            stage,
            count,
            example,
        })
}

fn findings() -> impl Strategy<Value = Findings> {
    (count(), vec(text(), 0..3)).prop_map(|(count, named)| Findings { count, named })
}

fn verification() -> impl Strategy<Value = Verification> {
    (text(), vec(count(), 6), vec(findings(), 6)).prop_map(|(source, counts, mut found)| {
        Verification {
            source,
            acknowledged: counts[0],
            stored: counts[1],
            unanswered_but_stored: counts[2],
            unlabelled: counts[3],
            of_other_runs: counts[4],
            lost: found.remove(0),
            duplicated: found.remove(0),
            altered: found.remove(0),
            misdelivered: found.remove(0),
            recipients_known: counts[5],
            refused_but_stored: found.remove(0),
            foreign: found.remove(0),
        }
    })
}

fn measurement() -> impl Strategy<Value = Measurement> {
    let figures = (number(), number(), vec(count(), 4), percentiles());
    let stages = btree_map(select(Stage::ALL.to_vec()), percentiles(), 0..5);
    let curve = vec((prop_oneof![0.0..=100.0, number()], number()), 0..20);
    let verdict = (any::<bool>(), vec(text(), 0..2));
    let sides = (
        percentiles(),
        option::of((text(), number(), count())),
        option::of(verification()),
    );
    (figures, stages, curve, vec(error(), 0..4), verdict, sides, timeline(), text()).prop_map(
        |((duration_s, rate, counts, latency_ms), stages_ms, curve, errors, (valid, why), (lag_ms, server, verification), timeline, text)| {
            Measurement {
                duration_s,
                rate,
                sent: counts[0],
                accepted: counts[1],
                failed: counts[2],
                octets: counts[3],
                latency_ms,
                stages_ms,
                curve,
                errors,
                valid,
                invalid_because: why,
                generator: Generator {
                    lag_ms,
                    busy: rate,
                    starved: rate,
                    ..Generator::default()
                },
                server: server.map(|(source, cpu_s, rss_peak)| Server {
                    source,
                    cpu_s,
                    cpu_s_per_1000: cpu_s,
                    rss_peak,
                    ..Server::default()
                }),
                timeline,
                verification,
                settings: serde_json::json!({"targets": [text], "schedule": {"closed": {"messages": counts[0], "lasts": null}}}),
                ..Measurement::default()
            }
        },
    )
}
