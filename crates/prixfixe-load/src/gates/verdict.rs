//! A result held against gates. What cannot be judged is missed, never met.

use std::time::Duration;

use jiff::Timestamp;

use super::{Bound, Demand, Gate, ScenarioGates};
use crate::result::{Measurement, ResultFile};
use crate::results::Figure;
use crate::results::{Cell, Sheet};

/// How far apart the starts of a result and of its reference may lie: beyond that a shared machine
/// may have become another.
pub const MOST_APART: Duration = Duration::from_secs(30 * 60);

/// What became of a gate.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The part it is about; the whole if `None`.
    pub part: Option<String>,
    /// How the file of gates calls it.
    pub key: String,
    /// What was measured.
    pub value: Cell,
    /// What it is held against.
    pub bound: Cell,
    /// Whether it is met.
    pub met: bool,
    /// Why it could not be judged; empty if it was.
    pub remark: String,
}

impl Verdict {
    /// Verdicts as a table.
    pub fn sheet(verdicts: &[Self]) -> Sheet {
        let mut sheet = Sheet::new(
            "",
            &[
                ("part", "part"),
                ("gate", "gate"),
                ("value", "value"),
                ("bound", "bound"),
                ("met", "met"),
                ("remark", "remark"),
            ],
        );
        for verdict in verdicts {
            sheet.push(vec![
                Cell::text(verdict.part.as_deref().unwrap_or("whole")),
                Cell::text(&verdict.key),
                verdict.value.clone(),
                verdict.bound.clone(),
                Cell::Flag(verdict.met),
                Cell::text(&verdict.remark),
            ]);
        }
        sheet
    }
}

/// Holds a result against the gates of its scenario; ratios are to the reference.
pub fn check(
    gates: &ScenarioGates,
    result: &ResultFile,
    reference: Option<&ResultFile>,
) -> Vec<Verdict> {
    let case = Case { result, reference };
    let whole = gates
        .whole
        .iter()
        .map(|gate| case.verdict(gate, None, Some(&result.whole)));
    let parts = gates.parts.iter().flat_map(|(name, gates)| {
        let measured = measured_part(result, name);
        gates
            .iter()
            .map(move |gate| case.verdict(gate, Some(name), measured))
    });
    whole.chain(parts).collect()
}

fn measured_part<'a>(result: &'a ResultFile, name: &str) -> Option<&'a Measurement> {
    result
        .parts
        .iter()
        .find(|part| part.name == name)
        .map(|part| &part.measured)
}

#[derive(Debug, Clone, Copy)]
struct Case<'a> {
    result: &'a ResultFile,
    reference: Option<&'a ResultFile>,
}

impl Case<'_> {
    fn verdict(self, gate: &Gate, part: Option<&str>, measured: Option<&Measurement>) -> Verdict {
        let (value, judged) = match measured {
            Some(measured) => self.judge(&gate.demand, part, measured),
            None => (Cell::Unknown, Err("the result has no such part".to_owned())),
        };
        Verdict {
            part: part.map(str::to_owned),
            key: gate.key.clone(),
            value,
            bound: bound(&gate.demand),
            met: judged == Ok(true),
            remark: judged.err().unwrap_or_default(),
        }
    }

    /// What was measured, and whether it will do or why that cannot be said.
    fn judge(
        self,
        demand: &Demand,
        part: Option<&str>,
        measured: &Measurement,
    ) -> (Cell, Result<bool, String>) {
        match demand {
            Demand::Passed(wanted) => {
                let passed = self.result.passed;
                (Cell::Flag(passed), Ok(passed == *wanted))
            }
            Demand::Valid(wanted) => (Cell::Flag(measured.valid), Ok(measured.valid == *wanted)),
            Demand::VerificationHolds | Demand::VerificationComplete => {
                match &measured.verification {
                    Some(account) if account.holds() && account.recipients_unknown() == 0 => {
                        (Cell::text("complete"), Ok(true))
                    }
                    Some(account) if account.holds() => (
                        Cell::text("holds"),
                        Ok(matches!(demand, Demand::VerificationHolds)),
                    ),
                    Some(_) => (Cell::text("does not hold"), Ok(false)),
                    None => (
                        Cell::Unknown,
                        Err("what arrived was not compared".to_owned()),
                    ),
                }
            }
            Demand::Figure(figure, bound) => {
                let value = figure.of(measured);
                let judged = match value {
                    None => Err(format!("the result has no {figure}")),
                    Some(value) if bound.holds(value) => Ok(true),
                    // What was kept beside a slow disk is kept; what was not says nothing.
                    Some(_) if figure.is_latency() && self.disk_is_void() => {
                        Err("the disk alone was too slow beside it".to_owned())
                    }
                    Some(_) => Ok(false),
                };
                (figure.cell(value), judged)
            }
            Demand::Ratio(figure, bound) => match self.ratio(figure, part, measured) {
                Ok(ratio) => (Cell::Number(ratio), Ok(bound.holds(ratio))),
                Err(why) => (Cell::Unknown, Err(why)),
            },
        }
    }

    fn disk_is_void(self) -> bool {
        disk_is_void(self.result)
    }

    fn ratio(
        self,
        figure: &Figure,
        part: Option<&str>,
        measured: &Measurement,
    ) -> Result<f64, String> {
        let reference = self
            .reference
            .ok_or("a ratio needs a reference: --reference FILE")?;
        if reference.machine != self.result.machine {
            return Err("the reference was measured on another machine".to_owned());
        }
        let start = |file: &ResultFile| file.started_at.parse::<Timestamp>().ok();
        let apart = start(reference)
            .zip(start(self.result))
            .map(|(one, other)| one.duration_since(other).unsigned_abs())
            .ok_or("when the two were measured cannot be read")?;
        if apart > MOST_APART {
            return Err(format!(
                "the reference was measured {} minutes apart",
                apart.as_secs() / 60
            ));
        }
        // Both may have been held up by it, and nobody knows which of them more.
        let depends_on_disk = figure.is_latency() || figure.name() == "rate";
        if depends_on_disk && (self.disk_is_void() || disk_is_void(reference)) {
            return Err("the disk alone was too slow beside one of them".to_owned());
        }
        let other = match part {
            Some(name) => measured_part(reference, name).ok_or("the reference has no such part")?,
            None => &reference.whole,
        };
        if !other.valid {
            return Err("the reference is invalid".to_owned());
        }
        let value = figure
            .of(measured)
            .ok_or_else(|| format!("the result has no {figure}"))?;
        let base = figure
            .of(other)
            .filter(|base| *base > 0.0)
            .ok_or_else(|| format!("the reference has no {figure}"))?;
        Ok(value / base)
    }
}

fn disk_is_void(result: &ResultFile) -> bool {
    result.disk_probe.is_some_and(|probe| probe.void)
}

fn bound(demand: &Demand) -> Cell {
    match demand {
        Demand::Passed(wanted) | Demand::Valid(wanted) => Cell::Flag(*wanted),
        Demand::VerificationHolds => Cell::text("holds"),
        Demand::VerificationComplete => Cell::text("complete"),
        Demand::Figure(figure, bound) => figure.cell(Some(bound.number())),
        Demand::Ratio(_, bound) => Cell::Number(bound.number()),
    }
}

impl Bound {
    fn number(self) -> f64 {
        match self {
            Self::AtLeast(number) | Self::AtMost(number) | Self::Exactly(number) => number,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::gates::Gates;
    use crate::made_up;
    use crate::result::DiskProbe;

    /// Whether each gate of `[burst]` is met, and the remark on it.
    fn verdicts(
        gates: &str,
        result: &ResultFile,
        reference: Option<&ResultFile>,
    ) -> Vec<(bool, String)> {
        let gates = Gates::parse(&format!("[burst]\n{gates}")).unwrap();
        check(gates.of("burst").unwrap(), result, reference)
            .into_iter()
            .map(|verdict| (verdict.met, verdict.remark))
            .collect()
    }

    fn met(gates: &str, result: &ResultFile) -> bool {
        let verdicts = verdicts(gates, result, None);
        assert_eq!(verdicts.len(), 1, "{gates}");
        verdicts[0].0
    }

    #[test]
    fn bounds_are_met_up_to_their_last_value() {
        let result = made_up::burst();
        let rate = result.whole.rate;
        assert!(met(&format!("rate_min = {rate}"), &result));
        assert!(!met(&format!("rate_min = {}", rate + 0.1), &result));
        assert!(met(&format!("rate_max = {rate}"), &result));
        assert!(met("failed = 0", &result));
        assert!(met("valid = true", &result));
        assert!(met("passed = true", &result));
        assert!(met("verification = \"holds\"", &result));
        assert!(met("verification = \"complete\"", &result));
        let mut bad = result;
        bad.whole.verification.as_mut().unwrap().recipients_known -= 1;
        assert!(met("verification = \"holds\"", &bad));
        assert!(!met("verification = \"complete\"", &bad));
        bad.whole.failed = 1;
        bad.whole.valid = false;
        bad.passed = false;
        bad.whole.verification.as_mut().unwrap().lost.count = 1;
        for gate in [
            "failed = 0",
            "valid = true",
            "passed = true",
            "verification = \"holds\"",
            "verification = \"complete\"",
        ] {
            assert!(!met(gate, &bad), "{gate}");
        }
    }

    #[test]
    fn what_was_not_measured_is_missed() {
        let mut result = made_up::burst();
        result.whole.server = None;
        result.whole.verification = None;
        for gate in [
            "server.rss_growth_max = \"8MiB\"",
            "verification = \"holds\"",
            "stages_ms.tls.p99_max = 1000",
            "rate_ratio_min = 0.1",
        ] {
            let verdicts = verdicts(gate, &result, None);
            assert!(!verdicts[0].0, "{gate}");
            assert!(!verdicts[0].1.is_empty(), "{gate}");
        }
        let of_part = verdicts("[burst.part.\"9 servers\"]\nfailed = 0", &result, None);
        assert!(!of_part[0].0);
    }

    #[test]
    fn a_disk_that_is_too_slow_is_named_where_a_latency_is_missed_and_nowhere_else() {
        let mut result = made_up::burst();
        result.disk_probe = Some(DiskProbe {
            void: true,
            ..DiskProbe::default()
        });
        let missed = verdicts("latency_ms.p99_max = 1", &result, None);
        assert!(!missed[0].0 && missed[0].1.contains("disk"), "{missed:?}");
        let missed = verdicts("rate_min = 1e9", &result, None);
        assert_eq!(missed, [(false, String::new())]);
        assert!(met("latency_ms.p99_max = 1e9", &result));
        assert!(met("failed = 0", &result));
    }

    #[test]
    fn a_server_that_died_has_not_kept_its_memory() {
        let mut result = made_up::burst();
        assert!(met("server.rss_growth_max = \"8MiB\"", &result));
        result.whole.server.as_mut().unwrap().rss_after = 0;
        for gate in [
            "server.rss_growth_max = \"8MiB\"",
            "server.rss_after_max = \"1GiB\"",
        ] {
            let verdicts = verdicts(gate, &result, None);
            assert!(!verdicts[0].0 && verdicts[0].1.contains("has no server.rss"));
        }
        result.whole.accepted = 0;
        result.whole.server.as_mut().unwrap().cpu_s_per_1000 = 0.0;
        assert!(!met("server.cpu_s_per_1000_max = 1", &result));
    }

    #[test]
    fn a_ratio_beside_a_disk_that_is_too_slow_is_missed() {
        let mut slow = made_up::burst();
        slow.disk_probe = Some(DiskProbe {
            void: true,
            ..DiskProbe::default()
        });
        let sound = made_up::burst();
        for gate in ["latency_ms.p99_ratio_max = 2", "rate_ratio_min = 0.5"] {
            assert!(verdicts(gate, &sound, Some(&sound))[0].0);
            for (result, reference) in [(&slow, &sound), (&sound, &slow)] {
                let verdicts = verdicts(gate, result, Some(reference));
                assert!(!verdicts[0].0 && verdicts[0].1.contains("disk"), "{gate}");
            }
        }
        let cpu = "server.cpu_s_per_1000_ratio_max = 2";
        assert!(verdicts(cpu, &slow, Some(&sound))[0].0);
    }

    #[test]
    fn a_part_is_never_divided_by_the_whole_of_the_reference() {
        let result = made_up::burst();
        let gate = "[burst.part.\"1 server\"]\nrate_ratio_min = 0.5";
        assert!(verdicts(gate, &result, Some(&result))[0].0);
        let mut reference = result.clone();
        reference.parts.clear();
        let verdicts = verdicts(gate, &result, Some(&reference));
        assert!(!verdicts[0].0 && verdicts[0].1.contains("no such part"));
    }

    #[test]
    fn a_ratio_needs_a_sound_reference_of_the_same_minutes_and_machine() {
        let result = made_up::burst();
        let mut reference = result.clone();
        reference.whole.rate = result.whole.rate * 2.0;
        let gate = "rate_ratio_min = 0.5";
        assert!(verdicts(gate, &result, Some(&reference))[0].0);
        assert!(!verdicts("rate_ratio_min = 0.51", &result, Some(&reference))[0].0);
        let mut elsewhere = reference.clone();
        elsewhere.machine.processors += 1;
        let mut earlier = reference.clone();
        earlier.started_at = "2026-11-20T17:00:00Z".to_owned();
        let mut invalid = reference.clone();
        invalid.whole.valid = false;
        let mut idle = reference;
        idle.whole.rate = 0.0;
        for unfit in [elsewhere, earlier, invalid, idle] {
            let verdicts = verdicts(gate, &result, Some(&unfit));
            assert!(!verdicts[0].0);
            assert!(!verdicts[0].1.is_empty());
        }
    }
}
