//! Connections that come through a balancer: whose they are.

use std::{future::poll_fn, io};

use prixfixe_proto::CloseReason;
use tokio::time::timeout_at;

use crate::{
    Client, Event, SessionEnd,
    proxy_header::{Header, HeaderError, Source, parse},
    server::Shared,
    shutdown::Phase,
    stream::Stream,
    timer::now,
};

/// Reads the PROXY header at the start of a connection and puts the client that it names in place
/// of the balancer. What stands behind the header is not read. Without a header nothing comes
/// back: that is logged, counted, and the connection closed without a word, since it is unknown
/// to whom and in which protocol.
pub(crate) async fn introduce(
    mut stream: Stream,
    mut client: Client,
    shared: &Shared,
) -> Option<(Stream, Client)> {
    let deadline = now() + shared.settings.handshake;
    let read = tokio::select! {
        biased;
        read = timeout_at(deadline.into(), read_header(&mut stream)) => {
            read.unwrap_or(Err(Failure::TimedOut))
        }
        () = shared.shutdown.reached(Phase::Draining) => Err(Failure::Stopped),
    };
    let failure = match read {
        Ok(Source::ItsPeer) => return Some((stream, client)),
        Ok(Source::Tcp(address)) => {
            client.peer = Some(address);
            return Some((stream, client));
        }
        Ok(Source::Unix) => {
            client.peer = None;
            return Some((stream, client));
        }
        Err(failure) => failure,
    };
    let observer = &shared.settings.observer;
    let end = match failure {
        Failure::Silent => SessionEnd::Disconnected,
        Failure::Stopped => SessionEnd::Closed(CloseReason::Shutdown),
        Failure::Broken(_) | Failure::TimedOut | Failure::Header(_) => {
            let peer = client.connection_peer.map(tracing::field::display);
            tracing::warn!(session = %client.session, peer, error = %failure,
                "closed a connection of a balancer");
            observer.observe(&Event::ProxyHeaderRefused);
            SessionEnd::ProxyHeader
        }
    };
    observer.observe(&Event::SessionEnded {
        end,
        duration: now() - client.since,
    });
    None
}

/// Why it is not known for whom a connection is.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// A health check that only connects.
    #[error("it left without a word")]
    Silent,
    #[error("it left within its PROXY header: {0}")]
    Broken(io::Error),
    #[error("its PROXY header took too long")]
    TimedOut,
    #[error("the server is stopping")]
    Stopped,
    #[error("{0}")]
    Header(HeaderError),
}

/// Reads what is certainly part of the header, piece by piece, so that nothing behind it is taken
/// from whoever reads next: a session, or a TLS handshake.
async fn read_header(stream: &mut Stream) -> Result<Source, Failure> {
    let (mut header, mut taken) = (Vec::new(), 0);
    loop {
        match parse(&header[..taken]) {
            Ok(Header { length, source }) => {
                debug_assert_eq!(length, taken, "something behind the header was read");
                return Ok(source);
            }
            Err(HeaderError::Incomplete(least)) => header.resize(taken + least, 0),
            Err(error) => return Err(Failure::Header(error)),
        }
        match poll_fn(|cx| stream.poll_read(cx, &mut header[taken..])).await {
            Ok(0) if taken == 0 => return Err(Failure::Silent),
            Ok(0) => return Err(Failure::Broken(io::ErrorKind::UnexpectedEof.into())),
            Ok(read) => taken += read,
            Err(error) => return Err(Failure::Broken(error)),
        }
    }
}
