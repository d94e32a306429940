//! Durations, counted in memory of a fixed size.

use std::time::Duration;

use hdrhistogram::{Counter, Histogram};

use crate::result::Percentiles;

/// Durations from a microsecond to an hour, each kept to three digits (and half a microsecond);
/// least, mean and most are exact. 190 KB.
#[derive(Debug, Clone)]
pub(crate) struct Distribution {
    histogram: Histogram<u64>,
    least: Duration,
    most: Duration,
    sum: Duration,
}

impl Distribution {
    /// The longest duration that is told apart from longer ones.
    pub(crate) const MOST: Duration = Duration::from_secs(3600);
    /// How many digits of a duration are kept.
    const DIGITS: u8 = 3;

    pub(crate) fn new() -> Self {
        Self {
            histogram: histogram(Self::DIGITS),
            least: Duration::MAX,
            most: Duration::ZERO,
            sum: Duration::ZERO,
        }
    }

    pub(crate) fn record(&mut self, duration: Duration) {
        self.histogram.saturating_record(microseconds(duration));
        self.least = self.least.min(duration);
        self.most = self.most.max(duration);
        self.sum = self.sum.saturating_add(duration);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        add(&mut self.histogram, &other.histogram);
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
        self.sum = self.sum.saturating_add(other.sum);
    }

    pub(crate) fn clear(&mut self) {
        self.histogram.clear();
        self.least = Duration::MAX;
        self.most = Duration::ZERO;
        self.sum = Duration::ZERO;
    }

    pub(crate) fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// What this share of all, 0 to 1, does not exceed, in milliseconds; 0 without any.
    pub(crate) fn quantile_ms(&self, quantile: f64) -> f64 {
        let value = self.histogram.value_at_quantile(quantile) as f64 / 1e3;
        // The upper end of the last bucket may lie beyond what was seen.
        value.min(milliseconds(self.most))
    }

    pub(crate) fn percentiles(&self) -> Percentiles {
        let count = self.count();
        if count == 0 {
            return Percentiles::default();
        }
        Percentiles {
            count,
            min: milliseconds(self.least),
            mean: milliseconds(self.sum) / count as f64,
            p50: self.quantile_ms(0.5),
            p90: self.quantile_ms(0.9),
            p95: self.quantile_ms(0.95),
            p99: self.quantile_ms(0.99),
            p99_9: self.quantile_ms(0.999),
            p99_99: self.quantile_ms(0.9999),
            max: milliseconds(self.most),
        }
    }

    /// Percentiles and their milliseconds, denser and denser towards 100.
    pub(crate) fn curve(&self) -> Vec<(f64, f64)> {
        if self.count() == 0 {
            return Vec::new();
        }
        self.histogram
            .iter_quantiles(CURVE_POINTS)
            .map(|step| {
                let value = step.value_iterated_to() as f64 / 1e3;
                let percentile = 100.0 * step.quantile_iterated_to();
                (percentile, value.min(milliseconds(self.most)))
            })
            .collect()
    }
}

/// How many points a curve has for each halving of what is left to 100 %.
const CURVE_POINTS: u32 = 5;

/// A histogram of microseconds, as long as [`Distribution::MOST`].
pub(super) fn histogram<Count: Counter>(digits: u8) -> Histogram<Count> {
    #[allow(clippy::expect_used, reason = "the bounds and digits are constants")]
    Histogram::new_with_bounds(1, microseconds(Distribution::MOST), digits)
        .expect("a microsecond to an hour in one to five digits")
}

/// Adds up histograms of the same bounds.
pub(super) fn add<Count: Counter>(to: &mut Histogram<Count>, from: &Histogram<Count>) {
    // It fails only where the values of one do not fit the other.
    let added = to.add(from);
    debug_assert!(added.is_ok(), "{added:?}");
}

/// To the nearest one.
pub(super) fn microseconds(duration: Duration) -> u64 {
    let nearest = duration.as_nanos().saturating_add(500) / 1000;
    u64::try_from(nearest).unwrap_or(u64::MAX)
}

pub(super) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
#[allow(clippy::float_cmp, reason = "the same computation gives the same")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(durations: &[Duration]) -> Distribution {
        let mut distribution = Distribution::new();
        for duration in durations {
            distribution.record(*duration);
        }
        distribution
    }

    /// The smallest of the sorted durations that at least this share does not exceed.
    fn exact_ms(sorted: &[Duration], quantile: f64) -> f64 {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let rank = (quantile * sorted.len() as f64).ceil() as usize;
        milliseconds(sorted[rank.clamp(1, sorted.len()) - 1])
    }

    fn assert_within_precision(measured: f64, exact: f64, what: &str) {
        // Three digits, and a microsecond for the rounding.
        let bound = exact * 1e-3 + 1e-3;
        assert!(
            (measured - exact).abs() <= bound,
            "{what}: {measured} ms, not {exact} ms"
        );
    }

    proptest! {
        #[test]
        fn percentiles_agree_with_an_exact_computation(
            // From a tenth of a microsecond to an hour, as many of each magnitude.
            exponents in proptest::collection::vec(2.0_f64..12.5, 1..400),
            cut in 0_usize..400,
        ) {
            let durations: Vec<Duration> = exponents
                .iter()
                .map(|exponent| Duration::from_secs_f64(10_f64.powf(*exponent) / 1e9))
                .collect();
            let cut = cut.min(durations.len());
            let mut distribution = of(&durations[..cut]);
            distribution.merge(&of(&durations[cut..]));
            let mut sorted = durations.clone();
            sorted.sort();
            let percentiles = distribution.percentiles();
            for (measured, quantile) in [
                (percentiles.p50, 0.5),
                (percentiles.p90, 0.9),
                (percentiles.p95, 0.95),
                (percentiles.p99, 0.99),
                (percentiles.p99_9, 0.999),
                (percentiles.p99_99, 0.9999),
            ] {
                let exact = exact_ms(&sorted, quantile);
                assert_within_precision(measured, exact, &format!("{quantile}"));
            }
            prop_assert_eq!(percentiles.min, milliseconds(sorted[0]));
            prop_assert_eq!(percentiles.max, milliseconds(sorted[sorted.len() - 1]));
            let sum: Duration = sorted.iter().sum();
            let mean = milliseconds(sum) / sorted.len() as f64;
            prop_assert!((percentiles.mean - mean).abs() <= mean * 1e-9);
            let curve = distribution.curve();
            for pair in curve.windows(2) {
                prop_assert!(pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1);
            }
            let last = curve.last().unwrap();
            prop_assert_eq!(last.0, 100.0);
            assert_within_precision(last.1, percentiles.max, "the end of the curve");
        }
    }

    #[test]
    fn what_takes_longer_than_an_hour_is_not_lost() {
        let percentiles = of(&[Duration::from_secs(7200)]).percentiles();
        assert_eq!(percentiles.count, 1);
        assert!((percentiles.max - 7_200_000.0).abs() < f64::EPSILON);
        assert!(percentiles.p50 >= 3_600_000.0);
    }

    #[test]
    fn nothing_has_no_percentiles() {
        assert_eq!(Distribution::new().percentiles(), Percentiles::default());
        assert!(Distribution::new().curve().is_empty());
    }
}
