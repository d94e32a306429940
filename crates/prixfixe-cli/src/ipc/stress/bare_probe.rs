//! The same probe over a bare futex: the harness of `bench/ipc`, where it is built. This program
//! holds no unsafe code and cannot share a word with another process by itself.

use std::io;
use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;

use super::noise::{LIMITS_US, PROBE_PAYLOAD};
use crate::ipc::bench::Harness;

/// Where the harness is looked for.
#[derive(Clone, Debug)]
pub(super) struct BareProbe {
    pub(super) program: PathBuf,
}

/// What a probe came to, of the fields that `bench/ipc/README.md` explains.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Probed {
    pub(super) calls: u64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    pub(super) p999_us: f64,
    pub(super) max_us: f64,
    /// Microseconds, and how many calls took longer.
    pub(super) above: Vec<(u64, u64)>,
}

/// Why there is no probe.
#[derive(Debug, thiserror::Error)]
pub(super) enum Absent {
    #[error("{0} is not built (`cargo build --release` in bench/ipc)")]
    NotBuilt(String),
    #[error("{program} could not be run")]
    Start {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error("it failed: {0}")]
    Failed(String),
    #[error("it said something else than a line of figures")]
    Line(#[from] serde_json::Error),
}

impl BareProbe {
    /// The harness that is named, or the one at its usual place.
    pub(super) fn at(named: Option<PathBuf>) -> Self {
        Self {
            program: named.unwrap_or_else(|| Harness::PLACE.into()),
        }
    }

    /// So many calls, one after the other, or at a rate of calls a second.
    pub(super) fn run(&self, calls: u64, rate: Option<u32>) -> Result<Probed, Absent> {
        let program = self.program.display().to_string();
        if !self.program.is_file() {
            return Err(Absent::NotBuilt(program));
        }
        let above: Vec<String> = LIMITS_US.iter().map(u64::to_string).collect();
        let mut command = Command::new(&self.program);
        command
            .args(["run", "futex", "--clock", "every", "--above"])
            .arg(above.join(","))
            .args(["--calls", &calls.to_string()])
            .args(["--payload", &PROBE_PAYLOAD.to_string()]);
        if let Some(rate) = rate {
            command.args(["--rate", &rate.to_string()]);
        }
        let output = command
            .output()
            .map_err(|source| Absent::Start { program, source })?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let first = said.lines().next().unwrap_or_default();
            return Err(Absent::Failed(first.to_owned()));
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_harness_that_is_not_there_is_told_and_not_made_up() {
        let probe = BareProbe::at(Some("/no/such/harness".into()));
        let absent = probe.run(10, None).unwrap_err();
        assert!(absent.to_string().contains("is not built"), "{absent}");
    }

    #[test]
    fn a_line_of_the_harness_is_read() {
        let line = r#"{"system":"futex","calls":3,"p50_us":1.5,"p99_us":2.0,"p999_us":2.0,
            "max_us":2.0,"above":[[10,0],[50,0]]}"#;
        let probed: Probed = serde_json::from_str(line).unwrap();
        assert_eq!(probed.above, [(10, 0), (50, 0)]);
    }
}
