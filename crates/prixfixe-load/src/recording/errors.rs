//! Failures by class.

use std::collections::BTreeMap;

use crate::failure::{Failure, FailureKind};
use crate::result::ErrorCount;
use crate::stage::Stage;

/// How often each class came at each stage, with the first in words. There are 200 codes and nine
/// other classes, so it is bounded by itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Errors(BTreeMap<(FailureKind, Stage), (u64, String)>);

impl Errors {
    pub(super) fn count(&mut self, failure: Failure) {
        let Failure {
            kind,
            stage,
            detail,
        } = failure;
        let (count, _) = self.0.entry((kind, stage)).or_insert((0, detail));
        *count += 1;
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (class, (count, example)) in &other.0 {
            let entry = self.0.entry(*class);
            entry.or_insert_with(|| (0, example.clone())).0 += count;
        }
    }

    /// The most frequent first.
    pub(super) fn counts(&self) -> Vec<ErrorCount> {
        let mut counts: Vec<ErrorCount> = self
            .0
            .iter()
            .map(|((kind, stage), (count, example))| ErrorCount {
                kind: *kind,
                stage: *stage,
                count: *count,
                example: example.clone(),
            })
            .collect();
        counts.sort_by_key(|error| std::cmp::Reverse(error.count));
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_told_apart_by_code_and_stage_and_keep_their_first_example() {
        let failure =
            |code, stage, text: &str| Failure::new(FailureKind::Transient(code), stage, text);
        let mut one = Errors::default();
        one.count(failure(452, Stage::Rcpt, "first"));
        one.count(failure(451, Stage::Rcpt, "other"));
        let mut two = Errors::default();
        two.count(failure(451, Stage::Rcpt, "later"));
        two.count(failure(451, Stage::Mail, "elsewhere"));
        one.merge(&two);
        let seen: Vec<_> = one
            .counts()
            .into_iter()
            .map(|error| (error.kind, error.stage, error.count, error.example))
            .collect();
        let code = FailureKind::Transient;
        assert_eq!(
            seen,
            [
                (code(451), Stage::Rcpt, 2, "other".to_owned()),
                (code(451), Stage::Mail, 1, "elsewhere".to_owned()),
                (code(452), Stage::Rcpt, 1, "first".to_owned()),
            ]
        );
    }
}
