//! The intended starts of an open loop.

use std::io;
use std::time::Duration;

use prixfixe_ipc::workload;

use super::clock::{self, Nanos};
use super::drive::Stop;
use super::setting::{Arrivals, Between, Load, Pace};

/// When one client means to make its calls.
#[derive(Debug)]
pub(super) struct Schedule {
    next_seconds: f64,
    start: Nanos,
    /// Between two starts, on average.
    interval_seconds: f64,
    arrivals: Arrivals,
    pub(super) between: Between,
    client: u64,
    drawn: u64,
}

impl Schedule {
    /// `None` for a closed loop.
    pub(super) fn of(load: &Load, client: u32, start: Nanos) -> Option<Self> {
        let Pace::Open {
            calls_per_second,
            arrivals,
            between,
        } = load.pace
        else {
            return None;
        };
        let interval_seconds = f64::from(load.clients) / f64::from(calls_per_second);
        let mut schedule = Self {
            next_seconds: 0.0,
            start,
            interval_seconds,
            arrivals,
            between,
            client: u64::from(client),
            drawn: 0,
        };
        schedule.next_seconds = match arrivals {
            // Clients do not come as one.
            Arrivals::Even => interval_seconds * f64::from(client) / f64::from(load.clients),
            Arrivals::Poisson => schedule.gap(),
        };
        Some(schedule)
    }

    /// The next intended start, from which latency counts.
    pub(super) fn next(&mut self) -> Nanos {
        let intended = self.upcoming();
        self.next_seconds += self.gap();
        intended
    }

    /// What [`Schedule::next`] says next.
    pub(super) fn upcoming(&self) -> Nanos {
        self.start.after(Duration::from_secs_f64(self.next_seconds))
    }

    /// Waits for the next intended start. `None` when the run is over before.
    pub(super) fn await_next(&mut self, stop: &Stop) -> io::Result<Option<Nanos>> {
        let intended = self.next();
        match self.between {
            Between::Asleep => {
                // Who is late stops in time, too.
                if intended.max(clock::now()) >= stop.at {
                    return Ok(None);
                }
                clock::sleep_until(intended)?;
            }
            Between::Hot => {
                while clock::now() < intended && !stop.is_set() {
                    std::thread::yield_now();
                }
            }
        }
        Ok((!stop.is_set()).then_some(intended))
    }

    fn gap(&mut self) -> f64 {
        match self.arrivals {
            Arrivals::Even => self.interval_seconds,
            Arrivals::Poisson => {
                self.drawn += 1;
                -self.interval_seconds * (1.0 - uniform(self.client, self.drawn)).ln()
            }
        }
    }
}

/// From 0 up to but without 1, the same in every run.
#[expect(
    clippy::cast_precision_loss,
    reason = "53 bits are what a double holds"
)]
fn uniform(client: u64, drawn: u64) -> f64 {
    let mut words = [0; 64];
    workload::fill(&mut words, client, drawn);
    let bits = workload::digest(&words);
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(arrivals: Arrivals, clients: u32, count: u32) -> Vec<Nanos> {
        let load = Load {
            clients,
            pace: Pace::Open {
                calls_per_second: 1000,
                arrivals,
                between: Between::Asleep,
            },
            ..Load::ONE
        };
        let mut schedule = Schedule::of(&load, 0, Nanos(0)).unwrap();
        (0..count).map(|_| schedule.next()).collect()
    }

    #[test]
    fn even_starts_keep_the_rate_of_all_clients_together() {
        let starts = starts(Arrivals::Even, 4, 3);
        assert_eq!(starts, [Nanos(0), Nanos(4_000_000), Nanos(8_000_000)]);
    }

    #[test]
    fn poisson_starts_keep_the_rate_on_average_and_spread_like_their_mean() {
        let starts = starts(Arrivals::Poisson, 1, 10_000);
        let gaps: Vec<f64> = starts
            .windows(2)
            .map(|pair| pair[1].since(pair[0]).micros())
            .collect();
        let count = f64::from(u32::try_from(gaps.len()).unwrap());
        let mean = gaps.iter().sum::<f64>() / count;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / count;
        assert!((mean - 1000.0).abs() < 50.0, "{mean}");
        assert!((variance.sqrt() - mean).abs() < 50.0, "{}", variance.sqrt());
    }

    #[test]
    fn many_clients_keep_the_rate_together() {
        let load = Load {
            clients: 1_000,
            pace: Pace::Open {
                calls_per_second: 20_000,
                arrivals: Arrivals::Poisson,
                between: Between::Asleep,
            },
            ..Load::ONE
        };
        let end = Nanos(1_000_000_000);
        let calls = |client| {
            let mut schedule = Schedule::of(&load, client, Nanos(0)).unwrap();
            std::iter::from_fn(|| Some(schedule.next()))
                .take_while(|start| *start < end)
                .count()
        };
        let all: usize = (0..load.clients).map(calls).sum();
        // Independent ones stray by 141; the draw is the same in every run.
        assert!(all.abs_diff(20_000) < 500, "{all}");
    }
}
