//! Stopping: no new connections, transactions end, then the rest is cut off.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use tokio::sync::{Notify, futures::OwnedNotified};

/// Stops a server from anywhere.
#[derive(Debug, Clone)]
pub struct ShutdownHandle(pub(crate) Arc<Shutdown>);

impl ShutdownHandle {
    /// Accepts no more connections, answers idle sessions 421 and lets transactions end; after
    /// `Settings::drain` it cuts off what is left.
    pub fn drain(&self) {
        self.0.advance(Phase::Draining);
    }

    /// Whether nobody has asked the server to stop.
    pub fn is_running(&self) -> bool {
        self.0.phase() == Phase::Running
    }

    /// Cuts everything off but messages past their commit point.
    pub fn force(&self) {
        self.0.advance(Phase::Forced);
    }
}

/// How far the stop has come; it only goes forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Running,
    Draining,
    Forced,
}

/// The stop, and the number of connections it has to wait for.
#[derive(Debug)]
pub(crate) struct Shutdown {
    phase: AtomicU8,
    advanced: Arc<Notify>,
    connections: AtomicUsize,
    last_left: Notify,
}

impl Shutdown {
    pub(crate) fn new() -> Self {
        Self {
            phase: AtomicU8::new(Phase::Running as u8),
            advanced: Arc::new(Notify::new()),
            connections: AtomicUsize::new(0),
            last_left: Notify::new(),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        // Acquire pairs with `advance`: who sees a phase sees what was done before it.
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Running,
            1 => Phase::Draining,
            _ => Phase::Forced,
        }
    }

    fn advance(&self, to: Phase) {
        // Who is woken registers again only for a later phase, so nobody is woken for nothing.
        if self.phase.fetch_max(to as u8, Ordering::AcqRel) < to as u8 {
            self.advanced.notify_waiters();
        }
    }

    /// Waits until the phase is at least `phase`.
    pub(crate) async fn reached(&self, phase: Phase) {
        loop {
            let advanced = self.advanced.notified();
            if self.phase() >= phase {
                return;
            }
            advanced.await;
        }
    }

    /// Connections under way.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Counts a connection in, or says no if there are `max` already.
    pub(crate) fn enter(self: &Arc<Self>, max: usize) -> Option<Permit> {
        // A count and nothing else, so its own order of changes is enough.
        self.connections
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| {
                (n < max).then_some(n + 1)
            })
            .ok()
            .map(|_| Permit(Arc::clone(self)))
    }

    /// Waits until no connection is left.
    pub(crate) async fn all_left(&self) {
        loop {
            let left = self.last_left.notified();
            if self.connections.load(Ordering::Acquire) == 0 {
                // One waiter wakes the next: several runtimes may share this server.
                self.last_left.notify_one();
                return;
            }
            left.await;
        }
    }
}

/// A connection that is counted.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Shutdown>);

impl Drop for Permit {
    fn drop(&mut self) {
        // Release pairs with `all_left`: who sees nobody left sees what they did. The last one
        // always notifies, whatever phase it sees: were it to look, it could miss a stop that has
        // begun meanwhile.
        if self.0.connections.fetch_sub(1, Ordering::Release) == 1 {
            self.0.last_left.notify_one();
        }
    }
}

/// A connection's view of the stop. It registers its task once for each phase instead of at each
/// wait, so the signal costs one load while nothing happens. The task must stay the same.
#[derive(Debug)]
pub(crate) struct StopSignal {
    shutdown: Arc<Shutdown>,
    waiting: Option<(Phase, Pin<Box<OwnedNotified>>)>,
}

impl StopSignal {
    pub(crate) fn new(shutdown: Arc<Shutdown>) -> Self {
        Self {
            shutdown,
            waiting: None,
        }
    }

    /// The phase; the task is woken when it advances.
    pub(crate) fn phase(&mut self, cx: &mut Context<'_>) -> Phase {
        loop {
            let phase = self.shutdown.phase();
            if self
                .waiting
                .as_ref()
                .is_some_and(|(seen, _)| *seen == phase)
            {
                return phase;
            }
            let mut notified = Box::pin(Arc::clone(&self.shutdown.advanced).notified_owned());
            if notified.as_mut().poll(cx) == Poll::Pending {
                self.waiting = Some((phase, notified));
                // The phase may have advanced before the registration; look again.
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_enter_than_allowed() {
        let shutdown = Arc::new(Shutdown::new());
        let first = shutdown.enter(1);
        assert!(first.is_some() && shutdown.enter(1).is_none());
        drop(first);
        assert!(shutdown.enter(1).is_some());
    }

    #[tokio::test]
    async fn a_task_that_registered_once_hears_of_both_phases() {
        let shutdown = Arc::new(Shutdown::new());
        let mut signal = StopSignal::new(Arc::clone(&shutdown));
        let task = tokio::spawn(async move {
            let mut seen = Vec::new();
            std::future::poll_fn(|cx| {
                seen.push(signal.phase(cx));
                if seen.last() == Some(&Phase::Forced) {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
            seen
        });
        tokio::task::yield_now().await;
        ShutdownHandle(Arc::clone(&shutdown)).drain();
        tokio::task::yield_now().await;
        ShutdownHandle(Arc::clone(&shutdown)).drain();
        tokio::task::yield_now().await;
        ShutdownHandle(shutdown).force();
        assert_eq!(
            task.await.unwrap(),
            [Phase::Running, Phase::Draining, Phase::Forced]
        );
    }

    #[tokio::test]
    async fn all_who_wait_for_the_last_one_are_woken() {
        let shutdown = Arc::new(Shutdown::new());
        let permit = shutdown.enter(1);
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let shutdown = Arc::clone(&shutdown);
                tokio::spawn(async move { shutdown.all_left().await })
            })
            .collect();
        ShutdownHandle(shutdown).drain();
        tokio::task::yield_now().await;
        drop(permit);
        for waiter in waiters {
            waiter.await.unwrap();
        }
    }
}
