//! What can be set of a pool, and what it tells.

use std::num::NonZeroU16;
use std::time::Duration;

use crate::client::ClientOptions;

/// How a pool behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PoolSettings {
    /// The most channels that are open at the same time, hence the most calls; further ones wait. 64:
    /// a channel costs one or two touched pages of memory where messages are small, and more callers
    /// at once than this are better served by [`AsyncClient`](crate::AsyncClient)s. The server has to
    /// admit as many ([`ServerConfig::max_channels`](crate::ServerConfig)).
    pub max_channels: NonZeroU16,
    /// After what time without a call a channel is closed, at the earliest; at the latest after twice
    /// as long. 60 s: opening one takes two messages over the socket, so it need not be kept for long.
    /// [`Duration::MAX`] keeps them all.
    pub idle_timeout: Duration,
    /// How the channels are made.
    pub client: ClientOptions,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            max_channels: NonZeroU16::MIN.saturating_add(63),
            idle_timeout: Duration::from_secs(60),
            client: ClientOptions::default(),
        }
    }
}

/// A pool at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStatistics {
    /// Channels that are open, in use or not.
    pub open: usize,
    /// Threads that wait for one.
    pub waiting: usize,
    /// Channels that were opened so far.
    pub opened: u64,
    /// Channels that were closed while nobody used them.
    pub closed_idle: u64,
}
