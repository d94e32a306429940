//! What a run was told to do, in a few words, as far as its settings are those of a plan.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::number;
use crate::result::ResultFile;
use crate::schedule::Schedule;
use crate::size::SizeMix;

/// Names and values: target, load, size, workers. Of a scenario with parts each is listed once.
pub(super) fn facts(result: &ResultFile) -> Vec<(&'static str, String)> {
    type Fact = (&'static str, fn(&Value) -> Option<String>);
    let whole = &result.whole.settings;
    let parts = result.parts.iter().map(|part| &part.measured.settings);
    let plans: Vec<&Value> = std::iter::once(whole).chain(parts).collect();
    let kinds: [Fact; 5] = [
        ("target", target),
        ("load", load),
        ("size", size),
        ("workers", workers),
        ("encryption", encryption),
    ];
    let facts = kinds.into_iter().filter_map(|(name, of)| {
        let mut values: Vec<String> = plans.iter().filter_map(|plan| of(plan)).collect();
        let mut seen = std::collections::BTreeSet::new();
        values.retain(|value| seen.insert(value.clone()));
        let left_out = values.len().saturating_sub(MOST_VALUES);
        values.truncate(MOST_VALUES);
        if left_out > 0 {
            values.push(format!("{left_out} more"));
        }
        (!values.is_empty()).then(|| (name, values.join("; ")))
    });
    facts.collect()
}

/// How many different values of one setting are listed: one for each of the usual parts.
const MOST_VALUES: usize = 6;

fn target(plan: &Value) -> Option<String> {
    let targets = plan.get("targets")?.as_array()?;
    let named: Vec<&str> = targets.iter().filter_map(Value::as_str).collect();
    match &named[..] {
        [] => None,
        [first, .., last] if named.len() > MOST_VALUES => {
            Some(format!("{} servers, {first} to {last}", named.len()))
        }
        all => Some(all.join(", ")),
    }
}

fn load(plan: &Value) -> Option<String> {
    let text = match Schedule::deserialize(plan.get("schedule")?).ok()? {
        Schedule::Closed {
            messages: Some(messages),
            ..
        } => format!(
            "{} messages as fast as they are taken",
            number::count(messages)
        ),
        Schedule::Closed { lasts, .. } => format!(
            "for {} as fast as they are taken",
            lasts.map_or(number::NONE.to_owned(), duration)
        ),
        Schedule::Open(table) => {
            let phases = table.phases.iter().take(MOST_VALUES).map(|phase| {
                let lasts = duration(phase.lasts);
                if phase.from.to_bits() == phase.to.to_bits() {
                    format!("{} for {lasts}", number::per_second(phase.from))
                } else {
                    let (from, to) = (number::plain(phase.from), number::per_second(phase.to));
                    format!("{from} → {to} in {lasts}")
                }
            });
            let bursts = table.bursts.iter().take(MOST_VALUES).map(|burst| {
                let messages = number::count(burst.messages);
                format!("{messages} at once after {}", duration(burst.at))
            });
            phases.chain(bursts).collect::<Vec<_>>().join(", ")
        }
    };
    Some(text)
}

fn duration(lasts: Duration) -> String {
    number::seconds(lasts.as_secs_f64())
}

fn size(plan: &Value) -> Option<String> {
    let contents = plan.get("contents")?;
    if let Some(folder) = contents.get("corpus").and_then(Value::as_str) {
        return Some(format!("the files of {folder}"));
    }
    SizeMix::deserialize(contents.get("made")?)
        .ok()
        .map(|mix| mix.to_string())
}

fn workers(plan: &Value) -> Option<String> {
    plan.get("workers")?.as_u64().map(number::count)
}

fn encryption(plan: &Value) -> Option<String> {
    let tls = plan.get("tls")?;
    if tls.as_str() == Some("none") {
        return Some("none".to_owned());
    }
    let (name, terms) = tls.as_object()?.iter().next()?;
    let kind = match &name[..] {
        "start_tls" => "STARTTLS",
        "implicit" => "TLS",
        other => other,
    };
    let resumed = terms.get("resume").and_then(Value::as_bool) == Some(true);
    Some(if resumed {
        format!("{kind}, resumed")
    } else {
        kind.to_owned()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::plan::{Plan, Tls, TlsTerms, Trust};
    use crate::schedule::{Burst, Phase, Timetable};

    fn plan() -> Plan {
        let table = Timetable {
            phases: vec![Phase::even(20.0, Duration::from_secs(60))],
            bursts: vec![Burst {
                at: Duration::from_secs(30),
                messages: 1000,
            }],
            ..Timetable::default()
        };
        let targets = vec!["127.0.0.1:2525".to_owned()];
        Plan::new(targets, Schedule::Open(table), 50)
    }

    #[test]
    fn a_plan_is_told_in_words() {
        let mut plan = plan();
        plan.tls = Tls::StartTls(TlsTerms {
            trust: Trust::Anybody,
            server_name: None,
            resume: true,
        });
        let value = serde_json::to_value(plan).unwrap();
        assert_eq!(target(&value).unwrap(), "127.0.0.1:2525");
        assert_eq!(
            load(&value).unwrap(),
            "20.0/s for 60.0 s, 1,000 at once after 30.0 s"
        );
        assert_eq!(size(&value).unwrap(), "10 KiB");
        assert_eq!(workers(&value).unwrap(), "50");
        assert_eq!(encryption(&value).unwrap(), "STARTTLS, resumed");
    }

    #[test]
    fn settings_that_are_no_plan_say_nothing() {
        for value in [Value::Null, serde_json::json!({"targets": 1, "tls": {}})] {
            for fact in [target, load, size, workers, encryption] {
                assert_eq!(fact(&value), None);
            }
        }
    }
}
