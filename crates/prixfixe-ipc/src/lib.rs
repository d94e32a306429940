//! Request and reply between processes of one machine over shared memory.

// Under loom only the protocols between threads are compiled: rings, wakes and claims.
#[cfg(not(loom))]
mod address;
#[cfg(not(loom))]
mod call;
mod claim;
#[cfg(not(loom))]
mod client;
#[cfg(not(loom))]
mod credentials;
#[cfg(not(loom))]
mod handshake;
mod hints;
#[cfg(not(loom))]
mod layout;
mod memory;
#[cfg(not(loom))]
mod outcome;
#[cfg(not(loom))]
mod record;
mod ring;
#[cfg(not(loom))]
mod server;
#[cfg(not(loom))]
mod spin;
mod sync;
#[cfg(not(loom))]
mod sys;
mod wake;
#[cfg(feature = "workload")]
pub mod workload;

#[cfg(not(loom))]
pub use {
    address::{Address, InvalidAddress, SocketAccess},
    call::{Call, DEFAULT_TIMEOUT},
    client::{
        CallId, Client, ClientOptions, ClientStatistics, ConnectError, Connector, Pipeline,
        SubmitError,
    },
    credentials::{Credentials, PeerPolicy},
    handshake::ConnectRefusal,
    layout::{ChannelSizes, LAYOUT_VERSION, SizesError},
    outcome::{CallError, Cause, Executed, Failure, Outcome, Refusal},
    ring::Corrupt,
    server::{
        BindError, ClientIdentity, DropReason, Handler, Reply, Request, RunningServer, Server,
        ServerConfig, ServerEvent, Stopper, TrustDomains,
    },
    sys::{BadListener, BindFailure, ConnectFailure},
};
