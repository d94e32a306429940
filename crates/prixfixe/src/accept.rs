//! The accept loop: beginning sessions, and turning away whom there is no room for.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant, SystemTime},
};

use prixfixe_proto::{Protocol, Refusal, SessionFacts};
use tokio::time::timeout;

use crate::{
    Client, Event, Handler, RefusedConnection, SessionId, connection, listener::Acceptor, proxied,
    server::Shared, session_config::SessionConfig, shutdown::Phase, stream::Stream, timer::now,
};

/// Accepts until the server drains; then turns away who is queued already, since closing the
/// socket would cut them off without a word.
pub(crate) async fn accept_loop<H: Handler>(
    acceptor: &Acceptor,
    config: &Arc<SessionConfig>,
    handler: &Arc<H>,
    shared: &Arc<Shared>,
) {
    let mut warnings = Warnings::default();
    loop {
        tokio::select! {
            biased;
            () = shared.shutdown.reached(Phase::Draining) => break,
            accepted = acceptor.accept() => match accepted {
                Ok((stream, peer)) => {
                    if !take_on(stream, peer, config, handler, shared) && warnings.full.is_due() {
                        let max_connections = shared.settings.max_connections;
                        tracing::warn!(max_connections, "turning connections away: too many");
                    }
                }
                Err(error) => accept_failed(&error, &mut warnings.failing, shared).await,
            },
        }
    }
    for _ in 0..QUEUED_MAX {
        let Ok(Ok((stream, _))) = timeout(Duration::ZERO, acceptor.accept()).await else {
            return;
        };
        turn_away(stream, RefusedConnection::Shutdown, shared);
    }
}

/// What is said once a minute at most, by each accept loop.
#[derive(Debug, Default)]
struct Warnings {
    full: Warning,
    failing: Warning,
}

#[derive(Debug, Default)]
struct Warning(Option<Instant>);

impl Warning {
    fn is_due(&mut self) -> bool {
        let due = self.0.is_none_or(|last| now() - last >= WARNING_PAUSE);
        if due {
            self.0 = Some(now());
        }
        due
    }
}

/// Begins a session, or says that there are too many.
pub(crate) fn take_on<H: Handler>(
    stream: Stream,
    peer: Option<SocketAddr>,
    config: &Arc<SessionConfig>,
    handler: &Arc<H>,
    shared: &Arc<Shared>,
) -> bool {
    let Some(permit) = shared.shutdown.enter(shared.settings.max_connections) else {
        turn_away(stream, RefusedConnection::TooMany, shared);
        return false;
    };
    shared.settings.observer.observe(&Event::Accepted);
    let client = Client {
        // Only uniqueness counts, so no order with anything else is needed.
        session: SessionId(shared.sessions.fetch_add(1, Ordering::Relaxed)),
        peer,
        connection_peer: peer,
        since: now(),
        connected_at: SystemTime::now(),
        helo: None,
        extended: false,
        protocol: Protocol::default(),
        identity: None,
        xclient: None,
        facts: SessionFacts::default(),
        tls: None,
    };
    let (config, handler, shared) = (Arc::clone(config), Arc::clone(handler), Arc::clone(shared));
    tokio::spawn(async move {
        let _permit = permit;
        let (stream, client) = if config.expects_header(peer) {
            // Boxed, so that the many connections without a header hold no room for reading one.
            match Box::pin(proxied::introduce(stream, client, &shared)).await {
                Some(introduced) => introduced,
                None => return,
            }
        } else {
            (stream, client)
        };
        let counts_as = client.counts_as();
        let exempt = shared.settings.is_exempt(counts_as);
        let config = config.of(client.peer, counts_as, exempt);
        connection::serve(&*handler, &shared, config, stream, client).await;
    });
    true
}

/// Says 421 and closes, without a session.
fn turn_away(stream: Stream, reason: RefusedConnection, shared: &Shared) {
    shared
        .settings
        .observer
        .observe(&Event::ConnectionRefused(reason));
    let refusal = match reason {
        RefusedConnection::TooMany => Refusal::new(421, 7, 0, "Too many connections, try later"),
        RefusedConnection::Shutdown => Ok(Refusal::shutting_down()),
    };
    if let Ok(refusal) = refusal {
        let mut line = Vec::new();
        refusal.write_to(&mut line);
        stream.dismiss(&line);
    }
}

async fn accept_failed(error: &io::Error, warning: &mut Warning, shared: &Shared) {
    shared.settings.observer.observe(&Event::AcceptFailed);
    // Its client has gone already; the next one may be fine.
    if error.kind() == io::ErrorKind::ConnectionAborted {
        return;
    }
    if warning.is_due() {
        tracing::warn!(%error, "cannot accept connections; pausing");
    }
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// How long accepting pauses when it fails: descriptors come back when sessions end, and trying
/// at once again would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often the log says so while it lasts: it can last for hours.
const WARNING_PAUSE: Duration = Duration::from_secs(60);
/// Queued connections that are told of a stop; no system queues more.
const QUEUED_MAX: usize = 65_536;
