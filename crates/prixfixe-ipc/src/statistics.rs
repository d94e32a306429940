//! Looking at a server without disturbing it: its statistics, read from the page it shows to all.

pub(crate) mod places;
pub(crate) mod service_times;

use std::num::NonZeroI32;
use std::time::{Duration, Instant};

pub use service_times::ServiceTimes;

use crate::address::Address;
use crate::client::ConnectError;
use crate::client::link::{greet, refusal_or_protocol, region};
use crate::credentials::PeerPolicy;
use crate::handshake::{Role, ServerMessage};
use crate::layout::ServerPage;
use crate::memory::{PeerWord, Region, WORD};
use crate::sync::Ordering;
use crate::sys::{ForkGuard, Sharing, Socket};
use places::{Count, ROW, ROWS, ROWS_USED, RowWord, SERVER, TIMES};
use service_times::BUCKETS;

/// A view of a server's statistics. It has no channel and makes no calls; the server does nothing for
/// it but to let it in.
///
/// ```no_run
/// use prixfixe_ipc::{Address, Statistics};
///
/// let statistics = Statistics::observe(&Address::path("/run/echo.sock")?)?;
/// if let Some(snapshot) = statistics.snapshot() {
///     println!("{} calls for {} clients", snapshot.server.calls, snapshot.clients.len());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Statistics {
    socket: Socket,
    guard: ForkGuard,
    page: Region,
}

/// What a server has counted, at about one moment: every number was true a moment ago, but they were
/// read one after the other, while the server went on. Sums need not agree to the last call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Of the server as a whole, since it began.
    pub server: ServerStatistics,
    /// Of each client process that is connected, by its number.
    pub clients: Vec<ClientRow>,
    /// How long calls took on the server.
    pub service_times: ServiceTimes,
}

/// What a server has counted since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerStatistics {
    /// Calls answered.
    pub calls: u64,
    /// Calls among them that were refused.
    pub refused_calls: u64,
    /// Wake-ups for clients that slept.
    pub wakes_sent: u64,
    /// Answers for which nobody had to be woken.
    pub wakes_avoided: u64,
    /// How often the server slept.
    pub sleeps: u64,
    /// How often it looked for work, instead of sleeping, and found some.
    pub spins_won: u64,
    /// How often it did so in vain.
    pub spins_lost: u64,
    /// Connections that were refused.
    pub refused_connections: u64,
    /// Connections dropped because the client wrote what cannot be.
    pub corrupt_clients: u64,
}

/// One client process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientRow {
    /// Its number at the server, used again after it has gone.
    pub number: u32,
    /// Which connection this is: no other has the same.
    pub connection: u64,
    /// How it waits.
    pub kind: ClientKind,
    /// Its user.
    pub uid: u32,
    /// Its process, unless it lives in another process namespace.
    pub pid: Option<NonZeroI32>,
    /// Channels it has open.
    pub channels: u64,
    /// Calls answered.
    pub calls: u64,
    /// Requests that were found waiting when the server last looked.
    pub depth: u64,
    /// Calls that were taken and not answered yet.
    pub in_flight: u64,
    /// Wake-ups sent to it.
    pub wakes_sent: u64,
    /// Answers for which it did not have to be woken.
    pub wakes_avoided: u64,
    /// Streams and long messages that are open.
    pub streams: u64,
    /// Bytes of items that it may send at once, of all its streams together.
    pub credit: u64,
}

/// What kind of client a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientKind {
    /// Its threads sleep until their replies come.
    Blocking,
    /// It has a runtime and one waker for all its calls.
    Asynchronous,
    /// It only looks at the statistics.
    Observer,
}

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest page of a server: more rows than any shows.
const MAX_PAGE: u32 = 64 << 20;

impl Statistics {
    /// Connects to the server at `address` to look at it. Who may do that is for the server's policy
    /// to say, as with every client; the server must run as this user or as root.
    ///
    /// # Errors
    /// When nobody listens there, or the server refuses.
    pub fn observe(address: &Address) -> Result<Self, ConnectError> {
        let deadline = Instant::now() + CONNECT_TIMEOUT;
        let socket = Socket::connect(address, CONNECT_TIMEOUT)?;
        let server = socket.peer()?;
        if !PeerPolicy::default().admits(&server) {
            return Err(ConnectError::Stranger { uid: server.uid });
        }
        let (answer, descriptors) = greet(&socket, Role::Observer, deadline)?;
        let ServerMessage::Welcome { server_page, .. } = answer else {
            return Err(refusal_or_protocol(answer));
        };
        let len = server_page as usize;
        if server_page > MAX_PAGE || len < ROWS {
            return Err(ConnectError::Protocol("its page has no statistics"));
        }
        let page = descriptors
            .into_iter()
            .next()
            .ok_or(ConnectError::Protocol("a descriptor is missing"))?;
        Ok(Self {
            guard: ForkGuard::new()?,
            page: region(page, len, Sharing::PeerReads)?,
            socket,
        })
    }

    /// What the server has counted until now. `None` when it is gone, or when this process is a fork
    /// of the one that connected.
    pub fn snapshot(&self) -> Option<Snapshot> {
        if !self.guard.is_owner() || self.socket.is_gone() {
            return None;
        }
        let rows_used = usize::try_from(self.server_word(ROWS_USED)).unwrap_or(usize::MAX);
        // Beyond, nothing was ever written, and reading would only make pages.
        let rows = rows_used.min((self.page.len() - ROWS) / ROW);
        let times = (0..BUCKETS).map(|bucket| self.word(TIMES + bucket * WORD));
        Some(Snapshot {
            server: self.server(),
            clients: (0..rows).filter_map(|number| self.row(number)).collect(),
            service_times: ServiceTimes {
                counts: times.collect(),
            },
        })
    }

    fn server(&self) -> ServerStatistics {
        let count = |count: Count| self.server_word(1 + count as usize);
        ServerStatistics {
            calls: count(Count::Calls),
            refused_calls: count(Count::RefusedCalls),
            wakes_sent: count(Count::WakesSent),
            wakes_avoided: count(Count::WakesAvoided),
            sleeps: count(Count::Sleeps),
            spins_won: count(Count::SpinsWon),
            spins_lost: count(Count::SpinsLost),
            refused_connections: count(Count::RefusedConnections),
            corrupt_clients: count(Count::CorruptClients),
        }
    }

    /// The client with this number, if there is one and it is still the same in the end.
    fn row(&self, number: usize) -> Option<ClientRow> {
        let start = ROWS + number * ROW;
        let connection = PeerWord::at(&self.page, start + RowWord::Connection as usize * WORD);
        let word = |word: RowWord| self.word(start + word as usize * WORD);
        // Acquire: with the server's release of a row that it has set up.
        let before = connection.read(Ordering::Acquire);
        let kind = ClientKind::from_number((before & 0xff) as u8)?;
        let owner = word(RowWord::Owner);
        let row = ClientRow {
            number: u32::try_from(number).unwrap_or(u32::MAX),
            connection: before >> 8,
            kind,
            uid: u32::try_from(owner >> 32).unwrap_or(u32::MAX),
            pid: i32::try_from(owner & 0xffff_ffff)
                .ok()
                .and_then(NonZeroI32::new),
            channels: word(RowWord::Channels),
            calls: word(RowWord::Calls),
            depth: word(RowWord::Depth),
            in_flight: word(RowWord::Running),
            wakes_sent: word(RowWord::WakesSent),
            wakes_avoided: word(RowWord::WakesAvoided),
            streams: word(RowWord::Streams),
            credit: word(RowWord::Credit),
        };
        // Relaxed: at worst a row that changed hands shows the new client's first counts.
        (connection.read(Ordering::Relaxed) == before).then_some(row)
    }

    fn server_word(&self, index: usize) -> u64 {
        self.word(SERVER + index * WORD)
    }

    fn word(&self, offset: usize) -> u64 {
        // Relaxed: figures, each for itself.
        PeerWord::at(&self.page, offset).read(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Statistics {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Statistics").finish_non_exhaustive()
    }
}

impl ClientKind {
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Blocking => 1,
            Self::Asynchronous => 2,
            Self::Observer => 3,
        }
    }

    const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Blocking),
            2 => Some(Self::Asynchronous),
            3 => Some(Self::Observer),
            _ => None,
        }
    }
}

impl From<Role> for ClientKind {
    fn from(role: Role) -> Self {
        match role {
            Role::Blocking => Self::Blocking,
            Role::Asynchronous => Self::Asynchronous,
            Role::Observer => Self::Observer,
        }
    }
}

/// The words of the server stand on one page.
const _: () =
    assert!(places::SERVER_WORDS * WORD <= TIMES - SERVER && SERVER >= ServerPage::HEADER);
/// A row holds its words.
const _: () = assert!((RowWord::Credit as usize + 1) * WORD <= ROW);
