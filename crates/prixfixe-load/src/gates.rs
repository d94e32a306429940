//! Thresholds that a result is held against, from a file.
//!
//! ```toml
//! [burst]
//! failed = 0                         # exactly
//! valid = true
//! verification = "holds"
//! rate_min = 1000
//! latency_ms.p99_max = 50
//! server.rss_growth_max = "8MiB"
//! rate_ratio_min = 0.9               # of the reference, run in the same minutes
//!
//! [burst.part."3 servers"]           # the same for a part
//! failed = 0
//! ```

mod verdict;

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::results::figure::{self, Figure, NoFigure};
use crate::size::octets_from_text;
pub use verdict::{MOST_APART, Verdict, check};

/// The gates of several scenarios.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Gates {
    scenarios: BTreeMap<String, ScenarioGates>,
}

/// The gates of a scenario.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScenarioGates {
    /// Those of the whole.
    pub whole: Vec<Gate>,
    /// Those of its parts, by their names.
    pub parts: BTreeMap<String, Vec<Gate>>,
}

/// A thing that must be so.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// How the file calls it.
    pub key: String,
    /// What is asked.
    pub demand: Demand,
}

/// What a gate asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Demand {
    /// The scenario must, or must not, have passed.
    Passed(bool),
    /// The measurement must, or must not, be valid.
    Valid(bool),
    /// Every acknowledgement must have been kept.
    VerificationHolds,
    /// The same, and it must be known of every message for whom it was stored.
    VerificationComplete,
    /// A figure must lie within a bound.
    Figure(Figure, Bound),
    /// A figure, divided by that of a reference, must lie within a bound.
    Ratio(Figure, Bound),
}

/// Where a number must lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// This.
    Exactly(f64),
}

impl Bound {
    /// Whether it does. Nothing lies anywhere if it is no number.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
            // Counts are whole, and exact as floating point.
            Self::Exactly(bound) => (value - bound).abs() < f64::EPSILON,
        }
    }
}

impl Gates {
    /// Those of a file.
    pub fn parse(text: &str) -> Result<Self, GatesError> {
        let file: Table = text.parse().map_err(GatesError::NoToml)?;
        let mut gates = Self::default();
        for (scenario, value) in file {
            let Value::Table(mut table) = value else {
                return Err(GatesError::NoTable { key: scenario });
            };
            let mut parts = BTreeMap::new();
            if let Some(value) = table.remove(PART) {
                for (part, gates) in as_table(&scenario, PART, value)? {
                    let place = format!("{scenario}.{PART}.{part}");
                    let gates = as_table(&scenario, &part, gates)?;
                    parts.insert(part, gates_of(&place, gates)?);
                }
            }
            let whole = if table.is_empty() && !parts.is_empty() {
                Vec::new()
            } else {
                gates_of(&scenario, table)?
            };
            gates
                .scenarios
                .insert(scenario, ScenarioGates { whole, parts });
        }
        Ok(gates)
    }

    /// Those of a scenario, if there are any.
    pub fn of(&self, scenario: &str) -> Option<&ScenarioGates> {
        self.scenarios.get(scenario)
    }

    /// The scenarios that have some.
    pub fn scenarios(&self) -> impl Iterator<Item = &str> {
        self.scenarios.keys().map(String::as_str)
    }
}

const PART: &str = "part";

fn as_table(scenario: &str, key: &str, value: Value) -> Result<Table, GatesError> {
    match value {
        Value::Table(table) => Ok(table),
        _ => Err(GatesError::NoTable {
            key: format!("{scenario}.{key}"),
        }),
    }
}

fn gates_of(place: &str, table: Table) -> Result<Vec<Gate>, GatesError> {
    let mut leaves = Vec::new();
    flatten("", table, &mut leaves);
    // Whatever is held against none meets them all.
    if leaves.is_empty() {
        return Err(GatesError::NoGate {
            place: place.to_owned(),
        });
    }
    leaves
        .into_iter()
        .map(|(key, value)| Gate::parse(place, key, &value))
        .collect()
}

/// `latency_ms.p99_max = 50` is a table in a table. TOML bounds how deep that goes.
fn flatten(prefix: &str, table: Table, leaves: &mut Vec<(String, Value)>) {
    for (name, value) in table {
        let key = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            Value::Table(table) => flatten(&key, table, leaves),
            value => leaves.push((key, value)),
        }
    }
}

impl Gate {
    fn parse(place: &str, key: String, value: &Value) -> Result<Self, GatesError> {
        let unfit = |wanted| GatesError::Unfit {
            place: place.to_owned(),
            key: key.clone(),
            wanted,
        };
        let demand = match &*key {
            "passed" => Demand::Passed(value.as_bool().ok_or_else(|| unfit("true or false"))?),
            "valid" => Demand::Valid(value.as_bool().ok_or_else(|| unfit("true or false"))?),
            "verification" => match value.as_str() {
                Some("holds") => Demand::VerificationHolds,
                Some("complete") => Demand::VerificationComplete,
                _ => return Err(unfit("\"holds\" or \"complete\"")),
            },
            _ => {
                let (form, figure) = Form::of(&key).map_err(|error| GatesError::Unknown {
                    place: place.to_owned(),
                    key: key.clone(),
                    nearest: Form::nearest(&key, &error),
                })?;
                let number =
                    number(value).ok_or_else(|| unfit("a number, or octets as \"8MiB\""))?;
                form.demand(figure, number)
            }
        };
        Ok(Self { key, demand })
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        // Thresholds are far below 2^53.
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) => Some(*number).filter(|number| number.is_finite()),
        Value::String(text) => octets_from_text(text).map(|octets| octets as f64),
        _ => None,
    }
}

/// What stands behind the name of a figure in a key.
#[derive(Debug, Clone, Copy)]
enum Form {
    Exactly,
    Least,
    Most,
    LeastRatio,
    MostRatio,
}

impl Form {
    /// The longer endings first, for one ends with another.
    const ALL: [(&str, Self); 5] = [
        ("_ratio_min", Self::LeastRatio),
        ("_ratio_max", Self::MostRatio),
        ("_min", Self::Least),
        ("_max", Self::Most),
        ("", Self::Exactly),
    ];

    fn of(key: &str) -> Result<(Self, Figure), NoFigure> {
        let mut forms = Self::ALL
            .into_iter()
            .filter_map(|(ending, form)| Some((form, key.strip_suffix(ending)?)));
        let (form, name) = forms.next().unwrap_or((Self::Exactly, key));
        Ok((form, name.parse()?))
    }

    fn nearest(key: &str, error: &NoFigure) -> String {
        let ending = key.strip_prefix(&*error.name).unwrap_or_default();
        let figure = format!("{}{ending}", error.nearest);
        let known = ["passed", "valid", "verification", &figure];
        figure::nearest(key, known.into_iter())
    }

    fn demand(self, figure: Figure, number: f64) -> Demand {
        match self {
            Self::Exactly => Demand::Figure(figure, Bound::Exactly(number)),
            Self::Least => Demand::Figure(figure, Bound::AtLeast(number)),
            Self::Most => Demand::Figure(figure, Bound::AtMost(number)),
            Self::LeastRatio => Demand::Ratio(figure, Bound::AtLeast(number)),
            Self::MostRatio => Demand::Ratio(figure, Bound::AtMost(number)),
        }
    }
}

/// A file of gates that cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GatesError {
    /// It is not TOML.
    #[error("this is no TOML: {0}")]
    NoToml(toml::de::Error),
    /// Something else stands where gates belong.
    #[error("{key} must be a table of gates, as [{key}]")]
    NoTable {
        /// Where.
        key: String,
    },
    /// A table that asks for nothing.
    #[error("[{place}] has no gate: put one in, or take the table out")]
    NoGate {
        /// The table.
        place: String,
    },
    /// No figure is called so.
    #[error("[{place}] {key}: there is no such gate; the nearest is {nearest}")]
    Unknown {
        /// The table.
        place: String,
        /// What it says.
        key: String,
        /// What it may mean.
        nearest: String,
    },
    /// The value is of another kind.
    #[error("[{place}] {key}: this must be {wanted}")]
    Unfit {
        /// The table.
        place: String,
        /// What it says.
        key: String,
        /// What belongs there.
        wanted: &'static str,
    },
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn figure(name: &str) -> Figure {
        name.parse().unwrap()
    }

    #[test]
    fn a_file_is_gates_by_scenario_and_part() {
        let gates = Gates::parse(
            "[scale]\nvalid = true\nlatency_ms.p99_max = 50\nserver.rss_growth_max = \"8MiB\"\n\
             rate_ratio_min = 0.9\nverification = \"holds\"\n\
             [scale.part.\"3 servers\"]\nfailed = 0\n",
        )
        .unwrap();
        assert!(gates.of("burst").is_none());
        let scale = gates.of("scale").unwrap();
        let demands: Vec<(&str, &Demand)> = scale
            .whole
            .iter()
            .map(|gate| (&*gate.key, &gate.demand))
            .collect();
        let p99 = Demand::Figure(figure("latency_ms.p99"), Bound::AtMost(50.0));
        let growth = Demand::Figure(figure("server.rss_growth"), Bound::AtMost(8_388_608.0));
        let ratio = Demand::Ratio(figure("rate"), Bound::AtLeast(0.9));
        assert_eq!(demands.len(), 5);
        for demand in [
            ("latency_ms.p99_max", &p99),
            ("server.rss_growth_max", &growth),
            ("rate_ratio_min", &ratio),
            ("valid", &Demand::Valid(true)),
            ("verification", &Demand::VerificationHolds),
        ] {
            assert!(demands.contains(&demand), "{demand:?}");
        }
        let failed = Demand::Figure(figure("failed"), Bound::Exactly(0.0));
        assert_eq!(scale.parts["3 servers"][0].demand, failed);
    }

    #[test]
    fn figures_whose_name_ends_like_a_bound_are_taken_by_their_whole_name() {
        let gates = Gates::parse("[a]\nlatency_ms.max_max = 5\n").unwrap();
        assert_eq!(
            gates.of("a").unwrap().whole[0].demand,
            Demand::Figure(figure("latency_ms.max"), Bound::AtMost(5.0))
        );
    }

    #[test]
    fn an_unknown_key_is_told_the_nearest() {
        for (key, nearest) in [
            ("latency_ms.p98_max", "latency_ms.p9"),
            ("faild", "failed"),
            ("verfication", "verification"),
            ("server.cpu_per_1000_max", "server.cpu_s_per_1000_max"),
            ("rate_mni", "rate"),
        ] {
            let error = Gates::parse(&format!("[a]\n{key} = 1\n")).unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, GatesError::Unknown { .. }), "{text}");
            assert!(
                text.contains(&format!("the nearest is {nearest}")),
                "{text}"
            );
        }
    }

    #[test]
    fn a_table_without_a_gate_is_refused() {
        for text in [
            "[a]\n",
            "[a]\n[a.part]\n",
            "[a]\nfailed = 0\n[a.part.\"b\"]\n",
            "[a.part.\"b\"]\n",
            "[a.latency_ms]\n",
        ] {
            let error = Gates::parse(text).unwrap_err();
            assert!(matches!(error, GatesError::NoGate { .. }), "{text}");
        }
        assert!(Gates::parse("[a.part.\"b\"]\nfailed = 0\n").is_ok());
    }

    #[test]
    fn a_value_of_another_kind_is_refused() {
        for line in [
            "failed = \"none\"",
            "valid = 1",
            "verification = true",
            "rate_min = [1]",
            "rate_min = inf",
            "part = 1",
        ] {
            assert!(Gates::parse(&format!("[a]\n{line}\n")).is_err(), "{line}");
        }
        assert!(Gates::parse("failed = 0").is_err());
        assert!(Gates::parse("[").is_err());
    }
}
