//! A rate for hours, and whether the servers' memory grows with it.

use std::io;
use std::time::Duration;

use clap::Args;
use prixfixe_load::plan::{Contents, Plan};
use prixfixe_load::plan::{MessageSize, SizeMix};
use prixfixe_load::resources::Sample;
use prixfixe_load::result::Table;
use prixfixe_load::results::Cell;
use prixfixe_load::schedule::{Phase, Schedule, Timetable};

use super::extent::Extent;
use super::{Scenario, ScenarioFlags};
use crate::cli::Outcome;
use crate::stress::lab::{Lab, LabError};

/// Flags of `soak`.
#[derive(Debug, Args)]
pub(in crate::stress) struct SoakFlags {
    /// Messages per second
    #[arg(long, value_name = "RATE", default_value = "20", value_parser = rate)]
    rate: f64,

    #[command(flatten)]
    flags: ScenarioFlags,
}

impl SoakFlags {
    /// Carries it out.
    pub(in crate::stress) fn run(self) -> io::Result<Outcome> {
        Scenario::Soak { rate: self.rate }.run(self.flags)
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= Timetable::MOST_RATE => Ok(rate),
        _ => Err(format!(
            "{text:?} is no rate; write messages per second, as 20"
        )),
    }
}

/// How long it lasts if nobody says.
const LASTS: Duration = Duration::from_secs(4 * 3600);
const WORKERS: usize = 50;

pub(super) fn run(lab: &mut Lab, extent: Extent, rate: f64) -> Result<(), LabError> {
    lab.verifies_only_if_wanted();
    lab.start_servers(1, "")?;
    let lasts = extent.time_of(LASTS, LASTS);
    let schedule = Schedule::Open(Timetable {
        phases: vec![Phase::even(rate, lasts)],
        ..Timetable::default()
    });
    let mut plan: Plan = lab.terms().plan(schedule, WORKERS);
    plan.contents = Contents::Made(SizeMix::only(MessageSize::MEDIUM));
    let measured = lab.measure("soak", plan)?;
    let Some(leak) = Leak::of(measured.resources.samples()) else {
        lab.note("memory: too few looks at the servers' processes for a trend");
        return Ok(());
    };
    lab.table(Table {
        title: "Private memory after the first fifth".to_owned(),
        columns: [
            "at its begin",
            "at its end",
            "trend per hour",
            "growth by trend",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: vec![vec![
            Cell::Octets(leak.from).to_string(),
            Cell::Octets(leak.to).to_string(),
            Cell::Octets(leak.per_hour).to_string(),
            Cell::Octets(leak.growth()).to_string(),
        ]],
    });
    if leak.is_one() {
        lab.fault(format!(
            "memory grows: by {} an hour after the warm-up",
            Cell::Octets(leak.per_hour)
        ));
    }
    Ok(())
}

/// The trend of the memory that is the servers' own, in octets.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Leak {
    from: f64,
    to: f64,
    per_hour: f64,
}

impl Leak {
    /// By least squares, after a warm-up of a fifth; none of fewer than [`LEAST_SAMPLES`].
    #[expect(clippy::cast_precision_loss, reason = "octets far below 2^53")]
    fn of(samples: &[Sample]) -> Option<Self> {
        let samples = &samples[samples.len() / 5..];
        let first = samples.first()?;
        if samples.len() < LEAST_SAMPLES || first.private == 0 {
            return None;
        }
        let points: Vec<(f64, f64)> = samples
            .iter()
            .map(|sample| {
                let hours = (sample.at - first.at).as_secs_f64() / 3600.0;
                (hours, sample.private as f64)
            })
            .collect();
        let count = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
        let (mut shared, mut spread) = (0.0, 0.0);
        for (x, y) in &points {
            shared += (x - mean_x) * (y - mean_y);
            spread += (x - mean_x).powi(2);
        }
        let per_hour = if spread > 0.0 { shared / spread } else { 0.0 };
        let last = points.last().map_or(0.0, |point| point.0);
        Some(Self {
            from: mean_y - per_hour * mean_x,
            to: mean_y + per_hour * (last - mean_x),
            per_hour,
        })
    }

    /// Over the time that was looked at.
    fn growth(self) -> f64 {
        self.to - self.from
    }

    /// Whether it is more than the ups and downs of an allocator: over 4 MiB, and over a tenth.
    fn is_one(self) -> bool {
        self.growth() > NOISE && self.growth() > self.from / 10.0
    }
}

/// Looks below which a trend says nothing: ten seconds.
const LEAST_SAMPLES: usize = 50;
/// Octets by which memory may grow without being called a leak.
const NOISE: f64 = 4.0 * 1024.0 * 1024.0;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::time::Instant;

    use super::*;

    fn samples(private: impl Fn(u64) -> u64) -> Vec<Sample> {
        let begun = Instant::now();
        (0..500)
            .map(|number| Sample {
                at: begun + Duration::from_secs(number * 36),
                cpu: Duration::ZERO,
                rss: 0,
                private: private(number),
                descriptors: 0,
                processes: 1,
            })
            .collect()
    }

    #[test]
    fn memory_that_grows_is_a_leak_and_a_warm_up_is_none() {
        // A hundred looks are an hour: 10 MiB an hour.
        let growing = Leak::of(&samples(|number| (20 << 20) + number * (10 << 20) / 100)).unwrap();
        assert!(
            (growing.per_hour - f64::from(10 << 20)).abs() < 1024.0,
            "{growing:?}"
        );
        assert!(growing.is_one());
        let warmed_up =
            Leak::of(&samples(|number| (20 << 20) + number.min(100) * (1 << 20))).unwrap();
        assert!(!warmed_up.is_one(), "{warmed_up:?}");
        let uneasy = Leak::of(&samples(|number| (20 << 20) + number % 7 * (1 << 20))).unwrap();
        assert!(!uneasy.is_one(), "{uneasy:?}");
    }

    #[test]
    fn few_looks_give_no_trend() {
        assert_eq!(Leak::of(&[]), None);
        assert_eq!(Leak::of(&samples(|_| 1)[..40]), None);
    }
}
