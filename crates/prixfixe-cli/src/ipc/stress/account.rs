//! What callers were told, held against what the handler executed.

use std::collections::BTreeMap;

use prixfixe_load::result::{CallOutcome, Findings, Verification};

use super::journal::{Book, Journal};
use super::told::{Ending, Kind, Told};

/// Every call by its outcome, and what was promised and not kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    /// How many calls ended like this, and how many executions they had.
    outcomes: BTreeMap<Ending, (u64, u64)>,
    findings: Verification,
}

impl Account {
    /// Of one part of a level.
    pub(super) fn settle(told: &[Told], journal: &Journal) -> Self {
        let mut account = Self::default();
        let nothing = Book::default();
        for told in told {
            let book = journal.book(told.client).unwrap_or(&nothing);
            account.settle_one(told, book);
        }
        account
    }

    /// Executions that belong to no caller.
    pub(super) fn meet_strangers(&mut self, strangers: u64) {
        if strangers > 0 {
            let foreign = &mut self.findings.foreign;
            foreign.count += strangers;
            let text = format!("{strangers} executions for no caller of this run");
            foreign.named.push(text);
        }
    }

    fn settle_one(&mut self, told: &Told, book: &Book) {
        let found = &mut self.findings;
        let client = told.client;
        let executed = book.total();
        let beyond = book.from(told.calls);
        if beyond > 0 {
            name(&mut found.foreign, client, told.calls, "never made");
            found.foreign.count += beyond - 1;
        }
        let mut of_others = 0;
        for (call, ending) in &told.others {
            let executions = book.executions(*call);
            of_others += executions;
            let (count, times) = self.outcomes.entry(*ending).or_default();
            *count += 1;
            *times += executions;
            match ending.kind {
                Kind::Altered => name(&mut found.altered, client, *call, "reply"),
                Kind::No if executions > 0 => {
                    name(&mut found.refused_but_stored, client, *call, "told No");
                }
                Kind::Maybe | Kind::Unheard => {
                    found.unanswered_but_stored += u64::from(executions > 0);
                }
                Kind::Completed | Kind::Refused | Kind::No => {}
            }
        }
        for call in book.altered() {
            name(&mut found.altered, client, *call, "request");
        }
        for call in book.repeats() {
            name(&mut found.duplicated, client, *call, "executed again");
        }
        for (from, to) in book.unexecuted(told.calls) {
            lose(&mut found.lost, told, from, to);
        }
        let (count, times) = self.outcomes.entry(Ending::COMPLETED).or_default();
        *count += told.completed();
        *times += executed - of_others - beyond;
        found.acknowledged += told.completed();
        found.stored += executed;
    }

    /// Adds the account of other calls.
    pub(super) fn add(&mut self, other: &Self) {
        for (ending, (count, times)) in &other.outcomes {
            let sum = self.outcomes.entry(*ending).or_default();
            sum.0 += count;
            sum.1 += times;
        }
        let (ours, theirs) = (&mut self.findings, &other.findings);
        ours.acknowledged += theirs.acknowledged;
        ours.stored += theirs.stored;
        ours.unanswered_but_stored += theirs.unanswered_but_stored;
        for (ours, theirs) in [
            (&mut ours.lost, &theirs.lost),
            (&mut ours.duplicated, &theirs.duplicated),
            (&mut ours.altered, &theirs.altered),
            (&mut ours.refused_but_stored, &theirs.refused_but_stored),
            (&mut ours.foreign, &theirs.foreign),
        ] {
            ours.count += theirs.count;
            let room = Findings::MOST_NAMED.saturating_sub(ours.named.len());
            ours.named.extend(theirs.named.iter().take(room).cloned());
        }
    }

    /// Calls that were made.
    pub(super) fn calls(&self) -> u64 {
        self.outcomes.values().map(|(count, _)| count).sum()
    }

    /// Calls that ended by the right reply.
    pub(super) fn completed(&self) -> u64 {
        let completed = self.outcomes.get(&Ending::COMPLETED);
        completed.map_or(0, |(count, _)| *count)
    }

    /// For the result: most frequent first.
    pub(super) fn outcomes(&self) -> Vec<CallOutcome> {
        let mut outcomes: Vec<CallOutcome> = self
            .outcomes
            .iter()
            .filter(|(_, (count, _))| *count > 0)
            .map(|(ending, (count, executed))| CallOutcome {
                outcome: ending.kind.name().to_owned(),
                reason: ending.reason.words().to_owned(),
                count: *count,
                executed: *executed,
            })
            .collect();
        outcomes.sort_by_key(|outcome| std::cmp::Reverse(outcome.count));
        outcomes
    }

    /// For the result.
    pub(super) fn verification(&self) -> Verification {
        Verification {
            source: "the handler's journal; digests of all payloads on both sides".to_owned(),
            ..self.findings.clone()
        }
    }

    /// What was not kept, a line each.
    pub(super) fn faults(&self) -> Vec<String> {
        let found = &self.findings;
        let kinds = [
            (&found.lost, "were completed and never executed"),
            (&found.duplicated, "were executed more than once"),
            (&found.altered, "had altered bytes"),
            (
                &found.refused_but_stored,
                "were said not to be executed, and were",
            ),
            (&found.foreign, "were executed, and nobody made them"),
        ];
        let broken = kinds
            .into_iter()
            .filter(|(findings, _)| findings.count > 0)
            .map(|(findings, what)| {
                let first = findings.named.first().map_or("", String::as_str);
                format!("{} calls {what} (first: {first})", findings.count)
            });
        broken.collect()
    }
}

/// Counts the completed ones among the calls of a range that were not executed.
fn lose(lost: &mut Findings, told: &Told, from: u64, to: u64) {
    let first = told.others.partition_point(|(call, _)| *call < from);
    let others = told.others[first..]
        .iter()
        .map(|(call, _)| *call)
        .take_while(|call| *call < to);
    let others: Vec<u64> = others.collect();
    let count = to - from - others.len() as u64;
    let room = Findings::MOST_NAMED.saturating_sub(lost.named.len());
    // A range that is looked through has no more calls in it than are named or ended otherwise.
    let named = (from..to)
        .filter(|call| others.binary_search(call).is_err())
        .take(room);
    for call in named {
        lost.named
            .push(format!("client {}, call {call}", told.client));
    }
    lost.count += count;
}

fn name(findings: &mut Findings, client: u64, call: u64, what: &str) {
    findings.count += 1;
    if findings.named.len() < Findings::MOST_NAMED {
        let name = format!("client {client}, call {call}: {what}");
        findings.named.push(name);
    }
}

#[cfg(test)]
mod tests {
    use super::super::told::Reason;
    use super::*;

    const NO: Ending = Ending {
        kind: Kind::No,
        reason: Reason::Deadline,
    };
    const MAYBE: Ending = Ending {
        kind: Kind::Maybe,
        reason: Reason::HungUp,
    };

    fn account(endings: &[Ending], executed: &[u64]) -> Account {
        let mut told = Told::new(1);
        for ending in endings {
            told.tell(*ending);
        }
        let mut journal = Journal::new(1);
        for call in executed {
            journal.record(1, *call, true);
        }
        Account::settle(&[told], &journal)
    }

    #[test]
    fn calls_that_ended_as_promised_leave_nothing_to_say() {
        let endings = [Ending::COMPLETED, NO, MAYBE, MAYBE, Ending::COMPLETED];
        let account = account(&endings, &[0, 2, 4]);
        assert_eq!(account.faults(), Vec::<String>::new());
        assert!(account.verification().holds());
        assert_eq!(account.calls(), 5);
        assert_eq!(account.completed(), 2);
        assert_eq!(account.verification().unanswered_but_stored, 1);
        let outcomes = account.outcomes();
        let of = |name: &str| {
            let found = outcomes.iter().find(|outcome| outcome.outcome == name);
            found.map(|outcome| (outcome.count, outcome.executed))
        };
        assert_eq!(of("completed"), Some((2, 2)));
        assert_eq!(of("failed_maybe"), Some((2, 1)));
        assert_eq!(of("failed_no"), Some((1, 0)));
    }

    #[test]
    fn each_broken_promise_is_found_and_counted() {
        let completed = Ending::COMPLETED;
        let count = |endings: &[Ending], executed: &[u64], of: fn(&Verification) -> u64| {
            let account = account(endings, executed);
            assert_eq!(account.faults().len(), 1, "{executed:?}");
            of(&account.verification())
        };
        let lost = |v: &Verification| v.lost.count;
        assert_eq!(count(&[completed, completed], &[1], lost), 1);
        assert_eq!(count(&[completed, NO, completed], &[], lost), 2);
        let duplicated = |v: &Verification| v.duplicated.count;
        assert_eq!(count(&[completed, MAYBE], &[0, 1, 1, 0], duplicated), 2);
        let refused = |v: &Verification| v.refused_but_stored.count;
        assert_eq!(count(&[NO, NO], &[1], refused), 1);
        let foreign = |v: &Verification| v.foreign.count;
        assert_eq!(count(&[completed], &[0, 1, 5], foreign), 2);
        let altered = |v: &Verification| v.altered.count;
        assert_eq!(count(&[Ending::ALTERED], &[0], altered), 1);
    }

    #[test]
    fn an_altered_request_and_a_stranger_are_found() {
        let mut journal = Journal::new(1);
        journal.record(1, 0, false);
        journal.record(0, 0, true);
        let mut told = Told::new(1);
        told.tell(Ending::COMPLETED);
        let mut account = Account::settle(&[told], &journal);
        account.meet_strangers(journal.strangers);
        assert_eq!(account.faults().len(), 2);
        assert!(!account.verification().holds());
    }

    #[test]
    fn accounts_add_up() {
        let mut sum = account(&[Ending::COMPLETED, NO], &[0]);
        sum.add(&account(&[Ending::COMPLETED], &[]));
        assert_eq!((sum.calls(), sum.completed()), (3, 2));
        assert_eq!(sum.verification().lost.count, 1);
        assert_eq!(sum.faults().len(), 1);
    }
}
