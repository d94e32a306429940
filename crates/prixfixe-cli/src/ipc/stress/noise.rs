//! Level 3: one caller among a thousand, beside the same probe over a bare futex in the same noise.

use std::time::Duration;

use prixfixe_load::resources::ResourceWatch;
use prixfixe_load::results::notation;
use serde_json::json;

use super::bare_probe::{BareProbe, Probed};
use super::callers::STOP;
use super::conclusion::{Findings, Finished};
use super::gathered::Gathered;
use super::latencies::Latencies;
use super::progress::Progress;
use super::setting::{CallerSetting, Connects, Pace};
use super::stage::{Performance, Stage, StageError};
use crate::ipc::clock::Nanos;
use crate::ipc::in_words;

/// How large it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Noise {
    pub(super) clients: u32,
    /// Calls of all of them together in a second.
    pub(super) rate: u32,
    pub(super) probes: u64,
}

impl Noise {
    pub(super) const WHOLE: Self = Self {
        clients: 999,
        rate: 5_000,
        probes: 10_000,
    };
    pub(super) const SHORT: Self = Self {
        clients: 20,
        rate: 400,
        probes: 200,
    };

    pub(super) fn run(self, bare: &BareProbe, findings: &mut Findings) -> Result<(), StageError> {
        let mut stage = Stage::set(self.clients + PROBES, false)?;
        let interval = Duration::from_secs(1)
            .saturating_mul(self.clients)
            .checked_div(self.rate.max(1))
            .unwrap_or_default();
        let setting = CallerSetting {
            address: stage.setting.address.clone(),
            payload: NOISE_PAYLOAD,
            calls: u64::MAX,
            connects: Connects::BeforeTheStart,
            pace: Pace::Every {
                interval,
                clients: self.clients,
            },
        };
        let crowd = stage.gather(&setting, 1..self.clients + 1, 1)?;
        let watch = ResourceWatch::start(vec![stage.server_pid()]);
        let (start, began) = stage.start(&crowd)?;
        std::thread::sleep(WARM_UP);
        let mut rows = Vec::new();
        let mut probes = Vec::new();
        let mut missing = Vec::new();
        for (number, kind) in (self.clients + 1..).zip([Kind::Hot, Kind::Sleeping]) {
            let performance = self.probe(&mut stage, number, kind)?;
            rows.push(row(kind.name(), "prixfixe-ipc", &of_reports(&performance)));
            let bare = bare.run(self.probes, kind.rate());
            rows.push(match bare {
                Ok(probed) => row_of_bare(kind.name(), &probed),
                Err(absent) => {
                    let why = in_words(&absent).to_string();
                    missing.push(vec![kind.name().to_owned(), why]);
                    absent_row(kind.name())
                }
            });
            probes.push((kind, performance));
        }
        for process in &crowd.processes {
            stage.children.say(*process, STOP)?;
        }
        let reports = stage.reports(&crowd, &mut Progress::none(), &mut || {})?;
        let resources = watch.finish();
        let journal = stage.journal()?;
        let noise = Performance {
            start,
            began,
            reports,
            journal,
        };
        stage.dismiss(crowd)?;
        findings.table(TITLE, &COLUMNS, rows);
        if !missing.is_empty() {
            findings.table("No bare futex beside it", &["probe", "because"], missing);
        }
        let mut gathered = Gathered::of(&noise, NOISE_PAYLOAD);
        self.judge_noise(&mut gathered);
        findings.expect_all_completed("noise", &gathered);
        findings.part(Finished {
            name: "noise",
            gathered,
            planned: None,
            settings: json!({
                "clients": self.clients,
                "calls_per_second": self.rate,
                "payload": NOISE_PAYLOAD,
            }),
            server: Some((&resources, began)),
        });
        // They belong to nobody in particular, and were counted with the noise.
        let mut journal = noise.journal;
        journal.strangers = 0;
        for (kind, mut performance) in probes {
            performance.journal.clone_from(&journal);
            let gathered = Gathered::of(&performance, PROBE_PAYLOAD);
            findings.expect_all_completed(kind.name(), &gathered);
            findings.part_beside(Finished {
                name: kind.name(),
                gathered,
                planned: Some(self.probes),
                settings: json!({ "calls": self.probes, "payload": PROBE_PAYLOAD, "calls_per_second": kind.rate() }),
                server: None,
            });
        }
        Ok(())
    }

    fn probe(&self, stage: &mut Stage, number: u32, kind: Kind) -> Result<Performance, StageError> {
        let setting = CallerSetting {
            address: stage.setting.address.clone(),
            payload: PROBE_PAYLOAD,
            calls: self.probes,
            connects: Connects::BeforeTheStart,
            pace: match kind.rate() {
                None => Pace::Closed,
                Some(rate) => Pace::Every {
                    interval: Duration::from_secs(1) / rate,
                    clients: 1,
                },
            },
        };
        let crowd = stage.gather(&setting, number..number + 1, 1)?;
        let (start, began) = stage.start(&crowd)?;
        let reports = stage.reports(&crowd, &mut Progress::none(), &mut || {})?;
        stage.dismiss(crowd)?;
        Ok(Performance {
            start,
            began,
            reports,
            journal: super::journal::Journal::default(),
        })
    }

    /// Noise that fell behind its rate was not the noise that was asked for.
    fn judge_noise(&self, gathered: &mut Gathered) {
        let rate = gathered.rate();
        let asked = f64::from(self.rate);
        if rate < LEAST_OF_RATE * asked {
            gathered.invalid_because.push(format!(
                "the noise came to {} calls a second instead of {}",
                notation::number(rate),
                notation::number(asked)
            ));
        }
    }
}

/// How a probe calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One call after the other.
    Hot,
    /// Asleep between calls at a set rate; latency counts from the intended start.
    Sleeping,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Hot => "hot probe",
            Self::Sleeping => "sleeping probe",
        }
    }

    /// Calls a second, where it sleeps.
    fn rate(self) -> Option<u32> {
        match self {
            Self::Hot => None,
            Self::Sleeping => Some(SLEEPING_RATE),
        }
    }
}

fn of_reports(performance: &Performance) -> Latencies {
    let mut all = Latencies::new();
    for report in &performance.reports {
        all.merge(&report.latencies);
    }
    all
}

fn row(probe: &str, way: &str, latencies: &Latencies) -> Vec<String> {
    let count = latencies.count();
    let mut row = vec![probe.to_owned(), way.to_owned(), notation::count(count)];
    let quantiles = [0.5, 0.99, 0.999, 1.0];
    row.extend(quantiles.map(|quantile| notation::number(latencies.at(quantile).micros())));
    row.extend(LIMITS_US.map(|limit| share(latencies.above(Nanos(limit * 1_000)), count)));
    row
}

fn row_of_bare(probe: &str, probed: &Probed) -> Vec<String> {
    let count = probed.calls;
    let mut row = vec![
        probe.to_owned(),
        "bare futex".to_owned(),
        notation::count(count),
    ];
    let figures = [probed.p50_us, probed.p99_us, probed.p999_us, probed.max_us];
    row.extend(figures.map(notation::number));
    row.extend(probed.above.iter().map(|(_, above)| share(*above, count)));
    row
}

fn absent_row(probe: &str) -> Vec<String> {
    let mut row = vec![
        probe.to_owned(),
        "bare futex".to_owned(),
        "absent".to_owned(),
    ];
    row.resize(COLUMNS.len(), String::new());
    row
}

/// In percent, to three digits: one call of ten thousand is 0.01.
#[expect(clippy::cast_precision_loss, reason = "below 2^53 in any level")]
fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    format!("{} %", notation::number(100.0 * part as f64 / whole as f64))
}

const TITLE: &str = "Latency of one caller in the noise, in µs, and the share of calls above";
const COLUMNS: [&str; 12] = [
    "probe",
    "way",
    "calls",
    "p50",
    "p99",
    "p99.9",
    "max",
    "> 10 µs",
    "> 50 µs",
    "> 100 µs",
    "> 500 µs",
    "> 5,000 µs",
];
/// Where the shares are taken, in microseconds.
pub(super) const LIMITS_US: [u64; 5] = [10, 50, 100, 500, 5_000];
/// Clients that probe, one after the other.
const PROBES: u32 = 2;
/// Calls a second of a probe that sleeps: far beyond what anybody spins for.
const SLEEPING_RATE: u32 = 1_000;
/// Octets of each request and reply of the noise.
const NOISE_PAYLOAD: u32 = 4 << 10;
/// Octets of each request and reply of a probe, on both ways.
pub(super) const PROBE_PAYLOAD: u32 = 1024;
/// Below this share of its rate the noise is not the one that was asked for.
const LEAST_OF_RATE: f64 = 0.95;
/// For the noise to come up to its rate.
const WARM_UP: Duration = Duration::from_millis(500);
