//! What happens to the server and its clients, in what order.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Blow {
    KillCaller,
    KillServer,
    StopCaller,
    StopServer,
    Hostile,
    Shortage,
}

impl Blow {
    pub(super) const ALL: [Self; 6] = [
        Self::KillCaller,
        Self::KillServer,
        Self::StopCaller,
        Self::StopServer,
        Self::Hostile,
        Self::Shortage,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::KillCaller => "a caller is killed, and another comes",
            Self::KillServer => "the server is killed, and another comes",
            Self::StopCaller => "a caller stands still",
            Self::StopServer => "the server stands still",
            Self::Hostile => "a client corrupts its memory",
            Self::Shortage => "the server gets no more memory",
        }
    }
}

/// Blows in an order of chance in which each comes as often as any other.
#[derive(Debug, Default)]
pub(super) struct Deck(Vec<Blow>);

impl Deck {
    pub(super) fn next(&mut self, dice: &mut StdRng) -> Blow {
        loop {
            if let Some(blow) = self.0.pop() {
                return blow;
            }
            self.0.extend(Blow::ALL);
            self.0.shuffle(dice);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn every_blow_comes_in_every_round_and_the_same_seed_gives_the_same_order() {
        let drawn = |seed| {
            let (mut deck, mut dice) = (Deck::default(), StdRng::seed_from_u64(seed));
            let drawn: Vec<Blow> = (0..30).map(|_| deck.next(&mut dice)).collect();
            drawn
        };
        let drawn_once = drawn(7);
        for round in drawn_once.chunks(Blow::ALL.len()) {
            let mut sorted = round.to_vec();
            sorted.sort();
            assert_eq!(sorted, Blow::ALL);
        }
        assert_eq!(drawn(7), drawn_once);
        assert_ne!(drawn(8), drawn_once);
    }
}
