//! A proxy between SMTP clients and a server of any make, on which the way between them goes wrong.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use prixfixe_load::fault_proxy::{Break, FaultProxy, Faults, Point};
//!
//! let listen = "127.0.0.1:0".parse().unwrap();
//! let proxy = FaultProxy::start(listen, "127.0.0.1:2525", Faults::default()).await?;
//! // … clients talk to proxy.address(), and then every connection breaks within its body:
//! proxy.set(Faults::default().with_cut(Break::Reset, Point::DataStart));
//! # Ok(())
//! # }
//! ```

mod counters;
mod dialogue;
mod fault_text;
mod faults;
mod pace;
mod passage;
mod pump;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use self::counters::Counters;
pub use self::counters::ProxyCounts;
pub use self::fault_text::{FaultText, FaultTextError};
pub use self::faults::{Break, Cut, Direction, Dribble, Faults, Flow, Loss, NoShare, Point, Share};
use self::passage::Passage;

/// A running proxy. Dropping it ends its connections with it.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    faults: watch::Sender<Arc<Faults>>,
    counters: Arc<Counters>,
    accepting: JoinHandle<()>,
}

impl FaultProxy {
    /// The most connections at one time. Each takes two descriptors and at most twice
    /// [`FaultProxy::MOST_ON_THE_WAY_OCTETS`]; further clients wait until they are accepted.
    pub const MOST_CONNECTIONS: usize = 4096;

    /// How much of one direction of a connection can be on its way: enough for 10 MB/s with a
    /// latency of 100 ms. Beyond it nothing is read, which its sender feels.
    pub const MOST_ON_THE_WAY_OCTETS: usize = pump::MOST_PARCELS * pump::MOST_PARCEL_OCTETS;

    /// How long the server may take to accept a connection.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

    /// Listens, and hands connections on to `upstream`, `host:port`, which is looked up for each.
    /// Has to be called within a tokio runtime, which then drives it.
    pub async fn start(
        listen: SocketAddr,
        upstream: impl Into<String>,
        faults: Faults,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let (faults, watched) = watch::channel(Arc::new(faults));
        let counters = Arc::new(Counters::default());
        let accepting = tokio::spawn(accept(
            listener,
            upstream.into(),
            watched,
            Arc::clone(&counters),
        ));
        Ok(Self {
            address,
            faults,
            counters,
            accepting,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Other faults from now on, for connections that exist as well: a black hole that is gone lets
    /// pass what it held, and one at [`Point::AtOnce`] falls on all.
    pub fn set(&self, faults: Faults) {
        self.faults.send_replace(Arc::new(faults));
    }

    /// What it did so far.
    pub fn counts(&self) -> ProxyCounts {
        self.counters.counts()
    }

    /// Ends it and its connections, and waits until they have.
    pub async fn stop(mut self) {
        self.accepting.abort();
        // Its only other end would be a panic, which ends it just as well.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    upstream: String,
    faults: watch::Receiver<Arc<Faults>>,
    counters: Arc<Counters>,
) {
    let upstream: Arc<str> = upstream.into();
    let places = Arc::new(Semaphore::new(FaultProxy::MOST_CONNECTIONS));
    // Dropped with this task, and all connections with it.
    let mut connections = JoinSet::new();
    for number in 0.. {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        while connections.try_join_next().is_some() {}
        let client = loop {
            match listener.accept().await {
                Ok((client, _)) => break client,
                // Out of descriptors, or a client that has already gone: wait for better times.
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        };
        let passage = Passage::new(number, faults.clone(), Arc::clone(&counters));
        let upstream = Arc::clone(&upstream);
        connections.spawn(async move {
            passage.carry(client, &upstream).await;
            drop(place);
        });
    }
}

/// How long a proxy that cannot accept waits before it tries again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
