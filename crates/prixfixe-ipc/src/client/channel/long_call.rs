//! Opening a call whose request or reply is longer than a record, or whose request is in memory of its own.

use super::{Channel, SendFailure};
use crate::call::Call;
use crate::fault_point::{Point, reach};
use crate::layout::{OPENING_WORDS, REQUEST_HEADER_WORDS};
use crate::record::Opening;
use crate::ring::Corrupt;
use crate::sealed_message::SealedMessage;

/// A long call that was opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LongCall {
    pub(crate) number: u64,
    /// Its request is still to be sent, and until it is sent whole the call is not executed.
    pub(crate) follows: bool,
}

impl Channel {
    /// As [`Channel::send`], of a call whose request or reply may be longer than a record. `lend` gives the
    /// server the memory of a sealed request for the call of that number, or says that it could not.
    pub(crate) fn open_long(
        &mut self,
        call: &Call<'_>,
        reply_limit: usize,
        lend: impl FnOnce(u64, &SealedMessage) -> bool,
    ) -> Result<LongCall, SendFailure> {
        let follows = call.payload().len() > self.sizes.max_payload() as usize;
        let whole = u32::try_from(call.payload().len()).map_err(|_| SendFailure::TooLarge)?;
        let lent = match call.lendable() {
            Some(message) => self.lend(message, lend)?,
            None => false,
        };
        let (payload, total) = if lent || follows {
            (&[][..], whole)
        } else {
            (call.payload(), 0)
        };
        let opening = Opening::Long {
            total,
            credit: u32::try_from(self.streams.first_credit()).unwrap_or(u32::MAX),
            lent,
        };
        let limit = u32::try_from(reply_limit).unwrap_or(u32::MAX);
        // The server makes room for all of it when it takes the call.
        let number = self.send_in_parts(call, payload, limit, opening, u64::MAX)?;
        Ok(LongCall {
            number,
            follows: follows && !lent,
        })
    }

    /// Gives the server the memory of the next call's request. False when `lend` says that it could not.
    fn lend(
        &mut self,
        message: &SealedMessage,
        lend: impl FnOnce(u64, &SealedMessage) -> bool,
    ) -> Result<bool, SendFailure> {
        if !self.streams.may_open() {
            return Err(self.streams.why_none());
        }
        self.slots.next().ok_or(SendFailure::Full)?;
        // What is lent cannot be taken back, so the record must be certain to follow.
        let words = REQUEST_HEADER_WORDS + OPENING_WORDS;
        if !self.requests.has_room(words) {
            self.requests
                .refresh_head()
                .map_err(|_| SendFailure::Corrupt(Corrupt::Head))?;
            if !self.requests.has_room(words) {
                return Err(SendFailure::Full);
            }
        }
        let lent = lend(self.last_call + 1, message);
        reach(Point::ClientLent);
        Ok(lent)
    }
}
