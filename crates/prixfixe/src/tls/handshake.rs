//! Making a handshake, within its time.

use std::{future::poll_fn, io, sync::Arc, task::Poll};

use super::{TlsFacts, TlsFailure};
use crate::{
    Client, Event, Settings,
    shutdown::{Phase, StopSignal},
    timer::{Timer, now},
    wire::Wire,
};

/// Makes the handshake that a connection begins with, or that STARTTLS asked for, and tells the
/// client's facts, the observer and the log how it went.
///
/// Nothing may be unread in `wire`: what came in the clear must not count behind the handshake.
pub(crate) async fn secure(
    wire: &mut Wire,
    timer: &mut Timer,
    stop: &mut StopSignal,
    settings: &Settings,
    client: &mut Client,
) -> Result<(), TlsFailure> {
    let deadline = now() + settings.handshake;
    if let Some(tls) = &settings.tls {
        wire.begin_handshake(tls);
    }
    let made = poll_fn(|cx| {
        // A handshake that is done counts, however late.
        if let Poll::Ready(made) = wire.poll_handshake(cx) {
            return Poll::Ready(made.map_err(|error| (TlsFailure::of(&error), Some(error))));
        }
        if stop.phase(cx) != Phase::Running {
            return Poll::Ready(Err((TlsFailure::Shutdown, None)));
        }
        timer
            .poll_past(cx, deadline)
            .map(|()| Err((TlsFailure::Timeout, None)))
    });
    match made.await {
        Ok(facts) => {
            log_agreed(client, &facts);
            settings.observer.observe(&Event::TlsEstablished {
                version: facts.version,
                cipher_suite: facts.cipher_suite,
                resumed: facts.resumed,
                duration: facts.duration,
            });
            client.tls = Some(Arc::new(facts));
            Ok(())
        }
        Err((reason, error)) => {
            log_failed(client, reason, error.as_ref());
            settings.observer.observe(&Event::TlsFailed { reason });
            Err(reason)
        }
    }
}

fn log_agreed(client: &Client, facts: &TlsFacts) {
    tracing::debug!(session = %client.session, peer = client.peer.map(tracing::field::display),
        version = facts.version.as_str(), suite = facts.cipher_suite,
        server_name = facts.server_name.as_deref(), resumed = facts.resumed, "handshake made");
}

/// A client that just leaves, as scanners and health checks do, is nothing to tell of.
fn log_failed(client: &Client, reason: TlsFailure, error: Option<&io::Error>) {
    let (session, peer) = (client.session, client.peer.map(tracing::field::display));
    let (reason_name, error) = (reason.as_str(), error.map(tracing::field::display));
    if matches!(reason, TlsFailure::Disconnected | TlsFailure::Shutdown) {
        tracing::debug!(%session, peer, reason = reason_name, error, "handshake failed");
    } else {
        tracing::info!(%session, peer, reason = reason_name, error, "handshake failed");
    }
}
