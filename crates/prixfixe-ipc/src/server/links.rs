//! The client processes of a server.

use std::time::Instant;

use super::events::ClientIdentity;
use crate::sys::{Socket, WakeSender};
use crate::wake::Waker;

/// A connected process, from `accept` on.
pub(super) struct Link {
    pub(super) socket: Socket,
    pub(super) identity: ClientIdentity,
    pub(super) state: LinkState,
    /// Its channels.
    pub(super) channels: Vec<usize>,
    /// The last window of time in which it had a call served.
    pub(super) active_in: u64,
}

/// How far a connection has come.
pub(super) enum LinkState {
    /// It has to say hello before this time.
    Greeting { until: Instant },
    /// It belongs to a trust domain.
    Serving {
        domain: usize,
        /// How it is woken, where it is asynchronous.
        wake: Option<LinkWake>,
    },
    /// It only looks at the statistics.
    Observing,
}

/// How an asynchronous process is woken.
pub(super) struct LinkWake {
    pub(super) sleeping: Waker,
    pub(super) sender: WakeSender,
}
