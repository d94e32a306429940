//! Results as a table: a row each, with what one looks at first.

use std::collections::BTreeMap;

use jiff::{RoundMode, TimestampRound, Unit};

use crate::results::KeptResult;
use crate::results::{Cell, Sheet};

/// A row for every result, in the order given. Times are in UTC, as in the names of the files.
pub fn overview<'a>(results: impl IntoIterator<Item = &'a KeptResult>) -> Sheet {
    let mut sheet = Sheet::new(
        "",
        &[
            ("scenario", "scenario"),
            ("started_at", "started"),
            ("passed", "passed"),
            ("valid", "valid"),
            ("rate", "messages/s"),
            ("accepted", "accepted"),
            ("failed", "failed"),
            ("latency_ms.p50", "p50 ms"),
            ("latency_ms.p99", "p99 ms"),
            ("latency_ms.p99_9", "p99.9 ms"),
            ("file", "file"),
        ],
    );
    for kept in results {
        let result = &kept.result;
        let whole = &result.whole;
        let latency = |value| match whole.latency_ms.count {
            0 => Cell::Unknown,
            _ => Cell::Number(value),
        };
        sheet.push(vec![
            Cell::text(&result.scenario),
            Cell::text(started(kept)),
            Cell::Flag(result.passed),
            Cell::Flag(whole.valid),
            Cell::Number(whole.rate),
            Cell::Count(whole.accepted),
            Cell::Count(whole.failed),
            latency(whole.latency_ms.p50),
            latency(whole.latency_ms.p99),
            latency(whole.latency_ms.p99_9),
            Cell::text(kept.name()),
        ]);
    }
    sheet
}

/// The newest result of each scenario, of results whose newest stands last; in alphabetical order.
pub fn newest_of_each(results: &[KeptResult]) -> Vec<&KeptResult> {
    let mut newest = BTreeMap::new();
    for kept in results {
        newest.insert(&*kept.result.scenario, kept);
    }
    newest.into_values().collect()
}

/// The time of a result to the second; what the file says where that is no time.
pub(super) fn started(kept: &KeptResult) -> String {
    let second = TimestampRound::new()
        .smallest(Unit::Second)
        .mode(RoundMode::Floor);
    kept.started_at()
        .and_then(|time| time.round(second).ok())
        .map_or_else(|| kept.result.started_at.clone(), |time| time.to_string())
}
