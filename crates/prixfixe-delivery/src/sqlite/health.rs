//! Whether the store can take mail, and what was wrong when it could not.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::disk::DiskSpace;
use super::error::StoreError;

/// The state of a store at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Health {
    /// Whether the next message is expected to be stored.
    ///
    /// False from an error of the disk until a write succeeds, be it a message or the small
    /// probe that a failing store makes about every second; false also while the disk has less
    /// than `min_free_disk` left, and once the store is closed.
    pub writable: bool,
    /// Why it is not: `None` exactly while the store is writable. If several reasons hold, the
    /// one that has to end first is named: [`StoreError::Closed`], then the error that keeps the
    /// store failing, then [`StoreError::Full`] for a disk with less than `min_free_disk` left.
    pub trouble: Option<StoreError>,
    /// The last error that concerned the store as a whole, also when it is over.
    pub last_error: Option<LastError>,
    /// What the file system has left; `None` if it does not say.
    pub disk_free_bytes: Option<u64>,
    /// What it must have left for messages to be taken.
    pub min_free_disk_bytes: u64,
    /// Bytes of the write-ahead log in use, as last measured.
    pub wal_bytes: u64,
}

/// An error and when it happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LastError {
    /// When.
    pub at: SystemTime,
    /// What.
    pub error: StoreError,
}

/// What the store's threads note down for [`Health`] and for each other.
#[derive(Debug, Default)]
pub(crate) struct Condition {
    failing: AtomicBool,
    wal_bytes: AtomicU64,
    reusable_bytes: AtomicU64,
    last_error: Mutex<Option<LastError>>,
}

// Relaxed throughout: each value stands alone, and a reader may see it a moment late.
impl Condition {
    /// Writing failed; returns whether it worked before.
    pub(crate) fn failed(&self, error: &StoreError) -> bool {
        let noted = LastError {
            at: SystemTime::now(),
            error: error.clone(),
        };
        *self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(noted);
        !self.failing.swap(true, Ordering::Relaxed)
    }

    /// Writing worked; returns whether it failed before.
    pub(crate) fn worked(&self) -> bool {
        self.is_failing() && self.failing.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    pub(crate) fn set_wal_bytes(&self, bytes: u64) {
        self.wal_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Sets how many bytes of the database file hold nothing.
    pub(crate) fn set_reusable_bytes(&self, bytes: u64) {
        self.reusable_bytes.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn reusable_bytes(&self) -> u64 {
        self.reusable_bytes.load(Ordering::Relaxed)
    }

    /// All of it together with the `space` on the disk, where that is known.
    pub(crate) fn health(&self, space: Option<DiskSpace>, closed: bool) -> Health {
        let last_error = self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let low = space.is_some_and(|space| space.is_low(self.reusable_bytes()));
        let failing = last_error.as_ref().filter(|_| self.is_failing());
        let trouble = match failing {
            _ if closed => Some(StoreError::Closed),
            Some(last) => Some(last.error.clone()),
            None => low.then_some(StoreError::Full),
        };
        Health {
            writable: trouble.is_none(),
            trouble,
            last_error,
            disk_free_bytes: space.map(|space| space.free_bytes),
            min_free_disk_bytes: space.map_or(0, |space| space.floor_bytes),
            wal_bytes: self.wal_bytes.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trouble_is_the_one_of_now() {
        let space = |free_bytes| {
            Some(DiskSpace {
                free_bytes,
                floor_bytes: 100,
            })
        };
        let io = StoreError::Io(rusqlite::Error::InvalidQuery.into());
        let condition = Condition::default();
        let check = |free_bytes, closed, expected: fn(&Option<StoreError>) -> bool| {
            let health = condition.health(space(free_bytes), closed);
            assert!(expected(&health.trouble), "{health:?}");
            assert_eq!(health.writable, health.trouble.is_none());
        };
        check(100, false, Option::is_none);
        check(99, false, |trouble| {
            matches!(trouble, Some(StoreError::Full))
        });
        condition.failed(&io);
        check(100, false, |trouble| {
            matches!(trouble, Some(StoreError::Io(_)))
        });
        check(99, false, |trouble| {
            matches!(trouble, Some(StoreError::Io(_)))
        });
        check(99, true, |trouble| {
            matches!(trouble, Some(StoreError::Closed))
        });
        condition.worked();
        check(100, false, Option::is_none);
        check(99, false, |trouble| {
            matches!(trouble, Some(StoreError::Full))
        });
        check(100, true, |trouble| {
            matches!(trouble, Some(StoreError::Closed))
        });
        assert!(condition.health(None, false).last_error.is_some());
    }
}
