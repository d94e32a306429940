//! How long each step may take.

use std::time::Duration;

use clap::Args;
use prixfixe_load::plan::Timeouts;

use super::length;

#[derive(Debug, Args)]
#[command(next_help_heading = "Time-outs")]
pub(super) struct TimeoutFlags {
    /// How long a step may take, such as data-end=2m; repeat it for connect, banner, tls, command,
    /// data-end, and grace for what is under way when the run is over; 5s alone is for all of them
    #[arg(long, value_name = "[STEP=]TIME", value_parser = Timeout::parse)]
    timeout: Vec<Timeout>,
}

#[derive(Debug, Clone, Copy)]
struct Timeout {
    step: Step,
    time: Duration,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    All,
    Connect,
    Banner,
    Tls,
    Command,
    DataEnd,
    Grace,
}

impl Timeout {
    fn parse(text: &str) -> Result<Self, String> {
        let (step, time) = match text.split_once('=') {
            None => (Step::All, text),
            Some((step, time)) => {
                let step = match step {
                    "connect" => Step::Connect,
                    "banner" => Step::Banner,
                    "tls" => Step::Tls,
                    "command" => Step::Command,
                    "data-end" => Step::DataEnd,
                    "grace" => Step::Grace,
                    other => {
                        return Err(format!(
                            "{other:?} is no step; write connect, banner, tls, command, data-end or grace"
                        ));
                    }
                };
                (step, time)
            }
        };
        let time = length(time)?;
        if time.is_zero() && !matches!(step, Step::Grace) {
            return Err("a step takes longer than nothing".to_owned());
        }
        Ok(Self { step, time })
    }
}

impl TimeoutFlags {
    /// The later flag wins.
    pub(super) fn timeouts(&self) -> Timeouts {
        let mut all = Timeouts::default();
        for Timeout { step, time } in &self.timeout {
            let steps = match step {
                Step::All => vec![
                    &mut all.connect,
                    &mut all.banner,
                    &mut all.tls,
                    &mut all.command,
                    &mut all.data_end,
                ],
                Step::Connect => vec![&mut all.connect],
                Step::Banner => vec![&mut all.banner],
                Step::Tls => vec![&mut all.tls],
                Step::Command => vec![&mut all.command],
                Step::DataEnd => vec![&mut all.data_end],
                Step::Grace => vec![&mut all.grace],
            };
            for timeout in steps {
                *timeout = *time;
            }
        }
        all
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn one_for_all_and_the_later_for_one() {
        let flags = TimeoutFlags {
            timeout: ["5s", "data-end=2m"]
                .map(|text| Timeout::parse(text).unwrap())
                .to_vec(),
        };
        let timeouts = flags.timeouts();
        assert_eq!(timeouts.connect, Duration::from_secs(5));
        assert_eq!(timeouts.data_end, Duration::from_secs(120));
        assert_eq!(timeouts.grace, Timeouts::default().grace);
        for text in ["data=5s", "tls=0s", "soon"] {
            assert!(Timeout::parse(text).is_err(), "{text}");
        }
    }
}
