//! Numbers that look random and come again with the same seed (SplitMix64).

use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// A new seed each time, or the one in the environment variable `SEED`. It is printed, and
    /// the test harness shows what a failing test has printed.
    pub(crate) fn new() -> Self {
        let seed = match std::env::var("SEED") {
            Ok(text) => text.parse().expect("SEED wants a number"),
            Err(_) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
                u64::from(now.subsec_nanos()) ^ (now.as_secs() << 20)
            }
        };
        println!("to repeat the random choices: SEED={seed}");
        Self { state: seed }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to `bound`, without it.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap();
        usize::try_from(self.next() % bound).unwrap()
    }

    /// True so many times out of a hundred.
    pub(crate) fn percent(&mut self, percentage: usize) -> bool {
        self.below(100) < percentage
    }
}
