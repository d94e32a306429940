//! What the first side kept and the second does not: facts, for which there is no threshold.

use super::{measured_in, part_names};
use crate::result::{Measurement, Verification};
use crate::results::KeptResult;
use crate::results::notation::count;

/// What the second side no longer does, a line each.
pub(super) fn broken(first: &[KeptResult], second: &[KeptResult]) -> Vec<String> {
    let mut lines = no_longer_passed(first, second);
    let parts = part_names(first).into_iter().map(Some);
    for part in std::iter::once(None).chain(parts) {
        let place = part.map_or_else(String::new, |name| format!(", {name}"));
        let known = runs_of(first, part);
        for kept in second {
            let name = format!("{}{place}", kept.name());
            match measured_in(&kept.result, part) {
                Some(run) => lines.extend(no_longer_kept(&known, run, &name)),
                None => lines.push(format!("{name}: there is no such part any more")),
            }
        }
    }
    lines
}

fn runs_of<'a>(side: &'a [KeptResult], part: Option<&str>) -> Vec<&'a Measurement> {
    side.iter()
        .filter_map(|kept| measured_in(&kept.result, part))
        .collect()
}

/// A scenario that fails as often as before is no worse than before.
fn no_longer_passed(first: &[KeptResult], second: &[KeptResult]) -> Vec<String> {
    let failing = |side: &[KeptResult]| {
        let failing = side.iter().filter(|kept| !kept.result.passed).count();
        failing as f64 / side.len().max(1) as f64
    };
    if failing(second) <= failing(first) {
        return Vec::new();
    }
    let failing = second.iter().filter(|kept| !kept.result.passed);
    failing
        .map(|kept| {
            let faults = kept.result.faults.join("; ");
            format!("{}: it did not pass ({faults})", kept.name())
        })
        .collect()
}

fn no_longer_kept(first: &[&Measurement], run: &Measurement, name: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if run.accepted == 0 && first.iter().any(|run| run.accepted > 0) {
        lines.push(format!("{name}: no message was accepted"));
    }
    let accounts: Vec<&Verification> = first
        .iter()
        .filter_map(|run| run.verification.as_ref())
        .collect();
    match &run.verification {
        None if !accounts.is_empty() => lines.push(format!("{name}: nothing was verified")),
        None => {}
        Some(account) => {
            lines.extend(FINDINGS.iter().filter_map(|(what, read)| {
                let before = accounts.iter().map(|known| share(known, *read));
                // More often than in the worst of the runs before.
                (share(account, *read) > before.fold(0.0, f64::max))
                    .then(|| format!("{name}: {} messages {what}", count(read(account))))
            }));
            let compared_all = |account: &Verification| account.recipients_unknown() == 0;
            if !compared_all(account) && accounts.iter().any(|known| compared_all(known)) {
                lines.push(format!("{name}: not all recipients were compared"));
            }
        }
    }
    lines
}

type Read = fn(&Verification) -> u64;

const FINDINGS: [(&str, Read); 5] = [
    ("lost", |account| account.lost.count),
    ("duplicated", |account| account.duplicated.count),
    ("altered", |account| account.altered.count),
    ("misdelivered", |account| account.misdelivered.count),
    ("refused but stored", |account| {
        account.refused_but_stored.count
    }),
];

fn share(account: &Verification, read: Read) -> f64 {
    read(account) as f64 / account.acknowledged.max(1) as f64
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::made_up;
    use crate::result::ResultFile;

    fn kept(change: impl FnOnce(&mut ResultFile)) -> KeptResult {
        let mut result = made_up::burst();
        change(&mut result);
        KeptResult {
            path: "b.json".into(),
            result,
        }
    }

    #[test]
    fn each_broken_promise_is_named_and_those_that_were_broken_before_are_not() {
        type Change = fn(&mut ResultFile);
        let changes: [(Change, &str); 8] = [
            (|result| result.passed = false, "did not pass"),
            (
                |result| result.parts.clear(),
                "1 server: there is no such part",
            ),
            (
                |result| result.whole.accepted = 0,
                "no message was accepted",
            ),
            (
                |result| result.parts[0].measured.accepted = 0,
                "1 server: no message was accepted",
            ),
            (
                |result| {
                    let account = result.whole.verification.as_mut();
                    account.unwrap().lost.count = 3;
                },
                "3 messages lost",
            ),
            (
                |result| {
                    let account = result.whole.verification.as_mut();
                    account.unwrap().misdelivered.count = 3;
                },
                "3 messages misdelivered",
            ),
            (
                |result| {
                    let account = result.whole.verification.as_mut();
                    account.unwrap().recipients_known -= 1;
                },
                "not all recipients",
            ),
            (|result| result.whole.verification = None, "verified"),
        ];
        for (change, words) in changes {
            let sound = [kept(|_| ())];
            let other = [kept(change)];
            let lines = broken(&sound, &other);
            assert_eq!(lines.len(), 1, "{lines:?}");
            assert!(lines[0].contains(words), "{lines:?}");
            assert_eq!(broken(&other, &other), Vec::<String>::new());
            assert_eq!(broken(&other, &sound), Vec::<String>::new());
        }
    }

    #[test]
    fn one_bad_file_among_several_is_enough() {
        let sound = [kept(|_| ()), kept(|_| ())];
        let mixed = [kept(|_| ()), kept(|result| result.parts.clear())];
        assert_eq!(broken(&sound, &mixed).len(), 1);
        // What only one of the files had is asked of all that follow.
        assert_eq!(broken(&mixed, &mixed[1..]).len(), 1);
        assert_eq!(broken(&sound, &sound), Vec::<String>::new());
    }
}
