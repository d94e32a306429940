//! What differs between results besides their figures, and may be the reason for those.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::results::KeptResult;

/// What differs between the first and each of the others, a line each, none twice.
pub(super) fn between<'a>(
    first: &KeptResult,
    others: impl Iterator<Item = &'a KeptResult>,
) -> Vec<String> {
    let of_first = circumstances(first);
    let mut lines = BTreeSet::new();
    for other in others {
        let mut found = Vec::new();
        walk("", &of_first, &circumstances(other), &mut found);
        lines.extend(found);
    }
    let more = lines.len().saturating_sub(MOST_LINES);
    let mut lines: Vec<String> = lines.into_iter().take(MOST_LINES).collect();
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

/// More lines than this say nothing but that everything is different.
const MOST_LINES: usize = 30;

/// What belongs to one run alone: no two have these in common.
const OF_ONE_RUN: [&str; 4] = ["run", "ledger", "targets", "first_number"];

fn circumstances(kept: &KeptResult) -> Value {
    let result = &kept.result;
    let mut settings = result.whole.settings.clone();
    if let Some(settings) = settings.as_object_mut() {
        settings.retain(|key, _| !OF_ONE_RUN.contains(&&**key));
    }
    serde_json::json!({
        "scenario": result.scenario,
        "machine": result.machine,
        "versions": result.versions,
        "settings": settings,
    })
}

fn walk(place: &str, one: &Value, other: &Value, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(first), Value::Object(second)) => {
            let keys: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
            for key in keys {
                let place = match place {
                    "" => key.clone(),
                    _ => format!("{place}.{key}"),
                };
                let of = |side: &serde_json::Map<String, Value>| {
                    side.get(key).cloned().unwrap_or_default()
                };
                walk(&place, &of(first), &of(second), found);
            }
        }
        _ if one != other => found.push(format!("{place}: {one} and {other}")),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up;

    fn kept(change: impl FnOnce(&mut crate::result::ResultFile)) -> KeptResult {
        let mut result = made_up::burst();
        change(&mut result);
        KeptResult {
            path: "burst.json".into(),
            result,
        }
    }

    #[test]
    fn machine_versions_and_settings_are_compared_and_names_of_runs_are_not() {
        let other = kept(|result| {
            result.machine.processors = 8;
            result.versions.insert("peer".to_owned(), "3.7".to_owned());
            result.whole.settings["workers"] = 20.into();
            result.whole.settings["run"] = "00000000000000ab".into();
            result.whole.rate = 1.0;
        });
        assert_eq!(
            between(&kept(|_| ()), [&other, &other].into_iter()),
            [
                "machine.processors: 4 and 8",
                "settings.workers: 50 and 20",
                "versions.peer: null and \"3.7\"",
            ]
        );
        assert!(between(&other, [&other].into_iter()).is_empty());
    }

    #[test]
    fn a_thousand_differences_are_not_listed() {
        let other = kept(|result| {
            for number in 0..1000 {
                result.whole.settings[format!("key {number}")] = 1.into();
            }
        });
        assert_eq!(
            between(&kept(|_| ()), [&other].into_iter()).len(),
            MOST_LINES + 1
        );
    }
}
