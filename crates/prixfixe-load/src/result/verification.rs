//! What was acknowledged, held against what arrived.

use serde::{Deserialize, Serialize};

/// What was acknowledged, compared with what arrived.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Verification {
    /// Where it was looked for.
    pub source: String,
    /// Messages acknowledged.
    pub acknowledged: u64,
    /// Messages of the run that were found, copies included.
    pub stored: u64,
    /// Acknowledged and not found.
    pub lost: Findings,
    /// Found more often than allowed.
    pub duplicated: Findings,
    /// Found with other octets than were sent.
    pub altered: Findings,
    /// Found as often as they have to be, and stored for others than they were acknowledged for, or
    /// not for all of these.
    #[serde(default)]
    pub misdelivered: Findings,
    /// Of the messages that were found, those of which it is known for whom they were stored. Only
    /// their recipients are compared: where it is less than `stored`, a message can be misdelivered
    /// unseen.
    #[serde(default)]
    pub recipients_known: u64,
    /// Found though their body was refused, or never ended.
    pub refused_but_stored: Findings,
    /// Neither acknowledged nor refused, and found: the reply was lost, which is nobody's fault.
    pub unanswered_but_stored: u64,
    /// Messages found that no label names: of somebody else, or with a label that was destroyed.
    #[serde(default)]
    pub unlabelled: u64,
    /// Messages found that are of another run.
    #[serde(default)]
    pub of_other_runs: u64,
    /// Messages of the last two kinds in a place where nothing but the run's own may be.
    #[serde(default)]
    pub foreign: Findings,
}

impl Verification {
    /// Whether every acknowledgement was kept, as far as it can be told, and nothing else arrived.
    pub fn holds(&self) -> bool {
        [
            &self.lost,
            &self.duplicated,
            &self.altered,
            &self.misdelivered,
            &self.refused_but_stored,
            &self.foreign,
        ]
        .iter()
        .all(|findings| findings.count == 0)
    }

    /// Of the messages that were found, those whose recipients could not be compared.
    pub fn recipients_unknown(&self) -> u64 {
        self.stored.saturating_sub(self.recipients_known)
    }
}

/// Messages with one fault.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Findings {
    /// How many.
    pub count: u64,
    /// The first [`Findings::MOST_NAMED`] of them: the number, and what is known of it.
    pub named: Vec<String>,
}

impl Findings {
    /// How many messages are named: enough to look into, not a list of everything.
    pub const MOST_NAMED: usize = 100;
}
