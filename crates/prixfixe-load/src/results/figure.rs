//! The figures of a measurement by name, as gates, comparisons and trends ask for them:
//! `rate`, `latency_ms.p99`, `stages_ms.data_end.p99_9`, `server.rss_growth`.

use std::fmt;
use std::str::FromStr;

use crate::result::{Measurement, Percentiles, Server, Verification};
use crate::results::Cell;
use crate::stage::Stage;

/// A figure that a measurement may have.
#[derive(Debug, Clone)]
pub struct Figure {
    name: String,
    source: Source,
}

impl Figure {
    /// All that there are.
    pub fn all() -> Vec<Self> {
        let mut all: Vec<Self> = PLAIN
            .iter()
            .map(|(name, read)| Self {
                name: (*name).to_owned(),
                source: Source::Plain(*read),
            })
            .collect();
        let stages = Stage::ALL.map(Times::Stage);
        let times = [Times::Latency, Times::Lag, Times::Waited];
        for times in times.into_iter().chain(stages) {
            all.extend(PERCENTILES.iter().map(|(name, read)| Self {
                name: format!("{times}.{name}"),
                source: Source::Times(times, *read),
            }));
        }
        all
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its value, if the measurement has it. A distribution of nothing has none.
    pub fn of(&self, measured: &Measurement) -> Option<f64> {
        match self.source {
            Source::Plain(read) => read(measured),
            Source::Times(times, read) => times
                .of(measured)
                .filter(|percentiles| percentiles.count > 0)
                .map(read),
        }
    }

    /// Whether more of it is better.
    pub fn more_is_better(&self) -> bool {
        matches!(&*self.name, "rate" | "accepted" | "sent" | "octets")
    }

    /// Whether it is a time that a slow disk makes longer.
    pub fn is_latency(&self) -> bool {
        matches!(
            self.source,
            Source::Times(Times::Latency | Times::Stage(_), _)
        )
    }

    /// Whether it counts octets.
    pub fn is_octets(&self) -> bool {
        self.name.starts_with("server.rss") || self.name == "octets"
    }

    /// A value of it, as tables show it.
    pub fn cell(&self, value: Option<f64>) -> Cell {
        match value {
            Some(value) if self.is_octets() => Cell::Octets(value),
            value => Cell::known(value),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

/// Two figures of one name are the same.
impl PartialEq for Figure {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl FromStr for Figure {
    type Err = NoFigure;

    fn from_str(name: &str) -> Result<Self, NoFigure> {
        Self::all()
            .into_iter()
            .find(|figure| figure.name == name)
            .ok_or_else(|| NoFigure {
                name: name.to_owned(),
                nearest: nearest(name, Self::all().iter().map(Self::name)),
            })
    }
}

/// The one that `name` was probably meant to be.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    known
        .max_by(|one, other| {
            strsim::jaro_winkler(name, one).total_cmp(&strsim::jaro_winkler(name, other))
        })
        .unwrap_or_default()
        .to_owned()
}

/// A name that no figure has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no figure {name:?}; the nearest is {nearest:?}")]
pub struct NoFigure {
    /// What was asked for.
    pub name: String,
    /// The known name that is most like it.
    pub nearest: String,
}

#[derive(Debug, Clone, Copy)]
enum Source {
    Plain(Read),
    Times(Times, ReadTimes),
}

#[derive(Debug, Clone, Copy)]
enum Times {
    Latency,
    Stage(Stage),
    Lag,
    Waited,
}

impl Times {
    fn of(self, measured: &Measurement) -> Option<&Percentiles> {
        match self {
            Self::Latency => Some(&measured.latency_ms),
            Self::Stage(stage) => measured.stages_ms.get(&stage),
            Self::Lag => Some(&measured.generator.lag_ms),
            Self::Waited => Some(&measured.generator.waited_ms),
        }
    }
}

impl fmt::Display for Times {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency => formatter.write_str("latency_ms"),
            Self::Stage(stage) => write!(formatter, "stages_ms.{}", stage.name()),
            Self::Lag => formatter.write_str("generator.lag_ms"),
            Self::Waited => formatter.write_str("generator.waited_ms"),
        }
    }
}

type ReadTimes = fn(&Percentiles) -> f64;

const PERCENTILES: [(&str, ReadTimes); 9] = [
    ("min", |times| times.min),
    ("mean", |times| times.mean),
    ("p50", |times| times.p50),
    ("p90", |times| times.p90),
    ("p95", |times| times.p95),
    ("p99", |times| times.p99),
    ("p99_9", |times| times.p99_9),
    ("p99_99", |times| times.p99_99),
    ("max", |times| times.max),
];

type Read = fn(&Measurement) -> Option<f64>;

const PLAIN: [(&str, Read); 32] = [
    ("duration_s", |run| Some(run.duration_s)),
    ("rate", |run| Some(run.rate)),
    ("sent", |run| Some(run.sent as f64)),
    ("overdue", |run| Some(run.overdue as f64)),
    ("accepted", |run| Some(run.accepted as f64)),
    ("failed", |run| Some(run.failed as f64)),
    ("octets", |run| Some(run.octets as f64)),
    ("connections.made", |run| Some(run.connections.made as f64)),
    ("connections.remade", |run| {
        Some(run.connections.remade as f64)
    }),
    ("connections.tls_full", |run| {
        Some(run.connections.tls_full as f64)
    }),
    ("connections.tls_resumed", |run| {
        Some(run.connections.tls_resumed as f64)
    }),
    ("generator.cpu_s", |run| Some(run.generator.cpu_s)),
    ("generator.cpu_s_per_1000", |run| {
        Some(run.generator.cpu_s_per_1000).filter(|_| run.accepted > 0)
    }),
    ("generator.busy", |run| Some(run.generator.busy)),
    ("generator.starved", |run| Some(run.generator.starved)),
    ("server.cpu_s", |run| of_server(run, |server| server.cpu_s)),
    ("server.cpu_s_per_1000", |run| {
        of_server(run, |server| server.cpu_s_per_1000).filter(|_| run.accepted > 0)
    }),
    ("server.rss_before", |run| {
        memory(run, |server| server.rss_before)
    }),
    ("server.rss_peak", |run| {
        memory(run, |server| server.rss_peak)
    }),
    ("server.rss_after", |run| {
        memory(run, |server| server.rss_after)
    }),
    ("server.rss_growth", |run| {
        let after = memory(run, |server| server.rss_after)?;
        Some(after - memory(run, |server| server.rss_before)?)
    }),
    ("server.descriptors_peak", |run| {
        of_server(run, |server| server.descriptors_peak as f64)
    }),
    ("verification.lost", |run| {
        of_account(run, |account| account.lost.count)
    }),
    ("verification.duplicated", |run| {
        of_account(run, |account| account.duplicated.count)
    }),
    ("verification.altered", |run| {
        of_account(run, |account| account.altered.count)
    }),
    ("verification.misdelivered", |run| {
        of_account(run, |account| account.misdelivered.count)
    }),
    ("verification.recipients_unknown", |run| {
        of_account(run, Verification::recipients_unknown)
    }),
    ("verification.refused_but_stored", |run| {
        of_account(run, |account| account.refused_but_stored.count)
    }),
    ("verification.foreign", |run| {
        of_account(run, |account| account.foreign.count)
    }),
    ("verification.unanswered_but_stored", |run| {
        of_account(run, |account| account.unanswered_but_stored)
    }),
    ("verification.unlabelled", |run| {
        of_account(run, |account| account.unlabelled)
    }),
    ("verification.of_other_runs", |run| {
        of_account(run, |account| account.of_other_runs)
    }),
];

fn of_server(run: &Measurement, read: fn(&Server) -> f64) -> Option<f64> {
    run.server.as_ref().map(read)
}

/// A process that runs has some: without any, the servers had not started yet or had ended.
fn memory(run: &Measurement, read: fn(&Server) -> u64) -> Option<f64> {
    let server = run.server.as_ref()?;
    Some(read(server) as f64).filter(|octets| *octets > 0.0)
}

fn of_account(run: &Measurement, read: fn(&Verification) -> u64) -> Option<f64> {
    run.verification
        .as_ref()
        .map(|account| read(account) as f64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn value(name: &str, measured: &Measurement) -> Option<f64> {
        name.parse::<Figure>().unwrap().of(measured)
    }

    #[test]
    fn figures_are_found_by_the_names_that_the_file_has() {
        let times = Percentiles {
            count: 1,
            p99: 2.5,
            ..Percentiles::default()
        };
        let measured = Measurement {
            rate: 7.0,
            latency_ms: times,
            stages_ms: [(Stage::DataEnd, times)].into(),
            server: Some(Server {
                rss_before: 10,
                rss_after: 4,
                ..Server::default()
            }),
            ..Measurement::default()
        };
        assert_eq!(value("rate", &measured), Some(7.0));
        assert_eq!(value("latency_ms.p99", &measured), Some(2.5));
        assert_eq!(value("stages_ms.data_end.p99", &measured), Some(2.5));
        assert_eq!(value("server.rss_growth", &measured), Some(-6.0));
    }

    #[test]
    fn what_was_not_measured_has_no_value() {
        let measured = Measurement::default();
        for name in [
            "latency_ms.p50",
            "stages_ms.tls.p50",
            "server.cpu_s",
            "verification.lost",
        ] {
            assert_eq!(value(name, &measured), None, "{name}");
        }
    }

    #[test]
    fn a_misspelt_name_is_told_the_nearest() {
        let error = "latency_ms.p999".parse::<Figure>().unwrap_err();
        assert!(error.nearest.starts_with("latency_ms.p99"), "{error}");
    }
}
