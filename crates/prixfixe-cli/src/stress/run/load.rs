//! When messages start, from flags.

use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use prixfixe_load::plan::Plan;
use prixfixe_load::schedule::{Burst, Phase, Schedule, Spacing, Timetable};

use crate::stress::terms::{Misuse, length_flag};

#[derive(Debug, Args)]
#[command(next_help_heading = "Load")]
pub(super) struct LoadFlags {
    /// How messages are spread over time
    #[arg(long, value_enum, value_name = "MODE", default_value = "burst")]
    mode: Mode,

    /// How many: of a burst all [default: 1000], of a spike those that come at once [default: 1000]
    #[arg(long, value_name = "COUNT")]
    messages: Option<NonZeroU64>,

    /// How many connections at most [default: 20; 100 with a rate]
    #[arg(long, value_name = "COUNT", value_parser = workers)]
    workers: Option<usize>,

    /// Messages per second: 50; for a ramp 10..50; for steps 10,25,50
    #[arg(long, value_name = "RATE")]
    rate: Option<Rates>,

    /// How long in all, such as 90s or 2h [default: 1m; 1h for soak]
    #[arg(long, value_name = "TIME", value_parser = length_flag)]
    duration: Option<Duration>,

    /// Arrivals at random distances, as of independent senders, instead of equal ones
    #[arg(long)]
    poisson: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Each worker sends its next message once the last one is answered
    Burst,
    /// An even rate
    Sustained,
    /// A rate that rises or falls evenly: --rate FROM..TO
    Ramp,
    /// An even rate, and at half time --messages at once
    Spike,
    /// Several even rates, each as long as the others: --rate 10,25,50
    Step,
    /// An even rate for hours
    Soak,
}

/// Rates in messages per second.
#[derive(Debug, Clone, PartialEq)]
enum Rates {
    Even(f64),
    Ramp { from: f64, to: f64 },
    Steps(Vec<f64>),
}

impl FromStr for Rates {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((from, to)) = text.split_once("..") {
            return Ok(Self::Ramp {
                from: rate(from)?,
                to: rate(to)?,
            });
        }
        if text.contains(',') {
            let steps: Vec<f64> = text.split(',').map(rate).collect::<Result<_, _>>()?;
            if steps.len() > MOST_STEPS {
                return Err(format!("at most {MOST_STEPS} steps"));
            }
            return Ok(Self::Steps(steps));
        }
        rate(text).map(Self::Even)
    }
}

/// Steps of a load; more look like a ramp.
const MOST_STEPS: usize = 1000;

fn rate(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(rate) if (0.0..=Timetable::MOST_RATE).contains(&rate) => Ok(rate),
        _ => Err(format!(
            "{text:?} is no rate; write messages per second, as 50, 10..50 or 10,25,50"
        )),
    }
}

fn workers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (1..=Plan::MOST_WORKERS).contains(&count) => Ok(count),
        _ => Err(format!("from 1 to {}", Plan::MOST_WORKERS)),
    }
}

impl LoadFlags {
    /// The schedule and the number of workers.
    pub(super) fn schedule(&self) -> Result<(Schedule, usize), Misuse> {
        if self.mode == Mode::Burst {
            return self.burst();
        }
        let lasts = self.duration.unwrap_or(if self.mode == Mode::Soak {
            Duration::from_secs(3600)
        } else {
            Duration::from_secs(60)
        });
        let mut table = Timetable {
            phases: self.phases(lasts)?,
            bursts: Vec::new(),
            spacing: if self.poisson {
                Spacing::Poisson
            } else {
                Spacing::Even
            },
        };
        match (self.mode, self.messages) {
            (Mode::Spike, messages) => table.bursts.push(Burst {
                at: lasts / 2,
                messages: messages.map_or(1000, NonZeroU64::get),
            }),
            (_, None) => {}
            (_, Some(_)) => {
                return Misuse::because(
                    "with a rate, --duration says how much is sent; --messages is for burst and spike",
                );
            }
        }
        if table.count() == 0 {
            return Misuse::because("this sends nothing; raise --rate or --duration");
        }
        Ok((Schedule::Open(table), self.workers.unwrap_or(100)))
    }

    fn burst(&self) -> Result<(Schedule, usize), Misuse> {
        if self.rate.is_some() || self.poisson {
            return Misuse::because(
                "a burst goes as fast as it is answered; for a rate use --mode sustained, ramp, spike, step or soak",
            );
        }
        let messages = match (self.messages, self.duration) {
            (None, None) => Some(1000),
            (messages, _) => messages.map(NonZeroU64::get),
        };
        let schedule = Schedule::Closed {
            messages,
            lasts: self.duration,
        };
        Ok((schedule, self.workers.unwrap_or(20)))
    }

    fn phases(&self, lasts: Duration) -> Result<Vec<Phase>, Misuse> {
        let wrong = |form: &str| {
            Misuse::because(format!(
                "{} needs --rate as {form}",
                self.mode
                    .to_possible_value()
                    .map_or_else(String::new, |mode| format!("--mode {}", mode.get_name()))
            ))
        };
        match (self.mode, &self.rate) {
            (Mode::Ramp, Some(Rates::Ramp { from, to })) => Ok(vec![Phase {
                from: *from,
                to: *to,
                lasts,
            }]),
            (Mode::Ramp, _) => wrong("FROM..TO, such as 10..50"),
            (Mode::Step, Some(Rates::Steps(steps))) => {
                let count = u32::try_from(steps.len()).unwrap_or(u32::MAX);
                Ok(steps
                    .iter()
                    .map(|rate| Phase::even(*rate, lasts / count))
                    .collect())
            }
            (Mode::Step, _) => wrong("a list, such as 10,25,50"),
            (_, Some(Rates::Even(rate))) => Ok(vec![Phase::even(*rate, lasts)]),
            _ => wrong("messages per second, such as 50"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn flags(mode: Mode, rate: Option<&str>, messages: Option<u64>) -> LoadFlags {
        LoadFlags {
            mode,
            messages: messages.and_then(NonZeroU64::new),
            workers: None,
            rate: rate.map(|rate| rate.parse().unwrap()),
            duration: Some(Duration::from_secs(30)),
            poisson: false,
        }
    }

    fn table(flags: &LoadFlags) -> Timetable {
        match flags.schedule().unwrap().0 {
            Schedule::Open(table) => table,
            Schedule::Closed { .. } => panic!("not an open schedule"),
        }
    }

    #[test]
    fn rates_are_one_a_ramp_or_steps() {
        assert_eq!(
            table(&flags(Mode::Sustained, Some("50"), None)).count(),
            1500
        );
        assert_eq!(table(&flags(Mode::Ramp, Some("10..50"), None)).count(), 900);
        let steps = table(&flags(Mode::Step, Some("10,25,50"), None));
        assert_eq!(steps.phases.len(), 3);
        assert_eq!(steps.count(), 850);
        let spike = table(&flags(Mode::Spike, Some("20"), Some(7)));
        assert_eq!(
            (spike.count(), spike.bursts[0].at),
            (607, Duration::from_secs(15))
        );
        for text in ["", "-1", "fast", "1..", "1,,2", "NaN", "inf"] {
            assert!(text.parse::<Rates>().is_err(), "{text}");
        }
    }

    #[test]
    fn flags_that_contradict_each_other_are_misuse() {
        for flags in [
            flags(Mode::Burst, Some("50"), None),
            flags(Mode::Sustained, None, None),
            flags(Mode::Sustained, Some("10..20"), None),
            flags(Mode::Sustained, Some("10"), Some(5)),
            flags(Mode::Ramp, Some("10"), None),
            flags(Mode::Step, Some("10"), None),
            flags(Mode::Soak, Some("0"), None),
        ] {
            assert!(flags.schedule().is_err(), "{flags:?}");
        }
    }

    #[test]
    fn a_burst_ends_by_number_or_by_time() {
        let burst = flags(Mode::Burst, None, None).schedule().unwrap().0;
        let lasts = Some(Duration::from_secs(30));
        assert_eq!(
            burst,
            Schedule::Closed {
                messages: None,
                lasts
            }
        );
    }
}
