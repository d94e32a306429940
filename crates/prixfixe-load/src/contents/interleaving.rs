//! Who is next where several have a share of the messages.

/// Turns by weight: in as many messages in a row as the sum of all weights, each has exactly its
/// share, spread out over them.
#[derive(Debug)]
pub(super) struct Interleaving {
    /// The sums of the weights up to and including each.
    sums: Vec<u64>,
    /// A step through a round that visits every place of it once, and never two neighbours in a
    /// row.
    step: u64,
}

impl Interleaving {
    /// Turns of these weights. Without any, or with none above zero, the first has all of them.
    pub(super) fn of(weights: impl IntoIterator<Item = u32>) -> Self {
        let mut sums: Vec<u64> = weights
            .into_iter()
            .scan(0_u64, |sum, weight| {
                *sum += u64::from(weight);
                Some(*sum)
            })
            .collect();
        if sums.last().is_none_or(|sum| *sum == 0) {
            sums = vec![1];
        }
        let round = sums[sums.len() - 1];
        // The golden ratio spreads best; the nearest step above it without a common divisor.
        let golden = u64::try_from(u128::from(round) * 618_034 / 1_000_000).unwrap_or(round);
        let mut step = golden.max(1);
        while common_divisor(step, round) != 1 {
            step += 1;
        }
        Self { sums, step }
    }

    /// Whose turn the message with this number is, and a number for it among those of the same
    /// share: every one from 0 is given once.
    pub(super) fn turn(&self, number: u64) -> (usize, u64) {
        let round = self.sums[self.sums.len() - 1];
        let place = u128::from(number % round) * u128::from(self.step) % u128::from(round);
        // A remainder of a number with 64 bits.
        let place = u64::try_from(place).unwrap_or(0);
        let turn = self.sums.partition_point(|sum| *sum <= place);
        let before = turn.checked_sub(1).map_or(0, |before| self.sums[before]);
        let weight = self.sums[turn] - before;
        (turn, (number / round) * weight + (place - before))
    }
}

fn common_divisor(mut one: u64, mut other: u64) -> u64 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn turns(weights: &[u32], count: u64) -> Vec<usize> {
        let turns = Interleaving::of(weights.iter().copied());
        (0..count).map(|number| turns.turn(number).0).collect()
    }

    #[test]
    fn shares_are_spread_and_not_in_blocks() {
        let turns = turns(&[1000, 1000, 500, 100], 2600);
        for (share, count) in [(0, 1000), (1, 1000), (2, 500), (3, 100)] {
            let places: Vec<usize> = (0..turns.len()).filter(|at| turns[*at] == share).collect();
            assert_eq!(places.len(), count);
            let longest = places
                .windows(2)
                .map(|pair| pair[1] - pair[0])
                .max()
                .unwrap_or(0);
            assert!(longest <= 3 * 2600 / count, "{share} rests for {longest}");
        }
    }

    #[test]
    fn one_share_has_everything() {
        assert_eq!(turns(&[7], 9), [0; 9]);
        assert_eq!(turns(&[], 3), [0; 3]);
        assert_eq!(turns(&[0], 3), [0; 3]);
    }

    proptest! {
        #[test]
        fn every_round_has_each_share_exactly(
            weights in proptest::collection::vec(1_u32..50, 1..8),
            round in 0_u64..1000,
        ) {
            let turns = Interleaving::of(weights.iter().copied());
            let length: u64 = weights.iter().copied().map(u64::from).sum();
            let mut given = vec![Vec::new(); weights.len()];
            for number in round * length..(round + 1) * length {
                let (turn, among_its_share) = turns.turn(number);
                given[turn].push(among_its_share);
            }
            for (weight, mut given) in weights.iter().copied().map(u64::from).zip(given) {
                given.sort_unstable();
                prop_assert!(given.into_iter().eq(round * weight..(round + 1) * weight));
            }
        }

        #[test]
        fn no_weights_and_no_number_are_too_large(
            weights in proptest::collection::vec(any::<u32>(), 0..16),
            number: u64,
        ) {
            let turn = Interleaving::of(weights.iter().copied()).turn(number).0;
            prop_assert!(turn < weights.len().max(1));
        }
    }
}
