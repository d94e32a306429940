//! What the handles of one store and its two threads have in common.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::fault::Faults;
use super::health::Condition;
use crate::{IdSequence, MessageId};

pub(crate) struct Shared {
    pub(crate) ids: IdSequence,
    pub(crate) condition: Condition,
    pub(crate) faults: Faults,
    /// Uploads whose chunks are to be removed: at most one for each large message that was begun,
    /// and the writer removes more of them between two commits than a commit can begin.
    given_up: Mutex<Vec<MessageId>>,
}

impl Shared {
    pub(crate) fn new(ids: IdSequence, faults: Faults, left_over: Vec<MessageId>) -> Self {
        Self {
            ids,
            condition: Condition::default(),
            faults,
            given_up: Mutex::new(left_over),
        }
    }

    /// Puts uploads on the list of those to remove.
    pub(crate) fn give_up(&self, uploads: impl IntoIterator<Item = MessageId>) {
        self.given_up().extend(uploads);
    }

    /// Takes up to `limit` uploads off that list.
    pub(crate) fn take_given_up(&self, limit: usize) -> Vec<MessageId> {
        let mut given_up = self.given_up();
        let kept = given_up.len().saturating_sub(limit);
        given_up.split_off(kept)
    }

    pub(crate) fn has_given_up(&self) -> bool {
        !self.given_up().is_empty()
    }

    fn given_up(&self) -> MutexGuard<'_, Vec<MessageId>> {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
