//! How much is needed for a wished load, reckoned from what was measured, step by step.
//!
//! `docs/capacity.md` has the formula. An instance is a server on a machine like the one that was
//! measured.

mod reckoning;
mod sample;

use serde::Serialize;

use crate::results::KeptResult;
use reckoning::Reckoning;
pub use sample::{Refused, Sample, samples};

/// What is wished.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Wish {
    /// Messages per second, the mean of a day.
    pub load: f64,
    /// The mean size of a message in octets.
    pub size: f64,
    /// How many times the mean the busiest seconds bring; 1 or more.
    pub peak_factor: f64,
    /// The share of an instance that stays free at the peak, from 0 to below 1.
    pub headroom: f64,
    /// Connections at the same time, where they are known.
    pub connections: Option<f64>,
    /// The most connections that one instance is set to take, where that is a limit.
    pub connection_limit: Option<f64>,
}

/// What it takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Capacity {
    /// What was wished.
    pub wish: Wish,
    /// How many instances.
    pub instances: f64,
    /// What asks for that many.
    pub bottleneck: Bottleneck,
    /// Processors in use at the peak, of all instances, the head-room included.
    pub processors: f64,
    /// Memory of one instance in octets, the head-room included.
    pub memory_per_instance: f64,
    /// Bits per second that arrive at the peak.
    pub bits_per_second: f64,
    /// Octets of messages per day.
    pub disk_per_day: f64,
    /// How it was reckoned.
    pub steps: Vec<Step>,
    /// Where the measured figures are from.
    pub sources: Vec<String>,
    /// Where the answer goes beyond what was measured.
    pub warnings: Vec<String>,
}

/// What runs out first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bottleneck {
    /// Processors.
    Cpu,
    /// The rate that an instance reached, whatever held it back.
    Rate,
    /// Memory.
    Memory,
    /// The limit of connections.
    Connections,
}

impl Bottleneck {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Rate => "rate",
            Self::Memory => "memory",
            Self::Connections => "connections",
        }
    }
}

/// A line of the reckoning.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// What is reckoned.
    pub what: &'static str,
    /// How.
    pub formula: &'static str,
    /// The same with the numbers put in.
    pub numbers: String,
    /// What comes out, in words.
    pub value: String,
}

/// Reckons from samples; see [`samples`]. `None` without any.
pub fn capacity(wish: Wish, samples: &[Sample]) -> Option<Capacity> {
    let measured = sample::at_size(samples, wish.size)?;
    Some(Reckoning::new(wish, measured).finish())
}

/// What was measured, of all files that can be used, and why others cannot.
pub fn usable(results: &[KeptResult]) -> (Vec<Sample>, Vec<Refused>) {
    let mut usable = Vec::new();
    let mut refused = Vec::new();
    for kept in results {
        match samples(kept) {
            Ok(samples) => usable.extend(samples),
            Err(refusal) => refused.push(refusal),
        }
    }
    (usable, refused)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::made_up;

    const WISH: Wish = Wish {
        load: 1000.0,
        size: 10_240.0,
        peak_factor: 3.0,
        headroom: 0.25,
        connections: None,
        connection_limit: None,
    };

    /// 1,000 messages/s of 10 KiB, 0.2 ms CPU each, 4 processors, 8 GiB, 50 connections from 8 to
    /// 16 MiB, a mean of 11 ms.
    fn burst() -> Vec<Sample> {
        let mut result = made_up::burst();
        result.parts.clear();
        samples(&KeptResult {
            path: "burst.json".into(),
            result,
        })
        .unwrap()
    }

    fn close(value: f64, expected: f64) {
        assert!((value / expected - 1.0).abs() < 1e-9, "{value} {expected}");
    }

    #[test]
    fn a_load_is_reckoned_as_by_hand() {
        let answer = capacity(WISH, &burst()).unwrap();
        // 3,000 / (1,000 × 0.75) = 4; CPU: 3,000 × 0.0002 / 0.75 = 0.8 of 4 processors.
        close(answer.instances, 4.0);
        assert_eq!(answer.bottleneck, Bottleneck::Rate);
        close(answer.processors, 0.8);
        // Little: 3,000 × 0.011 = 33, nine each; (8 MiB + 9 × 8 MiB / 50) / 0.75.
        let mebibyte = 1_048_576.0;
        close(
            answer.memory_per_instance,
            (8.0 + 9.0 * 8.0 / 50.0) * mebibyte / 0.75,
        );
        close(
            answer.bits_per_second,
            3000.0 * 10_840.0 * 1538.0 / 1448.0 * 8.0,
        );
        close(answer.disk_per_day, 1000.0 * 10_240.0 * 86_400.0);
        assert_eq!(answer.warnings, Vec::<String>::new());
        assert!(answer.sources[0].contains("burst.json"));
    }

    #[test]
    fn what_runs_out_first_is_named() {
        let mut samples = burst();
        samples[0].cpu_s = 0.004;
        // 3,000 × 0.004 / 0.75 = 16 processors, 4 on each: as many as by rate; then one more.
        assert_eq!(
            capacity(WISH, &samples).unwrap().bottleneck,
            Bottleneck::Rate
        );
        samples[0].cpu_s = 0.004_01;
        let answer = capacity(WISH, &samples).unwrap();
        assert_eq!(
            (answer.instances, answer.bottleneck),
            (5.0, Bottleneck::Cpu)
        );

        let limited = Wish {
            connections: Some(60_000.0),
            connection_limit: Some(10_000.0),
            ..WISH
        };
        let answer = capacity(limited, &burst()).unwrap();
        assert_eq!(
            (answer.instances, answer.bottleneck),
            (8.0, Bottleneck::Connections)
        );
        assert!(answer.warnings[0].contains("extrapolated"), "{answer:?}");

        let many = Wish {
            connections: Some(1e6),
            ..WISH
        };
        // 10^6 × 0.16 MiB / (8,192 × 0.75 − 8) MiB = 26.08.
        let answer = capacity(many, &burst()).unwrap();
        assert_eq!(
            (answer.instances, answer.bottleneck),
            (27.0, Bottleneck::Memory)
        );
    }

    #[test]
    fn servers_that_shared_a_machine_are_warned_of() {
        let mut result = made_up::burst();
        result.parts.clear();
        result.whole.settings["targets"] = serde_json::json!(["a:25", "b:25"]);
        let shared = samples(&KeptResult {
            path: "burst.json".into(),
            result,
        });
        let answer = capacity(WISH, &shared.unwrap()).unwrap();
        // Half the rate each.
        close(answer.instances, 8.0);
        assert!(
            answer.warnings[0].contains("2.00 instances shared"),
            "{answer:?}"
        );
    }

    #[test]
    fn larger_messages_than_measured_are_reckoned_in_proportion_with_a_warning() {
        let large = Wish {
            size: 102_400.0,
            ..WISH
        };
        let answer = capacity(large, &burst()).unwrap();
        close(answer.processors, 8.0);
        close(answer.instances, 40.0);
        // 3,000 × 110 ms = 330 connections, nine on each; 1.6 MiB for a connection.
        let of_nine = (8.0 + 9.0 * 80.0 / 50.0) * 1_048_576.0;
        close(answer.memory_per_instance, of_nine / 0.75);
        assert!(answer.warnings[0].contains("larger"), "{answer:?}");
        let small = Wish {
            size: 1024.0,
            ..WISH
        };
        let answer = capacity(small, &burst()).unwrap();
        close(answer.processors, 0.8);
        assert!(answer.warnings[0].contains("smaller"), "{answer:?}");
    }

    #[test]
    fn between_two_measured_sizes_the_cost_lies_on_a_line() {
        let mut samples = burst();
        let mut large = samples[0].clone();
        large.size *= 10.0;
        large.cpu_s = 0.001;
        large.rate = 200.0;
        samples.push(large);
        let middle = Wish {
            size: 10_240.0 * 5.5,
            ..WISH
        };
        let answer = capacity(middle, &samples).unwrap();
        // Half way: 0.6 ms CPU, and 1/1,000 and 1/200 s a message are 1/333.3.
        close(answer.processors, 3000.0 * 0.0006 / 0.75);
        close(answer.instances, 12.0);
        assert_eq!(answer.warnings, Vec::<String>::new());
        assert_eq!(answer.sources.len(), 2);
    }

    #[test]
    fn results_that_prove_nothing_are_refused() {
        type Change = fn(&mut crate::result::ResultFile);
        let changes: [(Change, &str); 5] = [
            (|result| result.whole.failed = 1, "failed"),
            (|result| result.whole.valid = false, "invalid"),
            (|result| result.whole.server = None, "server"),
            (
                |result| {
                    if let Some(account) = result.whole.verification.as_mut() {
                        account.lost.count = 1;
                    }
                },
                "verification",
            ),
            (|result| result.whole.accepted = 0, "no message"),
        ];
        for (change, reason) in changes {
            let mut result = made_up::burst();
            result.parts.clear();
            change(&mut result);
            let refused = samples(&KeptResult {
                path: "burst.json".into(),
                result,
            })
            .unwrap_err();
            assert!(refused.to_string().contains(reason), "{refused}");
        }
        assert_eq!(capacity(WISH, &[]), None);
    }

    #[test]
    fn what_speaks_against_the_whole_speaks_against_its_parts() {
        type Change = fn(&mut crate::result::ResultFile);
        let changes: [(Change, &str); 4] = [
            (|result| result.passed = false, "did not pass"),
            (
                |result| {
                    if let Some(account) = result.whole.verification.as_mut() {
                        account.lost.count = 1;
                    }
                },
                "verification",
            ),
            (|result| result.whole.valid = false, "invalid"),
            (|result| result.whole.failed = 1, "failed"),
        ];
        for (change, reason) in changes {
            let mut result = made_up::burst();
            assert!(!result.parts.is_empty());
            change(&mut result);
            let refused = samples(&KeptResult {
                path: "burst.json".into(),
                result,
            });
            let refused = refused.unwrap_err().to_string();
            assert!(refused.contains(reason), "{refused}");
        }
    }
}
