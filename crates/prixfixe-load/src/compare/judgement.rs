//! What to make of a ratio.

use super::confidence::Interval;
use crate::result::Measurement;
use crate::results::Figure;

/// What to make of a ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Worse by more than the threshold, and it is not shown to be chance.
    Regression,
    /// Better by more than the threshold, and it is not shown to be chance.
    Better,
    /// Within the threshold.
    Same,
    /// Beyond the threshold, but so different are runs, or stretches of one, anyway.
    MayBeChance,
    /// Too few messages, or a figure that one side has not.
    TooLittleToTell,
}

impl Judgement {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Regression => "regression",
            Self::Better => "better",
            Self::Same => "same",
            Self::MayBeChance => "may be chance",
            Self::TooLittleToTell => "too little to tell",
        }
    }
}

pub(super) fn of_ratio(
    ratio: Option<f64>,
    interval: Option<Interval>,
    more_is_better: bool,
    threshold: f64,
) -> Judgement {
    let Some(ratio) = ratio else {
        return Judgement::TooLittleToTell;
    };
    // A rate that falls to 1/1.1 is as bad as a time that grows to 1.1.
    let worsening = if more_is_better { 1.0 / ratio } else { ratio };
    let limit = 1.0 + threshold;
    let is_beyond = worsening > limit || worsening < 1.0 / limit;
    let is_chance = interval.is_some_and(|interval| interval.holds(1.0));
    match (is_beyond, is_chance) {
        (false, _) => Judgement::Same,
        (true, true) => Judgement::MayBeChance,
        (true, false) if worsening > 1.0 => Judgement::Regression,
        (true, false) => Judgement::Better,
    }
}

/// Failures are judged by their share. None on one side makes any on the other a matter of fact.
pub(super) fn of_failures(
    first: &[&Measurement],
    second: &[&Measurement],
    threshold: f64,
) -> Judgement {
    let share = |side: &[&Measurement]| {
        let failed: u64 = side.iter().map(|run| run.failed).sum();
        let sent: u64 = side.iter().map(|run| run.sent).sum();
        failed as f64 / sent.max(1) as f64
    };
    let (one, other) = (share(first), share(second));
    let limit = 1.0 + threshold;
    if other > one * limit {
        Judgement::Regression
    } else if other * limit < one {
        Judgement::Better
    } else {
        Judgement::Same
    }
}

/// How many messages must lie beyond a percentile before it says something: the mean of a Poisson
/// count of ten is wrong by a third.
const LEAST_BEYOND: f64 = 10.0;

pub(super) fn is_too_short(figure: &Figure, run: &Measurement) -> bool {
    let beyond = match figure.name().strip_prefix("latency_ms.p") {
        Some("90") => 0.1,
        Some("95") => 0.05,
        Some("99") => 0.01,
        Some("99_9") => 0.001,
        Some("99_99") => 0.0001,
        _ => return false,
    };
    (run.latency_ms.count as f64) * beyond < LEAST_BEYOND
}
