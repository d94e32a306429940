//! The five runs whose figures the replaced system published, and ours beside them.

use prixfixe_load::plan::MessageSize;
use prixfixe_load::result::Table;

use super::extent::Extent;
use super::loads::{self, LARGE_PROMISE, Load, Promise, USUAL_PROMISE};
use crate::stress::lab::{Lab, LabError};

/// A run, and what was published of it.
struct Row {
    load: Load,
    rate: f64,
    p99_ms: f64,
    /// Of all messages in percent, where that was published.
    success: Option<f64>,
}

/// What was published gives no number of messages; these take some seconds each.
const ROWS: [Row; 5] = [
    row(
        "1 KB, 20 workers",
        2_000,
        20,
        MessageSize::SMALL,
        USUAL_PROMISE,
        (546.0, 18.4, None),
    ),
    row(
        "10 KB, 20 workers",
        2_000,
        20,
        MessageSize::MEDIUM,
        USUAL_PROMISE,
        (659.0, 15.6, None),
    ),
    row(
        "1 KB, 50 workers",
        5_000,
        50,
        MessageSize::SMALL,
        USUAL_PROMISE,
        (640.0, 18.7, Some(99.78)),
    ),
    row(
        "10 KB, 1 worker",
        500,
        1,
        MessageSize::MEDIUM,
        USUAL_PROMISE,
        (36.6, 5.8, None),
    ),
    row(
        "100 KB, 20 workers",
        1_000,
        20,
        MessageSize::LARGE,
        LARGE_PROMISE,
        (453.0, 157.0, None),
    ),
];

const fn row(
    name: &'static str,
    messages: u64,
    workers: usize,
    size: MessageSize,
    promise: Promise,
    (rate, p99_ms, success): (f64, f64, Option<f64>),
) -> Row {
    Row {
        load: Load {
            name,
            course: loads::Course::Burst(messages),
            workers,
            size,
            promise,
        },
        rate,
        p99_ms,
        success,
    }
}

pub(super) fn run(lab: &mut Lab, extent: Extent) -> Result<(), LabError> {
    lab.start_servers(1, "")?;
    lab.probe_disk()?;
    let mut rows = Vec::new();
    for row in &ROWS {
        let ours = loads::measure(lab, extent, &row.load)?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let success = 100.0 * ours.accepted as f64 / ours.sent.max(1) as f64;
        rows.push(vec![
            row.load.name.to_owned(),
            format!("{:.1}", row.rate),
            format!("{:.1}", ours.rate),
            format!("{:.1}", ours.rate / row.rate),
            format!("{:.1}", row.p99_ms),
            format!("{:.1}", ours.latency_ms.p99),
            row.success
                .map_or_else(String::new, |percent| format!("{percent:.2} %")),
            format!("{success:.2} %"),
        ]);
    }
    lab.end_disk_probe();
    lab.table(Table {
        title: "Beside what the replaced system published, on another machine".to_owned(),
        columns: [
            "run",
            "published messages/s",
            "ours",
            "ratio",
            "published p99 ms",
            "ours",
            "published success",
            "ours",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows,
    });
    loads::judge(lab, &ROWS.each_ref().map(|row| row.load.promise));
    Ok(())
}
