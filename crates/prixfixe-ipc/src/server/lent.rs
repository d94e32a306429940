//! Requests in memory of their own, which comes by the socket before the record that names it.

use std::collections::VecDeque;

use super::budget::Share;
use super::events::DropReason;
use super::execution::Execution;
use super::round::Core;
use crate::fault_point::{Point, reach};
use crate::handshake::Loan;
use crate::message_memory::{LEAST_LENT, MessageMemory};
use crate::outcome::Refusal;
use crate::ring::Corrupt;
use crate::sys::{BadSegment, Received};

/// Pieces of memory that are kept for calls which have not come, of one client process: a mapping each, of
/// which a process may have some ten thousand.
pub(super) const MAX_LENT_PER_CLIENT: usize = 64;
/// As many of all clients together.
pub(super) const MAX_LENT: usize = 4096;

/// What was lent for calls of one channel that have not come, in the order of the calls. Bounded by the
/// calls that may be in flight.
#[derive(Default)]
pub(super) struct LentRequests {
    waiting: VecDeque<Lent>,
}

struct Lent {
    call: u64,
    octets: u32,
    request: Result<LentRequest, Refusal>,
}

/// A request that lies in memory of its client's, or was copied from there.
pub(super) struct LentRequest {
    pub(super) memory: MessageMemory,
    /// Of the client's budget, until the call is there to have its own.
    pub(super) _share: Share,
}

impl LentRequests {
    /// Whether the request of `call`, which has so many octets, has come.
    pub(super) fn holds(&self, call: u64, octets: u32) -> Result<bool, Corrupt> {
        match self.waiting.iter().find(|lent| lent.call == call) {
            Some(lent) if lent.octets != octets => Err(Corrupt::Memory),
            found => Ok(found.is_some()),
        }
    }

    /// The last call that anything was lent for, of those that have not come.
    fn last(&self) -> Option<u64> {
        self.waiting.back().map(|lent| lent.call)
    }

    /// What was lent for `call`, or why it was not taken.
    pub(super) fn take(&mut self, call: u64) -> Option<Result<LentRequest, Refusal>> {
        self.pass_before(call);
        let first = self.waiting.front()?;
        if first.call != call {
            return None;
        }
        self.waiting.pop_front().map(|lent| lent.request)
    }

    /// Gives back what was lent for calls before `call`.
    pub(super) fn pass_before(&mut self, call: u64) {
        while self.waiting.front().is_some_and(|lent| lent.call < call) {
            self.waiting.pop_front();
        }
    }
}

impl<E: Execution> Core<E> {
    /// Takes memory that a client lends for a call which is about to be published. It is mapped at once, and
    /// its descriptor closed. Returns how many octets had to be copied instead.
    pub(super) fn lend(
        &mut self,
        index: usize,
        loan: Loan,
        mut descriptors: Received,
        lost: bool,
    ) -> Result<usize, DropReason> {
        let Some(link) = self.links.get_mut(index) else {
            return Ok(0);
        };
        let channel = loan.channel as usize;
        if !link.may_lend() || !link.channels.contains(&channel) || descriptors.len() == 0 && !lost
        {
            return Err(DropReason::Corrupt(Corrupt::Control));
        }
        let make = || self.config.budget(&self.lent_left);
        let budget = link.budget.get_or_insert_with(make);
        let Some(channel) = self.channels.get_mut(channel) else {
            return Ok(0);
        };
        let calls = channel.lendable_calls();
        if loan.call < calls.start {
            // Its call was refused, or taken back, before this was read.
            return self.count_ring(index).map(|()| 0);
        }
        let octets = loan.octets as usize;
        let lent = channel.lent_mut(budget);
        let in_order = lent.last().is_none_or(|last| last < loan.call);
        if octets < LEAST_LENT || !in_order || !calls.contains(&loan.call) {
            return Err(DropReason::Corrupt(Corrupt::Memory));
        }
        let request = if octets > self.config.max_message {
            Err(Refusal::TooLarge)
        } else {
            // A descriptor is lost where this process has no number left for it.
            match (budget.lent(octets), descriptors.take(0)) {
                (Some(share), Some(file)) => match MessageMemory::accept(file, octets) {
                    Ok(memory) => Ok(LentRequest {
                        memory,
                        _share: share,
                    }),
                    Err(BadSegment::System(_)) => Err(Refusal::Busy),
                    Err(bad) => {
                        tracing::warn!(client = index, %bad, "lent memory is not as it has to be");
                        return Err(DropReason::Corrupt(Corrupt::Memory));
                    }
                },
                _ => Err(Refusal::Busy),
            }
        };
        let copied = request
            .as_ref()
            .map_or(0, |request| request.memory.copied());
        // Of calls whose records then said that they need none.
        lent.pass_before(calls.start);
        lent.waiting.push_back(Lent {
            call: loan.call,
            octets: loan.octets,
            request,
        });
        reach(Point::ServerLent);
        Ok(copied)
    }

    /// Looks for memory that the next record of `channel` names in the socket, where it must be if it did not
    /// come before.
    pub(super) fn fetch_lent(&mut self, channel: usize) {
        let Some(link) = self.channels.get(channel).map(|channel| channel.link) else {
            return;
        };
        if self.read_messages(link, false) {
            // It has another turn, and asks again if it was none of these.
            self.look_again_at(channel);
        } else {
            self.doom(link, DropReason::Corrupt(Corrupt::Memory));
        }
    }
}
