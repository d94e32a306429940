//! What the server shows all its clients.

use std::io;
use std::os::fd::OwnedFd;

use super::statistics::StatisticsWriter;
use crate::layout::ServerPage;
use crate::memory::{OwnWord, PeerWord, Region};
use crate::spin::Crowd;
use crate::statistics::places;
use crate::sync::Ordering;
use crate::sys::{Mapping, Sharing};
use crate::wake::Sleeper;

/// Writes the server's page.
pub(super) struct ServerPageWriter {
    pub(super) memory: OwnedFd,
    pub(super) len: usize,
    /// Announces the sleep of the server.
    pub(super) sleeper: Sleeper,
    /// The same announcement, for those who wake it.
    pub(super) sleeping: PeerWord,
    pub(super) statistics: StatisticsWriter,
    advice: OwnWord,
    advised: u64,
    /// Part of all advice once it is set.
    draining: u64,
}

impl ServerPageWriter {
    pub(super) fn new(crowd: Crowd, max_clients: usize) -> io::Result<Self> {
        let len = places::page_len(max_clients);
        let (mapping, memory) = Mapping::create("prixfixe-ipc-server", len, Sharing::PeerReads)?;
        let region = Region::new(mapping);
        let mut page = Self {
            memory,
            len,
            sleeper: Sleeper::new(OwnWord::at(&region, ServerPage::SLEEPING)),
            sleeping: PeerWord::at(&region, ServerPage::SLEEPING),
            advice: OwnWord::at(&region, ServerPage::ADVICE),
            statistics: StatisticsWriter::new(&region, max_clients),
            advised: 0,
            draining: 0,
        };
        page.advise(crowd, false);
        Ok(page)
    }

    /// Tells clients that no more calls are taken, with the next advice.
    pub(super) fn drain(&mut self) {
        self.draining = ServerPage::DRAINING;
    }

    /// Tells clients how to wait and whether to leave hints. Writes only what is new: the line is
    /// one that every client reads in every call.
    pub(super) fn advise(&mut self, crowd: Crowd, hints: bool) {
        let advice = u64::from(crowd.number()) << 8 | self.draining | u64::from(hints);
        if advice != self.advised {
            self.advised = advice;
            // Relaxed: advice.
            self.advice.set(advice, Ordering::Relaxed);
        }
    }
}
