//! What the handles of one store and its two threads have in common.

use std::sync::{Mutex, PoisonError};

use super::fault::Faults;
use super::health::Condition;
use crate::{IdSequence, MessageId};

pub(crate) struct Shared {
    pub(crate) ids: IdSequence,
    pub(crate) condition: Condition,
    pub(crate) faults: Faults,
    /// Uploads whose chunks are to be removed. At most one entry for each large message that was
    /// begun: the writer removes more chunks between two commits than one commit can add.
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

    /// Puts an upload on the list of those to remove.
    pub(crate) fn give_up(&self, upload: MessageId) {
        self.given_up
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(upload);
    }

    /// Takes one upload off that list.
    pub(crate) fn take_given_up(&self) -> Option<MessageId> {
        self.given_up
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }

    pub(crate) fn has_given_up(&self) -> bool {
        !self
            .given_up
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
    }
}
