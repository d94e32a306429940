//! The two ways that a client's calls take: those that a draining server still works on end where they
//! are, while new ones go to its successor.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Poll, Waker};
use std::time::Instant;

use tokio::sync::Semaphore;

use super::order::{NotSent, Order, Placed};
use super::places::Due;
use super::state::Shared;
use super::wakes::Wakes;
use crate::layout::ChannelSizes;
use crate::outcome::Cause;
use crate::sys::ForkGuard;

/// The second is made when a server leaves with calls open, as most never do.
pub(super) struct Lanes {
    first: Lane,
    second: OnceLock<Lane>,
    /// New calls take the second.
    switched: AtomicBool,
    guard: Arc<ForkGuard>,
    sizes: ChannelSizes,
}

/// Calls that are open together, and the channel they share.
pub(super) struct Lane {
    pub(super) shared: Arc<Shared>,
    /// Who has its one permit is the first of those that wait for room.
    pub(super) turnstile: Semaphore,
}

impl Lanes {
    pub(super) fn new(guard: Arc<ForkGuard>, sizes: ChannelSizes) -> Self {
        Self {
            first: Lane::new(&guard, sizes),
            second: OnceLock::new(),
            switched: AtomicBool::new(false),
            guard,
            sizes,
        }
    }

    /// The one for new calls.
    pub(super) fn current(&self) -> &Lane {
        // Relaxed: whoever takes the other one finds no connection there that takes calls.
        let switched = self.switched.load(Ordering::Relaxed);
        let second = switched.then(|| self.second.get()).flatten();
        second.unwrap_or(&self.first)
    }

    /// The one that new calls do not take. To be asked, like [`Lanes::switch`], by one at a time.
    pub(super) fn other(&self) -> &Lane {
        // Relaxed: only who is alone here writes it.
        if self.switched.load(Ordering::Relaxed) {
            return &self.first;
        }
        self.second
            .get_or_init(|| Lane::new(&self.guard, self.sizes))
    }

    /// Has new calls take the other one.
    pub(super) fn switch(&self) {
        // Relaxed: as in `current`.
        self.switched.fetch_xor(true, Ordering::Relaxed);
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Lane> {
        std::iter::once(&self.first).chain(self.second.get())
    }
}

impl Lane {
    fn new(guard: &Arc<ForkGuard>, sizes: ChannelSizes) -> Self {
        Self {
            shared: Arc::new(Shared::new(Arc::clone(guard), sizes)),
            turnstile: Semaphore::new(1),
        }
    }

    /// Sends a call and has `waker` called at its end. Says where it was put.
    pub(super) fn send(&self, order: Order<'_, '_>, waker: &Waker) -> Result<Placed, NotSent> {
        if self.shared.is_forked() {
            return Err(NotSent::Forked);
        }
        let mut wakes = Wakes::default();
        let mut state = self.shared.lock();
        let sent = state.send(order, waker, &mut wakes);
        let lost = match sent {
            Err(NotSent::Corrupt(corrupt)) => Some(state.lose(Cause::Corrupt(corrupt))),
            _ => None,
        };
        drop(state);
        wakes.wake();
        if lost.is_some() {
            drop(lost);
            self.shared.tell_ended();
        }
        let (placed, nudge) = sent?;
        if let Some(nudge) = nudge {
            nudge.go();
        }
        Ok(placed)
    }

    /// Waits for the turn of a call for which there was no room, and sends it. Only here a call has a
    /// timer of its own.
    pub(super) async fn queue(
        &self,
        mut order: Order<'_, '_>,
        due: &mut Due,
    ) -> Result<Placed, NotSent> {
        let _queued = Queued::new(&self.shared);
        let at = due.at(Instant::now());
        order.due = *due;
        order.first_queued = true;
        let turn = async {
            // It is never closed.
            let _first = self.turnstile.acquire().await.map_err(|_| NotSent::Late)?;
            let _front = Front(&self.shared);
            poll_fn(|context| match self.send(order, context.waker()) {
                Err(NotSent::Full) => Poll::Pending,
                sent => Poll::Ready(sent),
            })
            .await
        };
        let turn = tokio::time::timeout_at(at.into(), turn).await;
        turn.unwrap_or(Err(NotSent::Late))
    }
}

/// One of the calls that wait for room: those that come later wait behind it.
struct Queued<'s> {
    shared: &'s Shared,
}

impl<'s> Queued<'s> {
    fn new(shared: &'s Shared) -> Self {
        shared.lock().queue();
        Self { shared }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        if !self.shared.is_forked() {
            self.shared.lock().leave_queue();
        }
    }
}

/// The first of them, whom the next free room belongs to.
struct Front<'s>(&'s Shared);

impl Drop for Front<'_> {
    fn drop(&mut self) {
        if !self.0.is_forked() {
            let stale = self.0.lock().leave_front();
            drop(stale);
        }
    }
}
