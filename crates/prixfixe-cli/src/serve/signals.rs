//! Signals from outside.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that concern a server, caught from [`catch`](Self::catch) on.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Catches them, so that none ends the process by itself any more. Inside a runtime only.
    pub(crate) fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits until somebody wants the server to stop, and says how they put it. One that comes
    /// while nobody waits is kept for the next time.
    pub(crate) async fn stop(&mut self) -> &'static str {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.hang_up.recv() => {
                    tracing::warn!("SIGHUP: settings are not re-read in this version; restart instead");
                }
            }
        }
    }
}
