//! The result file: JSON with a version, made to be read by people and by other programs.
//!
//! `docs/results.md` describes it; times are in milliseconds from the intended start.

mod call_outcome;
mod verification;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::FailureKind;
use crate::stage::Stage;

pub use call_outcome::CallOutcome;
pub use verification::{Findings, Verification};

/// The version of the schema that this crate writes. It grows when a field changes its meaning or
/// goes; new fields alone leave it as it is.
pub const SCHEMA: u32 = 1;

/// A result file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResultFile {
    /// [`SCHEMA`] of the program that wrote it.
    pub schema: u32,
    /// The scenario, or `run`.
    pub scenario: String,
    /// When it began, RFC 3339 in UTC.
    pub started_at: String,
    /// Whether all of it went as the scenario wants it.
    pub passed: bool,
    /// What did not, a line each.
    pub faults: Vec<String>,
    /// All parts together. Times of parts that ran one after the other are added up.
    #[serde(flatten)]
    pub whole: Measurement,
    /// The parts of a scenario that has several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// Tables that belong to one scenario alone, such as the faults of `chaos`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<Table>,
    /// What a bare loop of write and fdatasync took beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_probe: Option<DiskProbe>,
    /// Where it ran.
    pub machine: Machine,
    /// The versions of all programs that took part, by name.
    pub versions: BTreeMap<String, String>,
    /// The command line, without passwords.
    pub command: String,
}

/// A part of a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Its name: `3 servers`, `STARTTLS, resumed`.
    pub name: String,
    /// What was measured.
    #[serde(flatten)]
    pub measured: Measurement,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Measurement {
    /// From the start of the first message to the end of the last, in seconds; an open schedule
    /// lasts as long as its timetable at least.
    pub duration_s: f64,
    /// Messages acknowledged per second of it.
    pub rate: f64,
    /// Messages begun.
    pub sent: u64,
    /// Messages that were due and never began, for want of free workers.
    #[serde(default)]
    pub overdue: u64,
    /// Messages acknowledged.
    pub accepted: u64,
    /// Messages that ended otherwise.
    pub failed: u64,
    /// Octets of the acknowledged messages.
    pub octets: u64,
    /// Connections made, and how many of them because the last one was found closed.
    pub connections: Connections,
    /// From the intended start to the acknowledgement, of acknowledged messages.
    pub latency_ms: Percentiles,
    /// The steps, each that took place.
    pub stages_ms: BTreeMap<Stage, Percentiles>,
    /// The whole distribution of `latency_ms`: percentile and milliseconds, rising.
    pub curve: Vec<(f64, f64)>,
    /// Failures by class, most frequent first.
    pub errors: Vec<ErrorCount>,
    /// How calls ended, where these were counted and not messages; most frequent first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<CallOutcome>,
    /// What ended it before its time: a ledger that could not be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken_off_by: Option<String>,
    /// Whether the generator did what the plan says, so that the figures are those of the server.
    pub valid: bool,
    /// Why not, a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invalid_because: Vec<String>,
    /// What the generator itself took.
    pub generator: Generator,
    /// What the servers took meanwhile, where it could be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Server>,
    /// The course of it.
    pub timeline: Timeline,
    /// What arrived, where it was compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    /// The plan, as data.
    pub settings: Value,
}

/// Connections of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Connections {
    /// Connected.
    pub made: u64,
    /// Made anew because the server had closed the last one between two messages.
    pub remade: u64,
    /// TLS handshakes, and how many of them took a session up again.
    pub tls_full: u64,
    /// The same.
    pub tls_resumed: u64,
}

/// A distribution in milliseconds. All zero where `count` is.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Percentiles {
    pub count: u64,
    pub min: f64,
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p95: f64,
    pub p99: f64,
    pub p99_9: f64,
    pub p99_99: f64,
    pub max: f64,
}

/// Failures of one class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorCount {
    /// The class, with the code of a reply.
    #[serde(flatten)]
    pub kind: FailureKind,
    /// Where.
    pub stage: Stage,
    /// How many.
    pub count: u64,
    /// The first of them, in words.
    pub example: String,
}

/// What the generator itself took.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Generator {
    /// Its threads.
    pub threads: usize,
    /// Its processor time in seconds.
    pub cpu_s: f64,
    /// The same per 1,000 acknowledged messages.
    pub cpu_s_per_1000: f64,
    /// The share of its threads' time that it computed, 0 to 1.
    pub busy: f64,
    /// The share of it that they could have computed and were kept from the processors, 0 to 1.
    #[serde(default)]
    pub starved: f64,
    /// From the moment a message was due and a worker free to its first octet: the generator's own
    /// fault.
    pub lag_ms: Percentiles,
    /// From the intended start until a worker was free: the server's doing, or too few workers.
    pub waited_ms: Percentiles,
}

/// What the servers took.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Server {
    /// Where that is known from: `/proc`, or the address of a metrics page.
    pub source: String,
    /// How many processes.
    pub processes: usize,
    /// Processor time of all of them, in seconds.
    pub cpu_s: f64,
    /// The same per 1,000 acknowledged messages.
    pub cpu_s_per_1000: f64,
    /// The sum of their resident memory: before, at its peak, after; in octets.
    pub rss_before: u64,
    /// The same.
    pub rss_peak: u64,
    /// The same.
    pub rss_after: u64,
    /// The most descriptors they had open.
    pub descriptors_peak: u64,
}

/// The course of a run, in intervals.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Timeline {
    /// The length of an interval in seconds.
    pub interval_s: f64,
    /// The intervals, in order and without gaps.
    pub points: Vec<Point>,
}

/// An interval. What ended in it counts in it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Point {
    /// Its start, in seconds from the start of the run.
    pub at_s: f64,
    /// Messages that were meant to start in it.
    pub intended: u64,
    /// Messages acknowledged.
    pub accepted: u64,
    /// Messages that ended otherwise.
    pub failed: u64,
    /// Latencies of the acknowledged ones, in milliseconds from the intended start; 0 without any.
    pub p50_ms: f64,
    /// The same.
    pub p99_ms: f64,
    /// The same.
    pub max_ms: f64,
    /// Resident memory of the servers at its end, in octets, where it could be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_rss: Option<u64>,
    /// Processors that the servers kept busy, where it could be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_cpus: Option<f64>,
}

/// A bare loop of write and fdatasync.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct DiskProbe {
    /// What one write with its sync took, in milliseconds.
    pub sync_ms: Percentiles,
    /// Whether it was so slow at p99.9 (above [`DiskProbe::MOST_P99_9_MS`]) that a latency measured
    /// beside it says nothing about the server.
    pub void: bool,
}

impl DiskProbe {
    /// Where a disk is too slow to judge a server by, in milliseconds.
    pub const MOST_P99_9_MS: f64 = 50.0;
}

/// Where a run took place.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Machine {
    /// The model of its processors.
    pub processor: String,
    /// How many there are.
    pub processors: usize,
    /// Its memory in octets.
    pub memory: u64,
    /// The kernel.
    pub kernel: String,
    /// The limit of descriptors of the generator.
    pub descriptors: u64,
    /// The file system of the store, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_system: Option<String>,
}

/// A table as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// The heads of its columns.
    pub columns: Vec<String>,
    /// Its rows, each as long as `columns`.
    pub rows: Vec<Vec<String>>,
}

impl ResultFile {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let text = fs::read(path).map_err(|error| ReadError::Unreadable {
            path: path.to_owned(),
            error,
        })?;
        let damaged = |error| ReadError::NoResult {
            path: path.to_owned(),
            error,
        };
        let value: Value = serde_json::from_slice(&text).map_err(damaged)?;
        let schema = value.get("schema").and_then(Value::as_u64);
        if let Some(schema) = schema.filter(|schema| *schema != u64::from(SCHEMA)) {
            return Err(ReadError::OtherSchema {
                path: path.to_owned(),
                schema,
            });
        }
        serde_json::from_value(value).map_err(damaged)
    }

    /// Writes it as a whole or not at all: into a file beside it, which then takes its name.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(self).map_err(io::Error::other)?;
        text.push(b'\n');
        let mut beside = path.as_os_str().to_owned();
        beside.push(".part");
        let beside = PathBuf::from(beside);
        let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
        if written.is_err() {
            // What a full disk left of it is of no use to anybody.
            let _ = fs::remove_file(&beside);
        }
        written
    }
}

/// A file that cannot be used as a result.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system does not give it.
    #[error("{}: {error}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// It is something else.
    #[error("{} is no result file: {error}", .path.display())]
    NoResult {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: serde_json::Error,
    },
    /// It is of another version.
    #[error("{} has schema {schema}, this program reads {SCHEMA}", .path.display())]
    OtherSchema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        schema: u64,
    },
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn example() -> ResultFile {
        ResultFile {
            schema: SCHEMA,
            scenario: "burst".to_owned(),
            started_at: "2026-11-21T17:00:00Z".to_owned(),
            passed: true,
            faults: Vec::new(),
            whole: Measurement {
                rate: 12.5,
                sent: 25,
                accepted: 24,
                failed: 1,
                errors: vec![ErrorCount {
                    kind: FailureKind::Transient(452),
                    stage: Stage::DataEnd,
                    count: 1,
                    example: "452 4.3.1 no room".to_owned(),
                }],
                stages_ms: BTreeMap::from([(Stage::DataEnd, Percentiles::default())]),
                valid: true,
                ..Measurement::default()
            },
            parts: Vec::new(),
            tables: Vec::new(),
            disk_probe: None,
            machine: Machine::default(),
            versions: BTreeMap::new(),
            command: "prixfixe stress burst".to_owned(),
        }
    }

    #[test]
    fn the_figures_of_the_whole_stand_at_the_top() {
        let value = serde_json::to_value(example()).unwrap();
        assert_eq!(value["schema"], 1);
        assert_eq!(value["rate"], 12.5);
        assert_eq!(value["sent"], 25);
        assert_eq!(value["valid"], true);
        assert_eq!(value["errors"][0]["kind"], "transient");
        assert_eq!(value["errors"][0]["code"], 452);
        assert_eq!(value["errors"][0]["stage"], "data_end");
        assert!(value["stages_ms"]["data_end"]["p99_9"].is_number());
    }

    #[test]
    fn what_was_written_is_read_and_nothing_lies_about() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        example().write(&path).unwrap();
        assert_eq!(ResultFile::read(&path).unwrap(), example());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn another_schema_and_another_file_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        fs::write(&path, "{\"schema\": 2}").unwrap();
        assert!(matches!(
            ResultFile::read(&path),
            Err(ReadError::OtherSchema { schema: 2, .. })
        ));
        fs::write(&path, "{\"schema\": 1}").unwrap();
        assert!(matches!(
            ResultFile::read(&path),
            Err(ReadError::NoResult { .. })
        ));
        fs::write(&path, "hello").unwrap();
        assert!(matches!(
            ResultFile::read(&path),
            Err(ReadError::NoResult { .. })
        ));
    }
}
