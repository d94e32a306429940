//! Where the statistics stand behind the first page of the server's page.
//!
//! Words of the server, then how often each service time was seen, then a row for each client process
//! by its number. Pages are touched as rows are used.

use super::service_times::BUCKETS;
use crate::layout::ServerPage;
use crate::memory::WORD;

/// Octets of a page.
const PAGE: usize = 4096;
/// The words of the server: the number of rows ever used, and its [`Count`]s.
pub(crate) const SERVER: usize = ServerPage::HEADER;
pub(crate) const SERVER_WORDS: usize = 1 + Count::ALL;
/// Among them: all rows from this number on were never used, and nobody should touch them.
pub(crate) const ROWS_USED: usize = 0;

/// One word for each bucket of service times.
pub(crate) const TIMES: usize = SERVER + PAGE;

/// The rows of the clients.
pub(crate) const ROWS: usize = (TIMES + BUCKETS * WORD).next_multiple_of(PAGE);
/// Octets of a row: two lines, as everything that has a writer of its own.
pub(crate) const ROW: usize = 128;
/// Rows at most, whatever the server's limits: beyond, clients are served and not shown. 12.8 MB.
const MOST_ROWS: usize = 100_000;

/// Octets of the whole page of a server that takes `max_clients`.
pub(crate) fn page_len(max_clients: usize) -> usize {
    (ROWS + rows(max_clients) * ROW).next_multiple_of(PAGE)
}

/// Rows for `max_clients`.
pub(crate) fn rows(max_clients: usize) -> usize {
    max_clients.min(MOST_ROWS)
}

/// What is counted for the server as a whole; its place among the words is one after its number.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Count {
    Calls,
    RefusedCalls,
    WakesSent,
    WakesAvoided,
    Sleeps,
    SpinsWon,
    SpinsLost,
    RefusedConnections,
    CorruptClients,
}

impl Count {
    pub(crate) const ALL: usize = Self::CorruptClients as usize + 1;
}

/// The words of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RowWord {
    /// 0 while the row is free. Else the role in the low octet, and above it a number that no other
    /// connection has. Written last when a client comes, so that who reads it before and after the
    /// other words knows whose they are.
    Connection,
    /// User above, process below; 0 for a process of another namespace.
    Owner,
    Channels,
    Calls,
    /// Requests found waiting in the last turn.
    Depth,
    /// Calls that were taken and not answered.
    Running,
    WakesSent,
    WakesAvoided,
    /// Streams and long messages that are open.
    Streams,
    /// Octets of items that the client may send at once, of all its streams.
    Credit,
}
