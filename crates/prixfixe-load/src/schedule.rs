//! When messages are meant to start, as data.
//!
//! An open schedule is a rate over time. Its arrivals are those of a process of rate one, with
//! steps of exactly one or exponential ones, looked up in the inverse of the summed-up rate: so a
//! ramp is exact, and Poisson arrivals follow any rate.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

/// When messages are meant to start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Each worker sends its next message as soon as the last one is answered. Latency counts from
    /// the true start: a stalled server slows this load down, so its stalls hardly show. For bursts.
    Closed {
        /// How many in all, if that ends it.
        messages: Option<u64>,
        /// How long new ones are begun, if that ends it.
        lasts: Option<Duration>,
    },
    /// Messages start at times that were fixed before, whatever the server does. Latency counts
    /// from the intended start.
    Open(Timetable),
}

/// The intended starts of an open schedule.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Timetable {
    /// One after the other.
    pub phases: Vec<Phase>,
    /// On top of the phases, ordered by time.
    pub bursts: Vec<Burst>,
    /// How arrivals lie within the phases.
    pub spacing: Spacing,
}

/// A stretch of time whose rate is even, or changes evenly.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// Messages per second at its start.
    pub from: f64,
    /// Messages per second at its end.
    pub to: f64,
    /// How long it lasts.
    pub lasts: Duration,
}

impl Phase {
    /// One rate for all of it.
    pub fn even(rate: f64, lasts: Duration) -> Self {
        Self {
            from: rate,
            to: rate,
            lasts,
        }
    }

    /// How many messages it brings, as a number that need not be whole.
    fn count(&self) -> f64 {
        f64::midpoint(self.from, self.to) * self.lasts.as_secs_f64()
    }

    /// The time, from the start of the phase, at which `count` messages have arrived.
    fn time_of(&self, count: f64) -> Duration {
        let lasts = self.lasts.as_secs_f64();
        // count = from·t + (to − from)/(2·lasts)·t², solved in the form that stands small slopes.
        let slope = (self.to - self.from) / lasts;
        let root = (self.from * self.from + 2.0 * slope * count)
            .max(0.0)
            .sqrt();
        let seconds = if self.from + root > 0.0 {
            2.0 * count / (self.from + root)
        } else {
            0.0
        };
        Duration::from_secs_f64(seconds.clamp(0.0, lasts))
    }
}

/// Messages that are all meant to start at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Burst {
    /// When, from the start of the run.
    pub at: Duration,
    /// How many.
    pub messages: u64,
}

/// How arrivals lie within a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spacing {
    /// At equal distances.
    #[default]
    Even,
    /// As independent senders come: exponential distances.
    Poisson,
}

impl Timetable {
    /// The highest rate a phase may have, in messages per second: what no generator reaches.
    pub const MOST_RATE: f64 = 10_000_000.0;

    /// The longest that a timetable may last: far beyond any soak, and far within what clocks hold.
    pub const MOST_LASTS: Duration = Duration::from_secs(366 * 86_400);

    /// From the start to the end of the last phase or burst.
    pub fn lasts(&self) -> Duration {
        let phases = self.phases.iter().map(|phase| phase.lasts);
        let phases = phases.fold(Duration::ZERO, Duration::saturating_add);
        self.bursts
            .iter()
            .map(|burst| burst.at)
            .fold(phases, Duration::max)
    }

    /// How many messages it means, to within a few with Poisson spacing; [`u64::MAX`] stands for all
    /// that is more.
    pub fn count(&self) -> u64 {
        let phases: f64 = self.phases.iter().map(Phase::count).sum();
        // What is too much for the type becomes its most.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let phases = phases.ceil() as u64;
        let bursts = self.bursts.iter().map(|burst| burst.messages);
        bursts.fold(phases, u64::saturating_add)
    }

    /// The intended starts in order, from the start of the run. The same seed gives the same ones.
    pub fn arrivals(&self, seed: u64) -> Arrivals {
        let mut arrivals = Arrivals {
            phases: Phases {
                left: self.phases.clone().into(),
                begun: Duration::ZERO,
                count: 0.0,
                spacing: self.spacing,
                random: StdRng::seed_from_u64(seed),
            },
            bursts: self.bursts.clone().into(),
            next: None,
        };
        arrivals.next = arrivals.phases.next();
        arrivals
    }
}

/// The intended starts of a [`Timetable`], in order.
#[derive(Debug)]
pub struct Arrivals {
    phases: Phases,
    bursts: std::collections::VecDeque<Burst>,
    /// The next one of the phases.
    next: Option<Duration>,
}

impl Arrivals {
    /// The most arrivals of phases that [`Arrivals::skip_until`] counts, one by one: some tenths of a
    /// second, and far more than a run begins.
    pub const MOST_SKIPPED: u64 = 10_000_000;

    /// Skips what is due until then, and says how many they are: of those of phases
    /// [`Arrivals::MOST_SKIPPED`] at most.
    pub fn skip_until(&mut self, reach: Duration) -> u64 {
        let mut skipped: u64 = 0;
        while let Some(burst) = self.bursts.pop_front_if(|burst| burst.at <= reach) {
            skipped = skipped.saturating_add(burst.messages);
        }
        for _ in 0..Self::MOST_SKIPPED {
            if self.next.is_none_or(|next| next > reach) {
                break;
            }
            skipped = skipped.saturating_add(1);
            self.next = self.phases.next();
        }
        skipped
    }
}

impl Iterator for Arrivals {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        while let Some(burst) = self.bursts.front_mut() {
            if burst.messages == 0 {
                self.bursts.pop_front();
                continue;
            }
            if self.next.is_some_and(|next| next < burst.at) {
                break;
            }
            burst.messages -= 1;
            return Some(burst.at);
        }
        let arrival = self.next?;
        self.next = self.phases.next();
        Some(arrival)
    }
}

#[derive(Debug)]
struct Phases {
    left: std::collections::VecDeque<Phase>,
    /// When the first of them began.
    begun: Duration,
    /// How many messages into it the next arrival lies.
    count: f64,
    spacing: Spacing,
    random: StdRng,
}

impl Phases {
    fn next(&mut self) -> Option<Duration> {
        loop {
            let phase = self.left.front()?;
            if self.count < phase.count() {
                let arrival = self.begun + phase.time_of(self.count);
                self.count += match self.spacing {
                    Spacing::Even => 1.0,
                    // The logarithm of a number in (0, 1].
                    Spacing::Poisson => -(1.0 - self.random.random::<f64>()).ln(),
                };
                return Some(arrival);
            }
            // What is left over of a step reaches into the next phase.
            self.count -= phase.count();
            self.begun += phase.lasts;
            self.left.pop_front();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn times(table: &Timetable) -> Vec<f64> {
        table
            .arrivals(1)
            .map(|arrival| arrival.as_secs_f64())
            .collect()
    }

    #[test]
    fn an_even_rate_gives_equal_distances_and_the_promised_number() {
        let table = Timetable {
            phases: vec![Phase::even(50.0, seconds(60))],
            ..Timetable::default()
        };
        let times = times(&table);
        assert_eq!(times.len(), 3000);
        assert_eq!(table.count(), 3000);
        for (number, time) in times.iter().enumerate() {
            assert!(
                (time - number as f64 * 0.02).abs() < 1e-9,
                "{number} at {time}"
            );
        }
    }

    #[test]
    fn a_ramp_has_sent_what_its_summed_up_rate_says_at_every_point() {
        let table = Timetable {
            phases: vec![Phase {
                from: 10.0,
                to: 50.0,
                lasts: seconds(30),
            }],
            ..Timetable::default()
        };
        let times = times(&table);
        assert_eq!(times.len(), 900);
        for (number, time) in times.iter().enumerate() {
            let sum = 10.0 * time + (50.0 - 10.0) / 60.0 * time * time;
            assert!((sum - number as f64).abs() < 1e-6, "{number} at {time}");
        }
    }

    #[test]
    fn a_phase_begins_where_the_last_step_of_the_one_before_ends() {
        // 10/s for 0.25 s is two and a half messages: the third waits for half a step of 1/s.
        let table = Timetable {
            phases: vec![
                Phase::even(10.0, Duration::from_millis(250)),
                Phase::even(1.0, seconds(2)),
            ],
            ..Timetable::default()
        };
        assert_eq!(times(&table), [0.0, 0.1, 0.2, 0.75, 1.75]);
    }

    #[test]
    fn a_burst_comes_at_once_between_the_others() {
        let table = Timetable {
            phases: vec![Phase::even(1.0, seconds(3))],
            bursts: vec![Burst {
                at: Duration::from_millis(1500),
                messages: 3,
            }],
            ..Timetable::default()
        };
        assert_eq!(times(&table), [0.0, 1.0, 1.5, 1.5, 1.5, 2.0]);
        assert_eq!(table.count(), 6);
    }

    #[test]
    fn what_is_skipped_is_counted_and_the_rest_still_comes() {
        let table = Timetable {
            phases: vec![Phase::even(1.0, seconds(4))],
            bursts: vec![Burst {
                at: Duration::from_millis(1500),
                messages: 1_000_000_000_000,
            }],
            ..Timetable::default()
        };
        let mut arrivals = table.arrivals(1);
        assert_eq!(arrivals.next(), Some(Duration::ZERO));
        // Those at 1 s and 2 s, and the burst.
        assert_eq!(arrivals.skip_until(seconds(2)), 1_000_000_000_002);
        assert_eq!(arrivals.collect::<Vec<_>>(), [seconds(3)]);
    }

    #[test]
    fn more_than_can_be_counted_is_the_most() {
        let burst = Burst {
            at: seconds(1),
            messages: u64::MAX,
        };
        let table = Timetable {
            phases: vec![
                Phase::even(1.0, Duration::MAX),
                Phase::even(1.0, seconds(1)),
            ],
            bursts: vec![burst, burst],
            ..Timetable::default()
        };
        assert_eq!(table.count(), u64::MAX);
        assert_eq!(table.lasts(), Duration::MAX);
    }

    #[test]
    fn a_burst_after_the_last_phase_is_still_sent() {
        let table = Timetable {
            phases: vec![Phase::even(1.0, seconds(1))],
            bursts: vec![Burst {
                at: seconds(5),
                messages: 2,
            }],
            ..Timetable::default()
        };
        assert_eq!(times(&table), [0.0, 5.0, 5.0]);
        assert_eq!(table.lasts(), seconds(5));
    }

    #[test]
    fn poisson_arrivals_have_the_rate_and_the_spread_of_poisson() {
        let table = Timetable {
            phases: vec![Phase::even(1000.0, seconds(100))],
            bursts: Vec::new(),
            spacing: Spacing::Poisson,
        };
        let times = times(&table);
        let count = times.len() as f64;
        // 100,000 expected; six standard deviations are 1,900.
        assert!((count - 100_000.0).abs() < 1900.0, "{count}");
        let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        // The deviation of an exponential distribution is its mean.
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.03);
        assert!(times.is_sorted());
    }

    #[test]
    fn a_seed_repeats_its_arrivals() {
        let table = Timetable {
            phases: vec![Phase::even(100.0, seconds(1))],
            bursts: Vec::new(),
            spacing: Spacing::Poisson,
        };
        assert!(table.arrivals(7).eq(table.arrivals(7)));
        assert!(!table.arrivals(7).eq(table.arrivals(8)));
    }

    #[test]
    fn a_rate_of_zero_sends_nothing_and_ends() {
        let table = Timetable {
            phases: vec![Phase::even(0.0, seconds(1)), Phase::even(2.0, seconds(1))],
            ..Timetable::default()
        };
        assert_eq!(times(&table), [1.0, 1.5]);
    }
}
