//! What only streams, long messages and lent memory need of a channel: most channels never see any, and there
//! may be thousands of them.

use std::rc::Rc;

use super::Channel;
use crate::outcome::Refusal;
use crate::server::budget::Budget;
use crate::server::lent::{LentRequest, LentRequests};
use crate::server::statistics::Streaming;
use crate::server::streams::Streams;

/// Made for the first call that needs it, and kept as long as the channel.
pub(super) struct Extras {
    pub(super) streams: Streams,
    pub(super) lent: LentRequests,
    /// Of its client process.
    pub(super) budget: Rc<Budget>,
    /// The head of the request ring that the client was last told.
    pub(super) told_head: u64,
    /// What the statistics say of its streams.
    pub(super) streaming: Streaming,
}

impl Channel {
    /// To be called before anything that takes its part of `budget`, that of the client process.
    #[cold]
    pub(in crate::server) fn prepare(&mut self, budget: &Rc<Budget>) {
        self.extras(budget);
    }

    /// What was lent for calls that have not come.
    pub(in crate::server) fn lent_mut(&mut self, budget: &Rc<Budget>) -> &mut LentRequests {
        &mut self.extras(budget).lent
    }

    /// As [`LentRequests::take`].
    pub(in crate::server) fn take_lent(
        &mut self,
        call: u64,
    ) -> Option<Result<LentRequest, Refusal>> {
        self.extras.as_mut()?.lent.take(call)
    }

    /// Gives back what was lent for calls that are over.
    pub(super) fn pass_lent(&mut self) {
        if let Some(extras) = &mut self.extras {
            extras.lent.pass_before(self.next_call);
        }
    }

    fn extras(&mut self, budget: &Rc<Budget>) -> &mut Extras {
        self.extras.get_or_insert_with(|| {
            Box::new(Extras {
                streams: Streams::new(self.window),
                lent: LentRequests::default(),
                budget: Rc::clone(budget),
                told_head: 0,
                streaming: Streaming::default(),
            })
        })
    }
}
