//! What a test has asked for, and what has come of it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::fault::{Away, Fault, Kind, Met};
use crate::client::after;
use crate::server::Stopper;

/// Shared by the test and all the servers that follow each other at its address.
#[derive(Default)]
pub(super) struct Script {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    faults: Vec<Fault>,
    calls: u64,
    executed: u64,
    /// Stops the server that is at the address.
    stopper: Option<Stopper>,
    /// The number of that server, or of the next.
    server: u64,
    /// Whether, and how long, nobody is there.
    away: Option<Away>,
    over: bool,
}

impl Script {
    pub(super) fn inject(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    pub(super) fn clear(&self) {
        self.state().faults.clear();
    }

    /// Calls that came, whatever became of them.
    pub(super) fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Calls that the handler had.
    pub(super) fn executed(&self) -> u64 {
        self.state().executed
    }

    /// Faults that are still to happen.
    pub(super) fn pending(&self) -> usize {
        let pending = |fault: &&Fault| fault.is_pending();
        self.state().faults.iter().filter(pending).count()
    }

    /// A call has come: what happens to it, if anything does.
    pub(super) fn meet(&self, message_type: u32) -> Option<Kind> {
        let mut state = self.state();
        state.calls += 1;
        let meet = |fault: &mut Fault| match fault.meet(message_type) {
            Met::Happens(kind) => Some(kind),
            Met::Not => None,
        };
        let fate = state.faults.iter_mut().find_map(meet);
        state.faults.retain(|fault| !fault.is_over());
        fate
    }

    pub(super) fn count_execution(&self) {
        self.state().executed += 1;
    }

    /// A server is at the address. Returns its number.
    pub(super) fn arrived(&self, stopper: Stopper) -> u64 {
        let mut state = self.state();
        if state.over {
            stopper.stop();
        }
        state.stopper = Some(stopper);
        state.server += 1;
        state.server
    }

    /// Has the server at the address hang up.
    pub(super) fn hang_up(&self, away: Away) {
        let mut state = self.state();
        state.away = Some(away);
        if let Some(stopper) = state.stopper.take() {
            stopper.stop();
        }
    }

    /// The server that `stopper` stops hangs up. Another, that is at the address already, stays.
    pub(super) fn hang_up_of(&self, stopper: &Stopper, away: Away) {
        let mut state = self.state();
        let is_there = |there: &Stopper| there.is_of_same_server(stopper);
        if state.stopper.as_ref().is_some_and(is_there) {
            state.away = Some(away);
            state.stopper = None;
        }
    }

    /// Has it drain, whose thread ends with it.
    pub(super) fn drain(&self, within: Duration) {
        let mut state = self.state();
        if let Some(stopper) = state.stopper.take() {
            stopper.drain(within);
        }
        state.server += 1;
    }

    pub(super) fn come_back(&self) {
        let mut state = self.state();
        if state.away.is_some() {
            state.away = Some(Away::NotAtAll);
        }
        self.changed.notify_all();
    }

    /// Server number `server` has ended. Waits until its successor may come: false when none shall.
    pub(super) fn may_come_back(&self, server: u64) -> bool {
        let mut state = self.state();
        let since = Instant::now();
        loop {
            if state.over || state.server != server {
                return false;
            }
            let wait = match state.away {
                None | Some(Away::NotAtAll) => Duration::ZERO,
                Some(Away::For(time)) => {
                    after(since, time).saturating_duration_since(Instant::now())
                }
                Some(Away::UntilCalledBack) => LONGEST_WAIT,
            };
            if wait.is_zero() {
                state.away = None;
                return true;
            }
            let waited = self.changed.wait_timeout(state, wait.min(LONGEST_WAIT));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.state().over
    }

    /// The test is over.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.over = true;
        if let Some(stopper) = state.stopper.take() {
            stopper.stop();
        }
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No change can be left half done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Some systems cannot wait for ever; who wakes up early looks again.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
