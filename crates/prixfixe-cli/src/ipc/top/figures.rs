//! What happened between two looks at a server.

use std::collections::HashMap;
use std::time::Duration;

use prixfixe_ipc::{ClientKind, ClientRow, ServiceTimes, Snapshot};
use serde::Serialize;

/// The figures of an interval, as they are printed: counts are those of the interval.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    pub(super) seconds: f64,
    pub(super) calls_per_second: f64,
    pub(super) calls_since_start: u64,
    pub(super) refused_calls: u64,
    pub(super) wakes_sent: u64,
    pub(super) wakes_avoided: u64,
    pub(super) sleeps: u64,
    pub(super) spins_won: u64,
    pub(super) spins_lost: u64,
    pub(super) refused_connections_since_start: u64,
    pub(super) corrupt_clients_since_start: u64,
    pub(super) service_p50_us: Option<f64>,
    pub(super) service_p99_us: Option<f64>,
    pub(super) service_p999_us: Option<f64>,
    pub(super) clients: Vec<Client>,
}

/// One client process.
#[derive(Debug, Serialize)]
pub(super) struct Client {
    pub(super) number: u32,
    pub(super) kind: &'static str,
    pub(super) uid: u32,
    pub(super) pid: Option<i32>,
    pub(super) channels: u64,
    pub(super) depth: u64,
    pub(super) in_flight: u64,
    pub(super) calls_per_second: f64,
    pub(super) calls: u64,
    pub(super) wakes_sent: u64,
    pub(super) wakes_avoided: u64,
    pub(super) streams: u64,
    pub(super) credit_bytes: u64,
}

impl Figures {
    /// Between two snapshots, taken `elapsed` apart.
    pub(super) fn between(before: &Snapshot, now: &Snapshot, elapsed: Duration) -> Self {
        let seconds = elapsed.as_secs_f64();
        let (then, server) = (&before.server, &now.server);
        let known: HashMap<u64, &ClientRow> = before
            .clients
            .iter()
            .map(|row| (row.connection, row))
            .collect();
        let times = now.service_times.since(&before.service_times);
        Self {
            seconds,
            calls_per_second: per_second(grown(then.calls, server.calls), seconds),
            calls_since_start: server.calls,
            refused_calls: grown(then.refused_calls, server.refused_calls),
            wakes_sent: grown(then.wakes_sent, server.wakes_sent),
            wakes_avoided: grown(then.wakes_avoided, server.wakes_avoided),
            sleeps: grown(then.sleeps, server.sleeps),
            spins_won: grown(then.spins_won, server.spins_won),
            spins_lost: grown(then.spins_lost, server.spins_lost),
            refused_connections_since_start: server.refused_connections,
            corrupt_clients_since_start: server.corrupt_clients,
            service_p50_us: micros(&times, 0.5),
            service_p99_us: micros(&times, 0.99),
            service_p999_us: micros(&times, 0.999),
            clients: now
                .clients
                .iter()
                .map(|row| Client::between(known.get(&row.connection).copied(), row, seconds))
                .collect(),
        }
    }
}

impl Client {
    fn between(before: Option<&ClientRow>, now: &ClientRow, seconds: f64) -> Self {
        let calls = grown(before.map_or(0, |row| row.calls), now.calls);
        Self {
            number: now.number,
            kind: match now.kind {
                ClientKind::Blocking => "blocking",
                ClientKind::Asynchronous => "async",
                ClientKind::Observer => "observer",
                _ => "other",
            },
            uid: now.uid,
            pid: now.pid.map(std::num::NonZero::get),
            channels: now.channels,
            // What was found at the last look says nothing about a client that has called since never.
            depth: if calls > 0 { now.depth } else { 0 },
            in_flight: now.in_flight,
            calls_per_second: per_second(calls, seconds),
            calls,
            wakes_sent: grown(before.map_or(0, |row| row.wakes_sent), now.wakes_sent),
            wakes_avoided: grown(before.map_or(0, |row| row.wakes_avoided), now.wakes_avoided),
            streams: now.streams,
            credit_bytes: now.credit,
        }
    }
}

fn grown(before: u64, now: u64) -> u64 {
    now.saturating_sub(before)
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        (count as f64 / seconds * 10.0).round() / 10.0
    } else {
        0.0
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn micros(times: &ServiceTimes, quantile: f64) -> Option<f64> {
    times.quantile_ns(quantile).map(|ns| ns as f64 / 1e3)
}
