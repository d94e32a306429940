//! Signals from outside.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that end a server, caught from [`catch`](Self::catch) on.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Catches them, so that none ends the process by itself any more. Inside a runtime only.
    pub(crate) fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits until somebody wants the server to stop, and says how they put it. One that comes
    /// while nobody waits is kept for the next time.
    pub(crate) async fn stop(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// SIGHUP, which asks for the settings to be read again.
pub(crate) struct HangUps(Signal);

impl HangUps {
    /// Catches it, so that it ends the process no more. Inside a runtime only.
    pub(crate) fn catch() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        // None only if the signal could not be caught any more, and then none comes.
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
