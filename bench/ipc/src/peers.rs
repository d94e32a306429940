//! What a peer is: a server that answers, and clients whose requests go out and whose replies come
//! back. Each peer is one file below; everything else is the same for all.

mod eventfd;
mod frames;
mod futex;
mod grpc;
mod http;
mod iceoryx2;
mod ring;
mod spin;
mod tokio_streams;
mod uds;

use std::future::Future;
use std::io;
use std::path::Path;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::roles::{self, Desk};
use crate::setting::{MOST_CLIENTS, Setting};

/// One way for processes to exchange a request and a reply.
pub(crate) trait Peer {
    /// What it is and can do.
    const SUPPORTS: Supports;
    /// A connected client.
    type Link: Link;

    /// Answers the clients of `setting`, until the process is ended. Says through `desk` when they
    /// may connect.
    fn serve(setting: &Setting, desk: &Desk) -> Result<(), PeerError>;

    /// Connects client `client`, in a process where a tokio runtime is entered.
    fn connect(
        setting: &Setting,
        client: u64,
    ) -> impl Future<Output = Result<Self::Link, PeerError>>;
}

/// The connection of one client. A blocking peer blocks in these and is ready at once.
pub(crate) trait Link {
    /// Hands over a request. It may wait in a buffer until a reply is asked for.
    fn send(&mut self, request: &[u8]) -> impl Future<Output = Result<(), PeerError>> + Send;

    /// Fills `reply` with the next reply, in the order of the requests.
    fn receive(&mut self, reply: &mut [u8]) -> impl Future<Output = Result<(), PeerError>> + Send;
}

/// What a peer is and can do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Supports {
    pub(crate) about: &'static str,
    pub(crate) asynchronous: bool,
    /// Whether its processes run tokio, so that the choice of a runtime means something.
    pub(crate) tokio: bool,
    pub(crate) most_clients: u32,
    pub(crate) most_in_flight: u32,
    /// The most bytes that a client may have under way when it has several calls in flight.
    pub(crate) window_bytes: usize,
    /// Never gives the processor away while it waits.
    pub(crate) spins: bool,
    /// Whether the bytes are made for every call; only the mode check copies the same ones again.
    pub(crate) makes_content: bool,
}

/// Why a peer could not serve, connect, send or receive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeerError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the reply has {got} bytes instead of {expected}")]
    Length { got: usize, expected: usize },
    #[error("a reply was asked for while no call was in flight")]
    NothingInFlight,
    #[error("HTTP failed")]
    Http(#[from] hyper::Error),
    #[error("the server answered with HTTP status {0}")]
    Status(::http::StatusCode),
    #[error("a request could not be made")]
    Request(#[from] ::http::Error),
    #[error("gRPC failed")]
    Grpc(#[from] Box<tonic::Status>),
    #[error("the gRPC transport failed")]
    Transport(#[from] tonic::transport::Error),
    #[error("iceoryx2 could not {doing}: {why}")]
    Iceoryx2 { doing: &'static str, why: String },
}

/// The peers, as they are called on the command line and in the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PeerName {
    Spin,
    Ring,
    Futex,
    Eventfd,
    Uds,
    UdsTokio,
    TcpTokio,
    Http,
    Grpc,
    Iceoryx2,
    Iceoryx2Events,
}

impl std::fmt::Display for PeerName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// A peer without its type.
struct Entry {
    supports: &'static Supports,
    serve: fn(&Setting, &Desk) -> Result<(), PeerError>,
    run_clients: roles::RunClients,
}

impl PeerName {
    pub(crate) fn supports(self) -> &'static Supports {
        self.entry().supports
    }

    pub(crate) fn serve(self, setting: &Setting, desk: &Desk) -> Result<(), PeerError> {
        (self.entry().serve)(setting, desk)
    }

    pub(crate) fn run_clients(self) -> roles::RunClients {
        self.entry().run_clients
    }

    /// Removes what a killed process of the peer leaves outside the folder of the run.
    pub(crate) fn clean_up(self, folder: &Path) -> io::Result<()> {
        match self {
            Self::Iceoryx2 | Self::Iceoryx2Events => iceoryx2::clean_up(folder),
            _ => Ok(()),
        }
    }

    fn entry(self) -> Entry {
        match self {
            Self::Spin => one_per_process::<spin::Spin>(),
            Self::Ring => any_layout::<ring::Ring>(),
            Self::Futex => one_per_process::<futex::Futex>(),
            Self::Eventfd => one_per_process::<eventfd::Eventfd>(),
            Self::Uds => one_per_process::<uds::Uds>(),
            Self::UdsTokio => any_layout::<tokio_streams::UdsTokio>(),
            Self::TcpTokio => any_layout::<tokio_streams::TcpTokio>(),
            Self::Http => any_layout::<http::Http>(),
            Self::Grpc => any_layout::<grpc::Grpc>(),
            Self::Iceoryx2 => one_per_process::<iceoryx2::Polling>(),
            Self::Iceoryx2Events => one_per_process::<iceoryx2::Events>(),
        }
    }
}

fn one_per_process<P: Peer>() -> Entry {
    Entry {
        supports: const { &P::SUPPORTS },
        serve: P::serve,
        run_clients: roles::run_one_client::<P>,
    }
}

fn any_layout<P: Peer<Link: Send + 'static>>() -> Entry {
    Entry {
        supports: const { &P::SUPPORTS },
        serve: P::serve,
        run_clients: roles::run_any_clients::<P>,
    }
}

impl Supports {
    /// A peer that can do everything; each takes away what it cannot.
    const fn everything(about: &'static str) -> Self {
        Self {
            about,
            asynchronous: true,
            tokio: true,
            most_clients: MOST_CLIENTS,
            most_in_flight: crate::setting::MOST_IN_FLIGHT,
            window_bytes: usize::MAX,
            spins: false,
            makes_content: true,
        }
    }

    /// A peer whose clients block and have one call in flight.
    const fn blocking(about: &'static str) -> Self {
        Self {
            asynchronous: false,
            tokio: false,
            most_in_flight: 1,
            ..Self::everything(about)
        }
    }
}

/// Copies a reply that came as a whole, if it has the length that was asked for.
fn copy_reply(got: &[u8], reply: &mut [u8]) -> Result<(), PeerError> {
    if got.len() != reply.len() {
        return Err(PeerError::Length {
            got: got.len(),
            expected: reply.len(),
        });
    }
    reply.copy_from_slice(got);
    Ok(())
}
