//! Parking under loom. Its own forgets that a thread was unparked if the thread then waits for a lock
//! before it parks; the standard library's does not, nor does this.

use std::sync::Arc;

use loom::sync::{Condvar, Mutex};

/// A thread of a model, to be unparked.
#[derive(Clone)]
pub(crate) struct Thread(Arc<Token>);

struct Token {
    unparked: Mutex<bool>,
    changed: Condvar,
}

loom::thread_local! {
    static CURRENT: Thread = Thread(Arc::new(Token {
        unparked: Mutex::new(false),
        changed: Condvar::new(),
    }));
}

/// This thread.
pub(crate) fn current() -> Thread {
    CURRENT.with(Clone::clone)
}

/// Sleeps until this thread was unparked since it parked last.
pub(crate) fn park() {
    let token = current().0;
    let mut unparked = lock(&token.unparked);
    while !*unparked {
        unparked = token
            .changed
            .wait(unparked)
            .unwrap_or_else(std::sync::PoisonError::into_inner);
    }
    *unparked = false;
}

impl Thread {
    /// Lets it go on, or not park the next time.
    pub(crate) fn unpark(&self) {
        *lock(&self.0.unparked) = true;
        self.0.changed.notify_one();
    }
}

fn lock(unparked: &Mutex<bool>) -> loom::sync::MutexGuard<'_, bool> {
    unparked
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
