//! Results in which calls over shared memory were counted, and not messages.

use serde::{Deserialize, Serialize};

use super::Measurement;

/// Calls over shared memory that ended in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CallOutcome {
    /// What the caller was told: `completed`, `altered`, `refused`, `failed_no`, `failed_maybe`, or
    /// `unheard` where it was killed under its call.
    pub outcome: String,
    /// Why, in words; empty where there is nothing to say.
    pub reason: String,
    /// How many calls.
    pub count: u64,
    /// How many executions of them the handler has in its journal.
    pub executed: u64,
}

impl Measurement {
    /// What was counted: messages, or calls over shared memory.
    pub fn unit(&self) -> &'static str {
        if self.outcomes.is_empty() {
            "messages"
        } else {
            "calls"
        }
    }
}
