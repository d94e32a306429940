//! loom's atomics, which remember where in the source an ordering was asked for, and can be told to
//! do with less at one of these places: so a test finds out whether a model notices.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::Location;

use loom::sync::atomic::Ordering;

/// An access or a fence that asks for an ordering, and what it gets instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Weakening {
    place: &'static Location<'static>,
    /// A fence without ordering is no fence.
    to: Option<Ordering>,
}

thread_local! {
    // The threads of a model are coroutines of one thread of the system.
    static POSSIBLE: RefCell<Vec<Weakening>> = const { RefCell::new(Vec::new()) };
    static ACTIVE: Cell<Option<Weakening>> = const { Cell::new(None) };
}

impl Weakening {
    /// Those that were possible in what this thread has run since it was asked last.
    pub(crate) fn take_possible() -> Vec<Self> {
        POSSIBLE.take()
    }

    /// Does `deed` with this weakening.
    pub(crate) fn during<T>(self, deed: impl FnOnce() -> T) -> T {
        ACTIVE.set(Some(self));
        let result = deed();
        ACTIVE.set(None);
        result
    }
}

impl fmt::Display for Weakening {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to {
            Some(ordering) => write!(formatter, "{} as {ordering:?}", self.place),
            None => write!(formatter, "{} removed", self.place),
        }
    }
}

/// A fence, unless it was taken away.
#[track_caller]
pub(crate) fn fence(ordering: Ordering) {
    let place = Location::caller();
    note(place, None);
    if ordering == Ordering::SeqCst {
        note(place, Some(Ordering::AcqRel));
    }
    let weakened = ACTIVE.get().filter(|weakening| weakening.place == place);
    match weakened.map(|weakening| weakening.to) {
        None => loom::sync::atomic::fence(ordering),
        Some(Some(less)) => loom::sync::atomic::fence(less),
        Some(None) => {}
    }
}

/// A word whose accesses are as strong as they ask for, unless they were weakened.
pub(crate) struct AtomicU64 {
    word: loom::sync::atomic::AtomicU64,
}

impl AtomicU64 {
    pub(crate) fn new(value: u64) -> Self {
        Self {
            word: loom::sync::atomic::AtomicU64::new(value),
        }
    }

    #[track_caller]
    pub(crate) fn load(&self, ordering: Ordering) -> u64 {
        self.word.load(allowed(ordering))
    }

    #[track_caller]
    pub(crate) fn store(&self, value: u64, ordering: Ordering) {
        self.word.store(value, allowed(ordering));
    }

    #[track_caller]
    pub(crate) fn swap(&self, value: u64, ordering: Ordering) -> u64 {
        self.word.swap(value, allowed(ordering))
    }

    /// Writes `new` where `old` stands, or nothing; true if it did.
    #[track_caller]
    pub(crate) fn replace(&self, old: u64, new: u64, ordering: Ordering) -> bool {
        let word = &self.word;
        word.compare_exchange(old, new, allowed(ordering), Ordering::Relaxed)
            .is_ok()
    }

    #[track_caller]
    pub(crate) fn fetch_or(&self, value: u64, ordering: Ordering) -> u64 {
        self.word.fetch_or(value, allowed(ordering))
    }
}

/// What an access of the caller's caller gets when it asks for `ordering`.
#[track_caller]
fn allowed(ordering: Ordering) -> Ordering {
    let place = Location::caller();
    if ordering != Ordering::Relaxed {
        note(place, Some(Ordering::Relaxed));
    }
    let weakened = ACTIVE.get().filter(|weakening| weakening.place == place);
    weakened
        .and_then(|weakening| weakening.to)
        .unwrap_or(ordering)
}

fn note(place: &'static Location<'static>, to: Option<Ordering>) {
    let weakening = Weakening { place, to };
    POSSIBLE.with_borrow_mut(|possible| {
        if !possible.contains(&weakening) {
            possible.push(weakening);
        }
    });
}
