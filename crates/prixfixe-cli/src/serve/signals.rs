//! Signals from outside.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Waits until somebody wants the server to stop, and says how they put it.
pub(crate) async fn stop() -> io::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok("SIGTERM"),
            _ = interrupt.recv() => return Ok("SIGINT"),
            _ = hang_up.recv() => {
                tracing::warn!("SIGHUP: settings are not re-read in this version; restart instead");
            }
        }
    }
}
