//! All scenarios but `soak`, one after the other.

use std::io::{self, Write};
use std::process::{Child, Command};
use std::time::Duration;

use clap::Args;

use super::extent;
use crate::cli::Outcome;
use crate::stress::interrupt::Interrupt;
use crate::stress::misused;

/// Flags of `all`: those of its scenarios.
#[derive(Debug, Args)]
pub(in crate::stress) struct All {
    /// How long is waited between two scenarios, so that the disk comes to rest
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = crate::stress::terms::length_flag)]
    pause: Duration,

    /// Messages, connections, times and kills are this many times those of each scenario
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = extent::factor)]
    scale: f64,

    /// Flags for each scenario, behind --, such as `-- --folder DIR`; who does not know one is left out
    #[arg(last = true, value_name = "FLAG")]
    flags: Vec<String>,
}

/// In their order. Each is a process of its own, so that one that fails badly ends only itself, and
/// what one leaves in memory does not weigh on the next.
const SCENARIOS: [&str; 13] = [
    "quick",
    "burst",
    "sustained",
    "heavy",
    "mixed",
    "ramp",
    "spike",
    "scale",
    "connections",
    "tls",
    "baseline",
    "crash",
    "chaos",
];

/// Kills of `crash`, and how long each fault of `chaos` lasts, at full length; below the last a fault
/// does nothing to a load.
const KILLS: f64 = 10.0;
const FAULT: Duration = Duration::from_secs(3);
const LEAST_FAULT: Duration = Duration::from_secs(1);

/// The exit code of flags that a scenario cannot be run with.
const MISUSED: i32 = 2;

impl All {
    /// Carries them out.
    pub(in crate::stress) fn run(self) -> io::Result<Outcome> {
        let one_file = |flag: &&String| {
            ["--output", "--ledger"]
                .iter()
                .any(|name| flag.as_str() == *name || flag.starts_with(&format!("{name}=")))
        };
        if let Some(flag) = self.flags.iter().find(one_file) {
            let text = format!("{flag} names one file, and each scenario would replace it");
            return misused("all", &text);
        }
        let interrupt = Interrupt::catch()?;
        let mut outcomes = Vec::new();
        for (index, name) in SCENARIOS.into_iter().enumerate() {
            if index > 0 {
                interrupt.sleep(self.pause);
            }
            if interrupt.is_set() {
                break;
            }
            writeln!(
                io::stderr(),
                "\n{name} ({} of {})",
                index + 1,
                SCENARIOS.len()
            )?;
            let code = self.one(name)?;
            // What the first one finds wrong with the flags, all would.
            if index == 0 && code == Some(MISUSED) {
                return Ok(Outcome::Misused);
            }
            outcomes.push((name, code));
        }
        let out = &mut io::stdout().lock();
        writeln!(out)?;
        let mut failed = SCENARIOS.len() - outcomes.len();
        for (name, code) in &outcomes {
            let verdict = match code {
                Some(0) => "passed",
                Some(MISUSED) => "left out: it does not go with these flags",
                _ => "FAILED",
            };
            failed += usize::from(!matches!(code, Some(0 | MISUSED)));
            writeln!(out, "{name:<12} {verdict}")?;
        }
        for name in &SCENARIOS[outcomes.len()..] {
            writeln!(out, "{name:<12} not run")?;
        }
        writeln!(out, "next: prixfixe results list")?;
        Ok(if failed == 0 {
            Outcome::Done
        } else {
            Outcome::Failed
        })
    }

    /// What a scenario has in the place of `--scale`.
    fn scaled(&self, name: &str) -> [String; 2] {
        match name {
            "crash" => {
                let kills = (KILLS * self.scale).ceil();
                ["--kills".to_owned(), format!("{kills}")]
            }
            "chaos" => {
                let lasts = FAULT.mul_f64(self.scale).max(LEAST_FAULT);
                ["--duration".to_owned(), format!("{}ms", lasts.as_millis())]
            }
            _ => ["--scale".to_owned(), self.scale.to_string()],
        }
    }

    fn one(&self, name: &str) -> io::Result<Option<i32>> {
        // Ctrl-C at the terminal reaches it as well, and it ends in good order.
        let mut scenario: Child = Command::new(std::env::current_exe()?)
            .args(["stress", name])
            .args(self.scaled(name))
            .args(&self.flags)
            .spawn()?;
        scenario.wait().map(|status| status.code())
    }
}
