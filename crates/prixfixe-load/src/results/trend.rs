//! The results of a scenario in the order of time.

use super::overview;
use super::sparkline;
use crate::results::KeptResult;
use crate::results::{Cell, Sheet};

/// How a scenario went from one result to the next.
#[derive(Debug, Clone, PartialEq)]
pub struct Trend {
    /// A row for each result, with changes against the median of the valid ones before it that had
    /// about as many messages.
    pub sheet: Sheet,
    /// The courses of rate and p99, each a name and a line of bars. Invalid results are dots.
    pub courses: [(&'static str, String); 2],
}

/// The trend of results whose newest stands last.
pub fn trend(results: &[&KeptResult]) -> Trend {
    let rates: Vec<_> = results.iter().map(|kept| rate(kept)).collect();
    let times: Vec<_> = results.iter().map(|kept| p99(kept)).collect();
    let mut sheet = Sheet::new(
        "",
        &[
            ("started_at", "started"),
            ("valid", "valid"),
            ("sent", "sent"),
            ("rate", "messages/s"),
            ("rate_change", "change"),
            ("latency_ms.p50", "p50 ms"),
            ("latency_ms.p99", "p99 ms"),
            ("latency_ms.p99_change", "change"),
            ("latency_ms.p99_9", "p99.9 ms"),
            ("failed", "failed"),
            ("server.cpu_s_per_1000", "CPU s per 1,000"),
            ("server.rss_peak", "memory"),
            ("file", "file"),
        ],
    );
    for (index, kept) in results.iter().enumerate() {
        let whole = &kept.result.whole;
        let before = |numbers: &[Option<f64>]| -> Vec<f64> {
            let alike = results.iter().zip(numbers).take(index);
            let alike = alike.filter(|(other, _)| are_alike(whole.sent, other.result.whole.sent));
            alike.filter_map(|(_, number)| *number).collect()
        };
        let time = |value: f64| match whole.latency_ms.count {
            0 => Cell::Unknown,
            _ => Cell::Number(value),
        };
        let server = whole.server.as_ref();
        sheet.push(vec![
            Cell::text(overview::started(kept)),
            Cell::Flag(whole.valid),
            Cell::Count(whole.sent),
            Cell::Number(whole.rate),
            change(rates[index], before(&rates)),
            time(whole.latency_ms.p50),
            time(whole.latency_ms.p99),
            change(times[index], before(&times)),
            time(whole.latency_ms.p99_9),
            Cell::Count(whole.failed),
            Cell::known(server.map(|server| server.cpu_s_per_1000)),
            server.map_or(Cell::Unknown, |server| Cell::Octets(server.rss_peak as f64)),
            Cell::text(kept.name()),
        ]);
    }
    Trend {
        sheet,
        courses: [
            ("messages/s", sparkline::draw(&rates)),
            ("p99 ms", sparkline::draw(&times)),
        ],
    }
}

fn rate(kept: &KeptResult) -> Option<f64> {
    let whole = &kept.result.whole;
    whole.valid.then_some(whole.rate)
}

fn p99(kept: &KeptResult) -> Option<f64> {
    let whole = &kept.result.whole;
    (whole.valid && whole.latency_ms.count > 0).then_some(whole.latency_ms.p99)
}

/// Whether two runs were about as long: a quick look at a tenth of a scenario says nothing of all of
/// it.
fn are_alike(one: u64, other: u64) -> bool {
    one.abs_diff(other) <= one.max(other) / 10
}

fn change(value: Option<f64>, mut known: Vec<f64>) -> Cell {
    known.sort_by(f64::total_cmp);
    match (value, median(&known)) {
        (Some(value), Some(median)) if median > 0.0 => Cell::Change(value / median - 1.0),
        _ => Cell::Unknown,
    }
}

fn median(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len().is_multiple_of(2) {
        return Some(f64::midpoint(*sorted.get(sorted.len() / 2 - 1)?, upper));
    }
    Some(upper)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up;

    fn kept(rate: f64, valid: bool) -> KeptResult {
        let mut result = made_up::burst();
        result.whole.rate = rate;
        result.whole.valid = valid;
        KeptResult {
            path: "burst.json".into(),
            result,
        }
    }

    #[test]
    fn a_result_is_seen_against_the_median_of_the_valid_ones_before_it() {
        let results = [
            kept(100.0, true),
            kept(200.0, true),
            kept(9000.0, false),
            kept(300.0, true),
        ];
        let trend = trend(&results.iter().collect::<Vec<_>>());
        let changes: Vec<&Cell> = trend.sheet.rows().iter().map(|row| &row[4]).collect();
        assert_eq!(
            changes,
            [
                &Cell::Unknown,
                &Cell::Change(1.0),
                &Cell::Unknown,
                &Cell::Change(1.0)
            ]
        );
        assert_eq!(trend.courses[0].1, "▁▅·█");
    }

    #[test]
    fn a_quick_look_is_not_held_against_the_whole() {
        let mut quick = kept(1000.0, true);
        quick.result.whole.sent /= 10;
        let mut nearly = kept(100.0, true);
        nearly.result.whole.sent -= 3;
        let results = [quick, nearly, kept(50.0, true)];
        let trend = trend(&results.iter().collect::<Vec<_>>());
        let changes: Vec<&Cell> = trend.sheet.rows().iter().map(|row| &row[4]).collect();
        let expected = [&Cell::Unknown, &Cell::Unknown, &Cell::Change(-0.5)];
        assert_eq!(changes, expected);
    }
}
