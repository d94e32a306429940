//! Waiting for one of several things that other threads give back: in the order of coming, and without
//! a lock where nobody waits.
//!
//! Who finds nothing free announces that he waits, and looks once more; who gives something back looks
//! whether somebody waits. A fence between the two on either side makes sure that at least one of them
//! sees the other. Those who wait are served in their order. Until the first of them has woken up others
//! may be quicker, or every turn would cost a sleep; one who was passed over is not a second time.

use std::collections::VecDeque;

use crate::sync::thread::{self, Thread};
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering, fence};

/// Where threads wait.
pub(crate) struct Turnstile {
    /// How many wait: written with the queue locked.
    waiting: AtomicU64,
    /// 1 when the first of them was passed over: then only he may claim. Written with the queue locked.
    reserved: AtomicU64,
    queue: Mutex<Queue>,
}

struct Queue {
    /// As long as there are threads that call at once.
    waiters: VecDeque<Waiter>,
    next_ticket: u64,
}

/// So many threads wait without memory being made for them.
const USUAL_WAITERS: usize = 64;

struct Waiter {
    ticket: u64,
    thread: Thread,
}

impl Turnstile {
    pub(crate) fn new() -> Self {
        Self {
            waiting: AtomicU64::new(0),
            reserved: AtomicU64::new(0),
            queue: Mutex::new(Queue {
                waiters: VecDeque::with_capacity(USUAL_WAITERS),
                next_ticket: 0,
            }),
        }
    }

    /// Claims something by `claim`, unless somebody who waits was passed over already: no system call,
    /// and nobody is waited for.
    pub(crate) fn try_enter<T>(&self, claim: impl FnOnce() -> Option<T>) -> Option<T> {
        // Relaxed: who comes in between passes one over who is not passed over again.
        if self.reserved.load(Ordering::Relaxed) > 0 {
            return None;
        }
        claim()
    }

    /// Claims something by `claim`, behind those who wait already. Sleeps by `park` until it may be
    /// there, and gives up when that returns false.
    pub(crate) fn enter<T>(
        &self,
        mut claim: impl FnMut() -> Option<T>,
        mut park: impl FnMut() -> bool,
    ) -> Option<T> {
        let ticket = self.join();
        let mut passed_over = false;
        loop {
            // SeqCst: our announcement before our look, against the fence of who gives something back.
            fence(Ordering::SeqCst);
            if self.is_first(ticket) {
                if let Some(claimed) = claim() {
                    self.leave(ticket);
                    return Some(claimed);
                }
                if std::mem::replace(&mut passed_over, true) {
                    self.reserve();
                }
            }
            if !park() {
                self.leave(ticket);
                return None;
            }
        }
    }

    /// To be called when something was given back.
    pub(crate) fn gave_back(&self) {
        // SeqCst: what was given back before our look, against the fence of who waits.
        fence(Ordering::SeqCst);
        if self.waiting() > 0 {
            wake_first(&self.queue());
        }
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> u64 {
        // Relaxed: ordered by the fences where it matters.
        self.waiting.load(Ordering::Relaxed)
    }

    fn join(&self) -> u64 {
        let mut queue = self.queue();
        let ticket = queue.next_ticket;
        queue.next_ticket += 1;
        queue.waiters.push_back(Waiter {
            ticket,
            thread: thread::current(),
        });
        self.count(&queue);
        ticket
    }

    fn is_first(&self, ticket: u64) -> bool {
        let queue = self.queue();
        queue.waiters.front().map(|waiter| waiter.ticket) == Some(ticket)
    }

    /// For the first, who was woken and found nothing.
    fn reserve(&self) {
        let _queue = self.queue();
        // Relaxed: as in `try_enter`.
        self.reserved.store(1, Ordering::Relaxed);
    }

    /// Lets the next one look, for whom there may be something, too.
    fn leave(&self, ticket: u64) {
        let mut queue = self.queue();
        if queue.waiters.front().map(|waiter| waiter.ticket) == Some(ticket) {
            // Relaxed: as in `try_enter`.
            self.reserved.store(0, Ordering::Relaxed);
        }
        queue.waiters.retain(|waiter| waiter.ticket != ticket);
        self.count(&queue);
        wake_first(&queue);
    }

    fn count(&self, queue: &Queue) {
        // Relaxed: as in `waiting`.
        self.waiting
            .store(queue.waiters.len() as u64, Ordering::Relaxed);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // No change can be left half done by a panic.
        self.queue
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn wake_first(queue: &Queue) {
    if let Some(first) = queue.waiters.front() {
        first.thread.unpark();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn threads_are_served_in_the_order_of_coming() {
        let turnstile = Arc::new(Turnstile::new());
        let free = Arc::new(AtomicBool::new(false));
        let (served, order) = mpsc::channel();
        let threads: Vec<_> = (0..8)
            .map(|number| {
                let (turnstile_here, free) = (Arc::clone(&turnstile), Arc::clone(&free));
                let served = served.clone();
                let thread = thread::spawn(move || {
                    let claim = || free.swap(false, Ordering::SeqCst).then_some(());
                    let park = || {
                        thread::park();
                        true
                    };
                    turnstile_here.enter(claim, park).unwrap();
                    served.send(number).unwrap();
                });
                while turnstile.waiting() <= number {
                    thread::yield_now();
                }
                thread
            })
            .collect();
        for number in 0..8 {
            free.store(true, Ordering::SeqCst);
            turnstile.gave_back();
            assert_eq!(order.recv().unwrap(), number);
        }
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(turnstile.try_enter(|| Some(7)), Some(7));
    }

    #[test]
    fn who_was_passed_over_is_not_passed_over_again() {
        let turnstile = Arc::new(Turnstile::new());
        let free = Arc::new(AtomicBool::new(false));
        let waiter = thread::spawn({
            let (turnstile, free) = (Arc::clone(&turnstile), Arc::clone(&free));
            let park = || {
                thread::park();
                true
            };
            move || turnstile.enter(|| free.swap(false, Ordering::SeqCst).then_some(()), park)
        });
        while turnstile.waiting() < 1 {
            thread::yield_now();
        }
        // Woken again and again for what others have taken already.
        while turnstile.try_enter(|| Some(())).is_some() {
            turnstile.gave_back();
            thread::yield_now();
        }
        free.store(true, Ordering::SeqCst);
        turnstile.gave_back();
        assert_eq!(waiter.join().unwrap(), Some(()));
        assert_eq!(turnstile.try_enter(|| Some(7)), Some(7));
    }

    #[test]
    fn who_gives_up_lets_the_next_one_look() {
        let turnstile = Turnstile::new();
        let gave_up = turnstile.enter(|| None::<()>, || false);
        assert_eq!(gave_up, None);
        assert_eq!(turnstile.waiting(), 0);

        let turnstile = Arc::new(turnstile);
        let first_may_go = Arc::new(AtomicBool::new(false));
        let first = thread::spawn({
            let (turnstile, may_go) = (Arc::clone(&turnstile), Arc::clone(&first_may_go));
            move || {
                let park = || {
                    thread::park_timeout(Duration::from_millis(1));
                    !may_go.load(Ordering::SeqCst)
                };
                turnstile.enter(|| None::<()>, park)
            }
        });
        while turnstile.waiting() < 1 {
            thread::yield_now();
        }
        let second = thread::spawn({
            let turnstile = Arc::clone(&turnstile);
            let park = || {
                thread::park();
                true
            };
            move || turnstile.enter(|| Some("claimed"), park)
        });
        while turnstile.waiting() < 2 {
            thread::yield_now();
        }
        first_may_go.store(true, Ordering::SeqCst);
        assert_eq!(first.join().unwrap(), None);
        assert_eq!(second.join().unwrap(), Some("claimed"));
    }
}
