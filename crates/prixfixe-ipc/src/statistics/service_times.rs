//! How often each service time was seen, in buckets whose width grows with the time.

/// Bits of a time that tell buckets of one octave apart: a bucket is at most a sixteenth wide.
const SUB_BITS: u32 = 4;
const SUB: usize = 1 << SUB_BITS;
/// Octaves above the first, whose buckets are one nanosecond wide: up to 18 minutes.
const OCTAVES: usize = 36;
/// Buckets of service times.
pub(crate) const BUCKETS: usize = (OCTAVES + 1) * SUB;

/// How long calls took from when they were taken until their answers were published, as far as they
/// were timed: one call in 32.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceTimes {
    pub(crate) counts: Vec<u64>,
}

impl ServiceTimes {
    /// Calls that were timed.
    pub fn sampled(&self) -> u64 {
        self.counts
            .iter()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The time in nanoseconds within which this share of the sampled calls was served, to a
    /// sixteenth; `None` before there is one. `quantile` lies between 0 and 1.
    pub fn quantile_ns(&self, quantile: f64) -> Option<u64> {
        let sampled = self.sampled();
        if sampled == 0 {
            return None;
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a count, rounded up"
        )]
        let wanted = ((sampled as f64 * quantile.clamp(0.0, 1.0)).ceil() as u64).max(1);
        let mut seen = 0_u64;
        let bucket = self.counts.iter().position(|count| {
            seen = seen.saturating_add(*count);
            seen >= wanted
        });
        bucket.map(longest_in)
    }

    /// What was added since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let both = self.counts.iter().zip(&earlier.counts);
        Self {
            counts: both.map(|(now, then)| now.saturating_sub(*then)).collect(),
        }
    }
}

/// The bucket of a time in nanoseconds.
pub(crate) fn bucket_of(time_ns: u64) -> usize {
    if time_ns < SUB as u64 {
        return usize::try_from(time_ns).unwrap_or(0);
    }
    let shift = time_ns.ilog2() - SUB_BITS;
    let within = usize::try_from(time_ns >> shift).unwrap_or(SUB) - SUB;
    ((shift as usize + 1) * SUB + within).min(BUCKETS - 1)
}

/// The longest time, in nanoseconds, that falls into `bucket`.
fn longest_in(bucket: usize) -> u64 {
    match (bucket / SUB).checked_sub(1) {
        None => bucket as u64,
        Some(shift) => (((SUB + bucket % SUB + 1) as u64) << shift) - 1,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_time_is_at_most_a_sixteenth_below_the_end_of_its_bucket(
            time_ns in 0_u64..1 << 40,
        ) {
            let end = longest_in(bucket_of(time_ns));
            prop_assert!(time_ns <= end);
            prop_assert!(end - time_ns <= time_ns / 16);
        }

        #[test]
        fn buckets_follow_the_order_of_times(one in any::<u64>(), other in any::<u64>()) {
            if one <= other {
                prop_assert!(bucket_of(one) <= bucket_of(other));
            }
            prop_assert!(bucket_of(one) < BUCKETS);
        }
    }

    #[test]
    fn quantiles_count_from_the_shortest() {
        let mut times = ServiceTimes {
            counts: vec![0; BUCKETS],
        };
        assert_eq!(times.quantile_ns(0.5), None);
        times.counts[bucket_of(10)] = 98;
        times.counts[bucket_of(1 << 20)] = 2;
        assert_eq!(times.quantile_ns(0.0), Some(10));
        assert_eq!(times.quantile_ns(0.98), Some(10));
        let long = times.quantile_ns(0.99).unwrap();
        assert_eq!(bucket_of(long), bucket_of(1 << 20));
        let none = times.since(&times);
        assert_eq!(none.sampled(), 0);
    }
}
