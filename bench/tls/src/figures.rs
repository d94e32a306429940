//! From samples to figures. Samples of the same round belong together: differences and ratios are
//! taken within a round, and the figure is the median over the rounds.

use crate::certificate::KeyKind;
use crate::load::Workload;
use crate::receivers::Kind;
use crate::rounds::{Sample, Series};

impl Sample {
    pub(crate) fn rate(&self) -> f64 {
        count(self.operations) / self.seconds
    }

    /// Processor time of the receiver for one operation.
    pub(crate) fn cpu_ms(&self) -> f64 {
        self.cpu_seconds * 1000.0 / count(self.operations)
    }
}

impl Series {
    pub(crate) fn rate(&self) -> Option<f64> {
        median(self.samples.iter().map(Sample::rate))
    }

    pub(crate) fn cpu_ms(&self) -> Option<f64> {
        median(self.samples.iter().map(Sample::cpu_ms))
    }

    /// How much more processor time an operation takes than one of `base`.
    pub(crate) fn extra_cpu_ms(&self, base: &Self) -> Option<f64> {
        median(self.extra_by_round(base))
    }

    /// How many times the processor time of `base` an operation takes.
    pub(crate) fn cpu_ratio(&self, base: &Self) -> Option<f64> {
        median(pairs(self, base).map(|(one, base)| one.cpu_ms() / base.cpu_ms()))
    }

    /// The extra over `base`, by that of another receiver over its own base in the same round.
    pub(crate) fn extra_ratio(&self, base: &Self, other: &Self, other_base: &Self) -> Option<f64> {
        let others = other.extra_by_round(other_base);
        median(
            self.extra_by_round(base)
                .zip(others)
                .map(|(one, other)| one / other),
        )
    }

    fn extra_by_round<'a>(&'a self, base: &'a Self) -> impl Iterator<Item = f64> + 'a {
        pairs(self, base).map(|(one, base)| one.cpu_ms() - base.cpu_ms())
    }
}

fn pairs<'a>(one: &'a Series, base: &'a Series) -> impl Iterator<Item = (&'a Sample, &'a Sample)> {
    one.samples.iter().zip(&base.samples)
}

/// The series of a receiver with this key in this row.
pub(crate) fn find(
    all: &[Series],
    receiver: Kind,
    key: KeyKind,
    workload: Workload,
) -> Option<&Series> {
    all.iter().find(|series| {
        series.receiver == receiver && series.key == key && series.workload == workload
    })
}

/// None of nothing.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a stretch has fewer operations than the 2^52 that a double counts exactly"
)]
fn count(operations: u64) -> f64 {
    operations as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Operation;
    use crate::transport::{Handshake, Security};

    fn series(receiver: Kind, cpu_seconds: &[f64]) -> Series {
        let sample = |cpu_seconds: &f64| Sample {
            operations: 1000,
            seconds: 2.0,
            cpu_seconds: *cpu_seconds,
        };
        Series {
            receiver,
            key: KeyKind::EcdsaP256,
            workload: Workload {
                security: Security::Plain,
                operation: Operation::Connection(Handshake::Full),
            },
            samples: cpu_seconds.iter().map(sample).collect(),
        }
    }

    fn close(found: Option<f64>, wanted: f64) -> bool {
        found.is_some_and(|found| (found - wanted).abs() < 1e-9)
    }

    #[test]
    fn the_median_of_nothing_is_nothing() {
        assert!(median([].into_iter()).is_none());
        assert!(close(median([3.0, 1.0, 2.0].into_iter()), 2.0));
        assert!(close(median([4.0, 1.0].into_iter()), 2.5));
    }

    #[test]
    fn extras_and_ratios_are_taken_within_a_round() {
        let base = series(Kind::Prixfixe, &[1.0, 10.0, 1.0]);
        let tls = series(Kind::Prixfixe, &[2.0, 11.0, 3.0]);
        assert!(close(tls.rate(), 500.0));
        assert!(close(tls.cpu_ms(), 3.0));
        assert!(close(tls.extra_cpu_ms(&base), 1.0));
        assert!(close(tls.cpu_ratio(&base), 2.0));
        let other_base = series(Kind::Mailin, &[1.0, 1.0, 1.0]);
        let other = series(Kind::Mailin, &[2.0, 2.0, 2.0]);
        assert!(close(tls.extra_ratio(&base, &other, &other_base), 1.0));
    }

    #[test]
    fn a_receiver_that_never_resumes_has_no_figures() {
        let nothing = series(Kind::Mailin, &[]);
        assert!(nothing.rate().is_none() && nothing.cpu_ms().is_none());
        assert!(
            find(
                &[nothing],
                Kind::Prixfixe,
                KeyKind::EcdsaP256,
                series(Kind::Mailin, &[]).workload
            )
            .is_none()
        );
    }
}
