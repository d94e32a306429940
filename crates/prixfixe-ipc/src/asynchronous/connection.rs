//! A client's share of a link.

use std::sync::Arc;
use std::time::Instant;

use super::live::{Hold, Live, Nudge};
use super::wakes::Wakes;
use crate::call::Call;
use crate::client::channel::{Channel, LongCall, SendFailure};
use crate::client::link::Bell;
use crate::sealed_message::SealedMessage;

/// A channel with the link it belongs to. To be dropped without a lock.
pub(super) struct Connection {
    pub(super) live: Arc<Hold>,
    pub(super) number: u32,
    /// Its place among the members of the link.
    pub(super) member: usize,
    pub(super) channel: Channel,
    pub(super) bell: Bell,
    /// The place of the call in each slot.
    pub(super) place_of: Box<[u16]>,
    /// A reply was left in the ring for its caller to copy.
    pub(super) left_in_ring: bool,
}

/// What is left of a connection.
pub(super) struct Retired {
    pub(super) generation: u64,
    pub(super) connection: Connection,
}

impl Connection {
    /// As [`Channel::open_long`].
    pub(super) fn open_long(
        &mut self,
        call: &Call<'_>,
        reply_limit: usize,
    ) -> Result<LongCall, SendFailure> {
        let (link, number) = (&self.live.link, self.number);
        let lend = |call, message: &SealedMessage| link.lend(number, call, message);
        self.channel.open_long(call, reply_limit, lend)
    }

    /// To be called after something was published: whom to nudge once the lock is released.
    pub(super) fn nudge(&self, deadline: Option<Instant>) -> Option<Nudge> {
        Live::nudge(&self.live, self.member, &self.bell, deadline)
    }

    /// To be called after the ring was read: a server that had no room for streams may sleep. What could
    /// not be told it before may be told now.
    pub(super) fn nudge_for_room(&mut self) -> Option<Nudge> {
        let gave_room = self.channel.take_gave_room();
        if !gave_room || !self.channel.has_streams() {
            return None;
        }
        self.channel.publish();
        Live::nudge_for_room(&self.live, &self.bell)
    }

    /// Collects who waits for streams of which there is news.
    pub(super) fn collect_due(&mut self, wakes: &mut Wakes) {
        while !wakes.is_full()
            && let Some(waiting) = self.channel.streams().next_due()
        {
            wakes.push_both(waiting);
        }
    }
}
