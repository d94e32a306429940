//! What happens to the calls of one server, from when it sees them until its handler has them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::fault::{Away, Kind};
use super::script::Script;
use crate::record::RequestHeader;
use crate::server::{Faults, Stopper};

/// The fates of one server's calls.
pub(super) struct Fates {
    pub(super) script: Arc<Script>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stopper: Option<Stopper>,
    /// Of calls that were admitted and that something happens to, by the generation of their channel and
    /// their number. A call that is taken back leaves its own here, one for each fault at the most.
    decided: HashMap<(u64, u64), Kind>,
    /// Of the call that the handler has next.
    next: Option<Kind>,
}

impl Fates {
    pub(super) fn new(script: Arc<Script>) -> Self {
        Self {
            script,
            state: Mutex::default(),
        }
    }

    /// Which server it is.
    pub(super) fn belong_to(&self, stopper: Stopper) {
        self.state().stopper = Some(stopper);
    }

    /// What happens to the call that the handler is given. To be asked once.
    pub(super) fn take_next(&self) -> Option<Kind> {
        self.state().next.take()
    }

    /// The server hangs up, also where another is at the address already.
    pub(super) fn hang_up(&self, away: Away) {
        let stopper = self.state().stopper.take();
        if let Some(stopper) = stopper {
            self.script.hang_up_of(&stopper, away);
            stopper.stop();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No change can be left half done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Faults for Fates {
    fn admits(&self, generation: u64, header: &RequestHeader) -> bool {
        match self.script.meet(header.message_type) {
            None => true,
            Some(Kind::HangUpBefore(away)) => {
                self.hang_up(away);
                false
            }
            Some(kind) => {
                self.state().decided.insert((generation, header.call), kind);
                true
            }
        }
    }

    fn begins(&self, generation: u64, call: u64) -> bool {
        let mut state = self.state();
        state.next = state.decided.remove(&(generation, call));
        state.next == Some(Kind::CorruptReply)
    }
}
