//! Where a value lies on an axis, and which values are written beside it.

use super::number;

/// An axis: a stretch of values, laid out from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    kind: Kind,
    /// What is written beside it, in order.
    pub(super) ticks: Vec<Tick>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// From 0 to this.
    Linear(f64),
    /// Between these logarithms.
    Logarithmic { from: f64, to: f64 },
}

/// A value that is written beside an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    /// Where, from 0 to 1.
    pub(super) at: f64,
    /// What is written there.
    pub(super) label: String,
    /// Whether it can go where there is little room.
    pub(super) spare: bool,
}

impl Scale {
    /// From 0 to a round value at or above `most`.
    pub(super) fn linear(most: f64) -> Self {
        let most = sound(most).unwrap_or(1.0);
        let step = round_step(most / STEPS);
        let steps = (most / step).ceil();
        let to = steps * step;
        Self {
            kind: Kind::Linear(to),
            ticks: multiples(step, to, step_decimals(step)),
        }
    }

    /// From 0 to exactly `seconds`, in seconds, minutes or hours; also the name of that unit.
    pub(super) fn time(seconds: f64) -> (Self, &'static str) {
        let seconds = sound(seconds).unwrap_or(1.0);
        let (unit, name) = match seconds {
            10_800.0.. => (3600.0, "hours"),
            180.0.. => (60.0, "minutes"),
            _ => (1.0, "seconds"),
        };
        let to = seconds / unit;
        let step = round_step(to / STEPS);
        let scale = Self {
            kind: Kind::Linear(seconds),
            ticks: multiples(step, to, step_decimals(step)),
        };
        (scale, name)
    }

    /// Logarithmic, from a round value at or below `least` to one at or above `most`.
    pub(super) fn logarithmic(least: f64, most: f64) -> Self {
        let most = sound(most).unwrap_or(1.0);
        let least = sound(least).unwrap_or(most).min(most);
        let mut from = round_below(least);
        let mut to = round_above(most);
        let many = to / from > MOST_DETAILED;
        if many {
            from = 10f64.powf(from.log10().floor());
            to = 10f64.powf(to.log10().ceil());
        }
        if to <= from {
            to = from * 10.0;
        }
        let kind = Kind::Logarithmic {
            from: from.log10(),
            to: to.log10(),
        };
        let decades = (to / from).log10();
        let written: &[f64] = if many { &[1.0] } else { &[1.0, 2.0, 5.0] };
        // At most so many powers of ten are written, however far they reach.
        let every = (decades / 8.0).ceil().max(1.0);
        let mut ticks = Vec::new();
        let mut power = from.log10().floor();
        while power <= to.log10() {
            for digit in written {
                let value = digit * 10f64.powf(power);
                let at = (value / from).log10() / decades;
                if (-1e-9..=1.0 + 1e-9).contains(&at) {
                    ticks.push(Tick {
                        at: at.clamp(0.0, 1.0),
                        label: number::with_decimals(value, step_decimals(value)),
                        spare: *digit > 1.0,
                    });
                }
            }
            power += every;
        }
        Self { kind, ticks }
    }

    /// Percentiles as those who look at tails draw them: every further nine takes as much room as
    /// the one before. Values are `1 / (1 − share)`; it ends at `most` of them.
    pub(super) fn percentiles(most: f64) -> Self {
        let to = sound(most).unwrap_or(0.0).clamp(100.0, 1e9).log10();
        let written = [
            ("0 %", 0.0, true),
            ("50 %", 2f64.log10(), false),
            ("90 %", 1.0, false),
            ("99 %", 2.0, false),
            ("99.9 %", 3.0, false),
            ("99.99 %", 4.0, false),
            ("99.999 %", 5.0, true),
            ("99.9999 %", 6.0, true),
        ];
        let ticks = written.into_iter().filter(|(_, at, _)| *at <= to);
        Self {
            kind: Kind::Logarithmic { from: 0.0, to },
            ticks: ticks
                .map(|(label, at, spare)| Tick {
                    at: at / to,
                    label: label.to_owned(),
                    spare,
                })
                .collect(),
        }
    }

    /// Where a value lies; nowhere if it is no number, or has no logarithm. Values beyond either end
    /// lie at that end.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        if !value.is_finite() {
            return None;
        }
        let at = match self.kind {
            Kind::Linear(to) => value / to,
            Kind::Logarithmic { .. } if value <= 0.0 => return None,
            Kind::Logarithmic { from, to } => (value.log10() - from) / (to - from),
        };
        Some(at.clamp(0.0, 1.0))
    }

    /// Whether it is logarithmic.
    pub(super) fn is_logarithmic(&self) -> bool {
        matches!(self.kind, Kind::Logarithmic { .. })
    }
}

/// How many times its least value the highest of an axis may be that writes 2 and 5, too.
const MOST_DETAILED: f64 = 1100.0;

/// About how many ticks a linear axis has.
const STEPS: f64 = 5.0;

/// What an axis can hold: a positive number, and not so large or small that steps of it vanish.
fn sound(value: f64) -> Option<f64> {
    (value.is_finite() && value > 0.0).then(|| value.clamp(1e-6, 1e15))
}

/// The next of 1, 2, 5 times a power of ten.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let digit = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|digit| digit * power >= least * (1.0 - 1e-9));
    digit.unwrap_or(10.0) * power
}

fn round_above(value: f64) -> f64 {
    round_step(value)
}

fn round_below(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    let digit = [5.0, 2.0]
        .into_iter()
        .find(|digit| digit * power <= value * (1.0 + 1e-9));
    digit.unwrap_or(1.0) * power
}

fn multiples(step: f64, to: f64, decimals: usize) -> Vec<Tick> {
    let mut ticks = Vec::new();
    let mut number = 0u8;
    // A step is at least a tenth of the axis, so there are few.
    while f64::from(number) * step <= to * (1.0 + 1e-9) && number < 20 {
        let value = f64::from(number) * step;
        ticks.push(Tick {
            at: (value / to).min(1.0),
            label: number::with_decimals(value, decimals),
            spare: !number.is_multiple_of(2),
        });
        number += 1;
    }
    ticks
}

/// How many decimals a step needs.
fn step_decimals(step: f64) -> usize {
    (0..=6)
        .find(|decimals| {
            let shifted = step * 10f64.powi(*decimals);
            (shifted - shifted.round()).abs() < 1e-6 * shifted
        })
        .and_then(|decimals| usize::try_from(decimals).ok())
        .unwrap_or(6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale) -> Vec<&str> {
        scale.ticks.iter().map(|tick| &tick.label[..]).collect()
    }

    #[test]
    fn a_linear_axis_ends_at_a_round_value_above_all() {
        let scale = Scale::linear(4321.0);
        assert_eq!(
            labels(&scale),
            ["0", "1,000", "2,000", "3,000", "4,000", "5,000"]
        );
        assert_eq!(scale.place(2500.0), Some(0.5));
        assert_eq!(labels(&Scale::linear(0.3)), ["0.0", "0.1", "0.2", "0.3"]);
    }

    #[test]
    fn an_axis_of_time_ends_where_the_run_does_and_has_a_unit_to_suit() {
        let (scale, unit) = Scale::time(60.0);
        assert_eq!((labels(&scale).len(), unit), (4, "seconds"));
        assert_eq!(scale.place(60.0), Some(1.0));
        let (scale, unit) = Scale::time(600.0);
        assert_eq!(labels(&scale), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(unit, "minutes");
        assert_eq!(Scale::time(36_000.0).1, "hours");
    }

    #[test]
    fn a_logarithmic_axis_writes_more_values_where_it_is_short() {
        assert_eq!(
            labels(&Scale::logarithmic(1.3, 40.0)),
            ["1", "2", "5", "10", "20", "50"]
        );
        assert_eq!(
            labels(&Scale::logarithmic(0.15, 900.0)),
            ["0.1", "1", "10", "100", "1,000"]
        );
    }

    #[test]
    fn each_nine_takes_as_much_room_as_the_one_before() {
        let scale = Scale::percentiles(10_000.0);
        assert_eq!(scale.place(1.0 / (1.0 - 0.9)), Some(0.25));
        assert_eq!(labels(&scale).last(), Some(&"99.99 %"));
    }

    #[test]
    fn what_is_no_number_lies_nowhere_and_no_axis_breaks_on_it() {
        for odd in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e-300, 1e300] {
            for scale in [
                Scale::linear(odd),
                Scale::time(odd).0,
                Scale::logarithmic(odd, odd),
                Scale::percentiles(odd),
            ] {
                assert!(!scale.ticks.is_empty() && scale.ticks.len() < 25, "{odd}");
                assert!(
                    scale
                        .ticks
                        .iter()
                        .all(|tick| (0.0..=1.0).contains(&tick.at))
                );
                assert_eq!(scale.place(f64::NAN), None);
                assert!(scale.place(odd).is_none_or(|at| (0.0..=1.0).contains(&at)));
            }
        }
    }
}
