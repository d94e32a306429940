//! How sure a ratio is.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Where a ratio lies with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Interval {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Interval {
    pub(super) fn holds(self, ratio: f64) -> bool {
        self.low <= ratio && ratio <= self.high
    }
}

/// The geometric mean, in which ratios are at home; the mean where a value is zero.
pub(super) fn typical(values: &[f64]) -> f64 {
    match logarithms(values) {
        Some(logarithms) => mean(&logarithms).exp(),
        None => mean(values),
    }
}

/// For the ratio of the geometric means of independent runs: Welch's interval of their logarithms.
/// `None` with fewer than two runs on a side, or where a value is not above zero.
pub(super) fn of_means(first: &[f64], second: &[f64]) -> Option<Interval> {
    if first.len() < 2 || second.len() < 2 {
        return None;
    }
    let (first, second) = (logarithms(first)?, logarithms(second)?);
    let shift = mean(&second) - mean(&first);
    let of_side = |side: &[f64]| (variance(side) / side.len() as f64, side.len() as f64 - 1.0);
    let ((one, one_freedom), (other, other_freedom)) = (of_side(&first), of_side(&second));
    let error = (one + other).sqrt();
    let divisor = one * one / one_freedom + other * other / other_freedom;
    // Without any spread at all there is nothing to be unsure about.
    let freedom = if divisor > 0.0 {
        (one + other).powi(2) / divisor
    } else {
        f64::from(u16::MAX)
    };
    let reach = student_quantile(freedom) * error;
    Some(Interval {
        low: (shift - reach).exp(),
        high: (shift + reach).exp(),
    })
}

/// For the ratio of the means of two courses whose neighbours resemble each other: a bootstrap of
/// blocks around the circle. `None` where there are too few values.
pub(super) fn of_series(first: &[f64], second: &[f64]) -> Option<Interval> {
    if first.len() < LEAST_VALUES || second.len() < LEAST_VALUES {
        return None;
    }
    let (one_block, other_block) = (block_length(first), block_length(second));
    if first.len() < LEAST_BLOCKS * one_block || second.len() < LEAST_BLOCKS * other_block {
        return None;
    }
    // The same files always give the same answer.
    let mut random = StdRng::seed_from_u64(1);
    let mut ratios = Vec::with_capacity(DRAWS);
    for _ in 0..DRAWS {
        let one = drawn_mean(first, one_block, &mut random);
        let other = drawn_mean(second, other_block, &mut random);
        if one > 0.0 {
            ratios.push(other / one);
        }
    }
    ratios.sort_by(f64::total_cmp);
    let at = |rank: usize| ratios.get(rank).copied();
    Some(Interval {
        low: at(ratios.len() / 40)?,
        high: at(ratios.len() - 1 - ratios.len() / 40)?,
    })
}

/// Fewer intervals of a timeline say nothing about how it varies.
const LEAST_VALUES: usize = 12;

/// Fewer independent stretches say nothing either.
const LEAST_BLOCKS: usize = 4;

/// How many times courses are drawn anew: the ends of the interval then move by a few hundredths of
/// its length.
const DRAWS: usize = 2000;

/// How far values resemble their followers: up to where the correlation is no more than chance, and
/// at least the cube root of their number, as is usual for this bootstrap.
fn block_length(values: &[f64]) -> usize {
    let count = values.len();
    let mean = mean(values);
    let product = |distance: usize| -> f64 {
        values
            .iter()
            .zip(&values[distance..])
            .map(|(one, other)| (one - mean) * (other - mean))
            .sum()
    };
    let whole = product(0);
    let chance = 2.0 / (count as f64).sqrt();
    let usual = (1..count)
        .find(|length| length.pow(3) >= count)
        .unwrap_or(1);
    if whole <= 0.0 {
        return usual;
    }
    let last = count / 2;
    (1..last)
        .find(|distance| product(*distance) / whole < chance)
        .unwrap_or(last)
        .max(usual)
}

fn drawn_mean(values: &[f64], block: usize, random: &mut StdRng) -> f64 {
    let mut sum = 0.0;
    let mut left = values.len();
    while left > 0 {
        let start = random.random_range(0..values.len());
        let length = block.min(left);
        let (before, from) = values.split_at(start);
        sum += from.iter().chain(before).take(length).sum::<f64>();
        left -= length;
    }
    sum / values.len() as f64
}

fn logarithms(values: &[f64]) -> Option<Vec<f64>> {
    values
        .iter()
        .map(|value| (*value > 0.0).then(|| value.ln()))
        .collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    squares / (values.len() as f64 - 1.0)
}

/// The 97.5 % quantile of Student's distribution, for the next lower whole number of degrees of
/// freedom: an interval rather too wide than too narrow.
fn student_quantile(freedom: f64) -> f64 {
    // Degrees of freedom are positive; beyond the table the last value is too wide by 4 %.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = freedom.floor() as usize;
    STUDENT[whole.clamp(1, STUDENT.len()) - 1]
}

const STUDENT: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
];

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn welch_agrees_with_a_hand_computed_case() {
        // Logarithms 1, 2, 3 and 3, 4, 5: shift 2, variance 1 each, error √(2/3), 4 degrees.
        let values = |logarithms: [f64; 3]| logarithms.map(f64::exp);
        let interval = of_means(&values([1.0, 2.0, 3.0]), &values([3.0, 4.0, 5.0])).unwrap();
        let reach = 2.776 * (2.0_f64 / 3.0).sqrt();
        // Four degrees of freedom may come out a hair below four.
        let wider = 3.182 * (2.0_f64 / 3.0).sqrt();
        let low = interval.low.ln();
        assert!(
            (low - (2.0 - reach)).abs() < 1e-9 || (low - (2.0 - wider)).abs() < 1e-9,
            "{interval:?}"
        );
        assert!((interval.high.ln() + low - 4.0).abs() < 1e-9);
    }

    #[test]
    fn one_run_tells_nothing_about_the_next() {
        assert_eq!(of_means(&[1.0], &[2.0, 2.1]), None);
        assert_eq!(of_means(&[1.0, 0.0], &[2.0, 2.1]), None);
        assert_eq!(of_series(&[1.0; 11], &[1.0; 50]), None);
    }

    #[test]
    fn equal_values_leave_no_doubt() {
        let interval = of_series(&[2.0; 40], &[3.0; 40]).unwrap();
        assert!((interval.low - 1.5).abs() < 1e-12 && (interval.high - 1.5).abs() < 1e-12);
        let interval = of_means(&[2.0; 3], &[3.0; 3]).unwrap();
        assert!((interval.low - 1.5).abs() < 1e-12 && (interval.high - 1.5).abs() < 1e-12);
    }

    #[test]
    fn values_that_resemble_their_neighbours_count_for_less() {
        let mut random = StdRng::seed_from_u64(7);
        let loose: Vec<f64> = (0..400).map(|_| 10.0 + random.random::<f64>()).collect();
        // Each value twenty times in a row: twenty independent ones.
        let sticky: Vec<f64> = (0..400).map(|index| loose[index / 20 * 20]).collect();
        assert!(block_length(&loose) <= 10);
        assert!(block_length(&sticky) > 10);
        let width = |values: &[f64]| {
            let interval = of_series(values, values).unwrap();
            interval.high - interval.low
        };
        assert!(width(&sticky) > 2.0 * width(&loose));
    }

    #[test]
    fn ninety_five_of_a_hundred_intervals_hold_the_truth() {
        let mut random = StdRng::seed_from_u64(3);
        let mut course = |level: f64| -> Vec<f64> {
            (0..60)
                .map(|_| level + random.random::<f64>() * 4.0 - 2.0)
                .collect()
        };
        let held = (0..80)
            .filter(|_| {
                let interval = of_series(&course(10.0), &course(12.0)).unwrap();
                assert!(interval.high - interval.low < 0.15, "{interval:?}");
                (interval.low..=interval.high).contains(&1.2)
            })
            .count();
        // 76 expected, and the seed is fixed; a bootstrap of sixty values is a little too narrow.
        assert!(held >= 68, "{held}");
    }
}
