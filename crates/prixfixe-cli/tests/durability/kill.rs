//! SIGKILL at random instants under load.

use std::time::Duration;

use crate::long_form;
use crate::ordeal::{Death, Ordeal};
use crate::random::Random;

#[test]
fn killed_at_any_instant_it_keeps_each_acknowledged_message_once() {
    let mut random = Random::new();
    let wanted = if long_form() { 100 } else { 10 };
    let (mut acknowledged, mut in_flight, mut half_received) = (0, 0, 0);
    let mut counted = 0;
    let mut ordeal = Ordeal::new();
    for round in 1.. {
        assert!(
            round <= wanted * TRIES,
            "only {counted} of {round} rounds had something to lose"
        );
        let delay = Duration::from_micros(random.next() % DELAY_MAX_MICROSECONDS);
        let outcome = ordeal.round(Death::Killed(delay));
        if outcome.counts() {
            counted += 1;
            acknowledged += outcome.acknowledged;
            in_flight += outcome.in_flight;
            half_received += outcome.half_received;
        }
        if counted == wanted {
            break;
        }
        if round % ROUNDS_PER_STORE == 0 {
            ordeal = Ordeal::new();
        }
    }
    println!(
        "{counted} kills: {acknowledged} messages acknowledged, {in_flight} bodies in flight, \
         {half_received} half received and removed"
    );
}

const DELAY_MAX_MICROSECONDS: u64 = 300_000;
/// Enough for stores that were crashed many times, few enough for each to stay small.
const ROUNDS_PER_STORE: usize = 5;
/// Rounds for each that has to count.
const TRIES: usize = 4;
