//! Trust domains: who shares a doorbell and a set of hints.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use slab::Slab;

use super::config::TrustDomains;
use super::token::Token;
use super::vain_rings::VainRings;
use crate::hints::Hints;
use crate::memory::Region;
use crate::sys::{Doorbell, Mapping, Poller, Sharing, Trigger};

/// The domains that have a client.
pub(super) struct Domains {
    kind: TrustDomains,
    table: Slab<Domain>,
    /// Octets of a domain's hints.
    hints_len: usize,
    /// How many are not heard at present.
    unheard: usize,
}

/// One of them.
pub(super) struct Domain {
    /// Whose it is, where a user's processes share it.
    user: Option<u32>,
    clients: usize,
    pub(super) doorbell: Doorbell,
    pub(super) hints: Hints,
    pub(super) hints_memory: OwnedFd,
    /// The channel behind each hint.
    places: Slab<usize>,
    vain_rings: VainRings,
    /// While its rings are not heard.
    unheard_until: Option<Instant>,
}

/// For how long a domain is not heard: what its own members may lose by each other's storm, and little beside
/// the time after which they ring again over their sockets.
const UNHEARD_FOR: Duration = Duration::from_millis(5);

/// Until the next attempt to listen again, if one failed.
const SOON: Duration = Duration::from_micros(100);
/// Memory is mapped in pages.
const PAGE: usize = 4096;

impl Domains {
    pub(super) fn new(kind: TrustDomains, max_channels: usize) -> Self {
        Self {
            kind,
            table: Slab::new(),
            hints_len: Hints::octets(max_channels).next_multiple_of(PAGE),
            unheard: 0,
        }
    }

    /// Octets of a domain's hints.
    pub(super) fn hints_len(&self) -> usize {
        self.hints_len
    }

    pub(super) fn get(&self, index: usize) -> Option<&Domain> {
        self.table.get(index)
    }

    /// The domain for a client of `user`, made if there is none.
    pub(super) fn join(&mut self, user: u32, poller: &Poller) -> io::Result<usize> {
        let shared = match self.kind {
            TrustDomains::PerUser => self
                .table
                .iter()
                .find(|(_, domain)| domain.user == Some(user))
                .map(|(index, _)| index),
            TrustDomains::PerClient => None,
        };
        let index = match shared {
            Some(index) => index,
            None => self.make(user, poller)?,
        };
        self.table[index].clients += 1;
        Ok(index)
    }

    /// A client of the domain has gone; with the last the domain goes, too.
    pub(super) fn leave(&mut self, index: usize, poller: &Poller) {
        let Some(domain) = self.table.get_mut(index) else {
            return;
        };
        domain.clients -= 1;
        if domain.clients == 0 {
            let domain = self.table.remove(index);
            self.unheard -= usize::from(domain.unheard_until.is_some());
            // It leaves the poller with its last descriptor in any case.
            let _ = poller.remove(&domain.doorbell);
        }
    }

    /// Gives `channel` a hint.
    pub(super) fn add_place(&mut self, index: usize, channel: usize) -> usize {
        self.table[index].places.insert(channel)
    }

    pub(super) fn remove_place(&mut self, index: usize, hint: usize) {
        if let Some(domain) = self.table.get_mut(index) {
            domain.places.try_remove(hint);
        }
    }

    /// The doorbell of a domain was rung in vain. Who storms it would keep the server awake at the cost of
    /// all others, so nobody listens for a while.
    pub(super) fn note_vain_ring(&mut self, index: usize, poller: &Poller) {
        let Some(domain) = self.table.get_mut(index) else {
            return;
        };
        let now = Instant::now();
        if domain.unheard_until.is_some() || !domain.vain_rings.note(now) {
            return;
        }
        let token = Token::Doorbell(index).to_number();
        if poller
            .change(&domain.doorbell, token, Trigger::Never)
            .is_ok()
        {
            domain.unheard_until = Some(now + UNHEARD_FOR);
            self.unheard += 1;
        }
    }

    /// Listens again to those who were not heard for long enough. Returns when the next is due.
    pub(super) fn hear_again(&mut self, poller: &Poller) -> Option<Duration> {
        if self.unheard == 0 {
            return None;
        }
        let now = Instant::now();
        let mut next = None;
        for (index, domain) in &mut self.table {
            let Some(until) = domain.unheard_until else {
                continue;
            };
            let left = until.saturating_duration_since(now);
            let token = Token::Doorbell(index).to_number();
            let heard = left.is_zero()
                && poller
                    .change(&domain.doorbell, token, Trigger::Doorbell)
                    .is_ok();
            if heard {
                domain.unheard_until = None;
                self.unheard -= 1;
            } else {
                let left = left.max(SOON);
                next = Some(next.map_or(left, |next: Duration| next.min(left)));
            }
        }
        next
    }

    /// Takes all hints and names the channels behind them.
    pub(super) fn take_hints(&self, mut found: impl FnMut(usize)) {
        for (_, domain) in &self.table {
            let places = &domain.places;
            domain.hints.take(self.hints_used(domain), |hint| {
                // A bit that belongs to nobody was set by somebody who lies.
                if let Some(channel) = places.get(hint) {
                    found(*channel);
                }
            });
        }
    }

    /// Whether any hint is set.
    pub(super) fn any_hint(&self) -> bool {
        let mut domains = self.table.iter();
        domains.any(|(_, domain)| domain.hints.any(self.hints_used(domain)))
    }

    /// Hints beyond which no channel of `domain` has its own. The table of channels grows by doubling,
    /// at the end perhaps beyond the memory.
    fn hints_used(&self, domain: &Domain) -> usize {
        domain.places.capacity().min(self.hints_len * 8)
    }

    fn make(&mut self, user: u32, poller: &Poller) -> io::Result<usize> {
        let (hints, hints_memory) =
            Mapping::create("prixfixe-ipc-hints", self.hints_len, Sharing::PeerWrites)?;
        let doorbell = Doorbell::create()?;
        let entry = self.table.vacant_entry();
        let index = entry.key();
        poller.add(
            &doorbell,
            Token::Doorbell(index).to_number(),
            Trigger::Doorbell,
        )?;
        entry.insert(Domain {
            user: match self.kind {
                TrustDomains::PerUser => Some(user),
                TrustDomains::PerClient => None,
            },
            clients: 0,
            doorbell,
            hints: Hints::new(Region::new(hints)),
            hints_memory,
            places: Slab::new(),
            vain_rings: VainRings::default(),
            unheard_until: None,
        });
        Ok(index)
    }
}
