//! The systems that ours is measured against, run by the harness in `bench/ipc`.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::measure::Line;
use super::setting::{Layout, Load, Pace, Pin, Runtime};

/// The harness of the peers.
#[derive(Clone, Debug)]
pub(in crate::ipc) struct Harness {
    program: PathBuf,
}

/// One peer of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    /// Its name in the harness.
    pub(super) name: &'static str,
    /// What it is asked for beside what the row says.
    pub(super) words: &'static [&'static str],
}

/// Why a peer has no line.
#[derive(Debug, thiserror::Error)]
pub(super) enum PeerError {
    #[error("{program} could not be run")]
    Start {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error("`{peer}` failed: {said}")]
    Failed { peer: String, said: String },
    #[error("`{peer}` said something else than a line of figures")]
    Line {
        peer: String,
        #[source]
        source: serde_json::Error,
    },
}

impl Harness {
    /// Where `cargo build --release` in `bench/ipc` puts it.
    pub(in crate::ipc) const PLACE: &str = "bench/ipc/target/release/ipc-peers";

    pub(super) fn at(program: &Path) -> Self {
        Self {
            program: program.to_owned(),
        }
    }

    /// Runs `peer` under the load of a row.
    pub(super) fn run(
        &self,
        peer: Peer,
        load: &Load,
        row: &str,
        duration: Duration,
    ) -> Result<Line, PeerError> {
        let mut words: Vec<String> = Vec::new();
        let mut flag = |name: &str, value: String| words.extend([format!("--{name}"), value]);
        flag("clients", load.clients.to_string());
        flag("payload", load.payload.to_string());
        flag("in-flight", load.in_flight.to_string());
        match load.layout {
            Layout::Processes => flag("layout", "processes".to_owned()),
            Layout::Async(runtime) => {
                flag("layout", "async".to_owned());
                let runtime = match runtime {
                    Runtime::Current => "current",
                    Runtime::Multi => "multi",
                };
                flag("runtime", runtime.to_owned());
            }
        }
        if let Pace::Open {
            calls_per_second, ..
        } = load.pace
        {
            flag("rate", calls_per_second.to_string());
        }
        if load.pin == Pin::One {
            flag("pin", "one".to_owned());
        }
        flag("seconds", duration.as_secs().max(1).to_string());
        flag("row", row.to_owned());
        // Of a flag given twice, the harness would refuse both: a peer's own words replace ours.
        for word in peer.words.iter().filter(|word| word.starts_with("--")) {
            if let Some(place) = words.iter().position(|other| other == word) {
                words.drain(place..place + 2);
            }
        }
        words.extend(peer.words.iter().map(|word| (*word).to_owned()));
        self.line(peer.name, &words)
    }

    /// The bare ping-pong over 1 KB that tells the mode of the host: its mean, in microseconds.
    pub(super) fn bare_us(&self) -> Result<f64, PeerError> {
        let words = ["--seconds", "1", "--row", "mode"].map(str::to_owned);
        self.line("spin", &words).map(|line| line.mean_us)
    }

    fn line(&self, peer: &str, words: &[String]) -> Result<Line, PeerError> {
        let output = Command::new(&self.program)
            .args(["run", peer])
            .args(words)
            .output()
            .map_err(|source| PeerError::Start {
                program: self.program.display().to_string(),
                source,
            })?;
        if !output.status.success() {
            return Err(PeerError::Failed {
                peer: peer.to_owned(),
                said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            });
        }
        serde_json::from_slice(&output.stdout).map_err(|source| PeerError::Line {
            peer: peer.to_owned(),
            source,
        })
    }
}
