//! Many calls in flight from one thread.

use super::ClientStatistics;
use super::channel::SendFailure;
use super::connector::Connection;
use super::wait::{Deadline, Waited};
use crate::call::{Call, DEFAULT_TIMEOUT};
use crate::outcome::{Cause, Executed, Outcome};

/// Calls that are sent before the replies to earlier ones are read. Replies come in any order; each
/// names its call. Dropping the pipeline takes back what is open.
///
/// Calls are not sent again here, for the pipeline does not keep their bytes: a caller that gets
/// [`Executed::No`] can.
pub struct Pipeline<'c> {
    connection: &'c mut Connection,
    statistics: &'c mut ClientStatistics,
    /// The caller's name for the call in each slot.
    names: Vec<u64>,
    next_name: u64,
    rang: bool,
    /// The server has gone: what is open is ended one by one.
    over: Option<Cause>,
}

/// Which call an outcome belongs to; unique within its pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(u64);

/// Why a call was not sent. It was not executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// As many calls are in flight as may be: receive first.
    #[error("no room for another call in flight; receive an outcome first")]
    Full,
    /// The request is longer than a message may be.
    #[error("the request is too large")]
    TooLarge,
    /// The connection is lost; outcomes of what is open can still be received.
    #[error("the connection is lost: {0}")]
    Lost(Cause),
}

impl<'c> Pipeline<'c> {
    pub(super) fn new(
        connection: &'c mut Connection,
        statistics: &'c mut ClientStatistics,
    ) -> Self {
        let slots = usize::from(connection.channel().sizes().max_in_flight());
        Self {
            names: vec![0; slots],
            connection,
            statistics,
            next_name: 0,
            rang: false,
            over: None,
        }
    }

    /// Sends a call whose reply has at most `reply_limit` bytes.
    ///
    /// # Errors
    /// When it was not sent.
    pub fn submit<'a>(
        &mut self,
        call: impl Into<Call<'a>>,
        reply_limit: usize,
    ) -> Result<CallId, SubmitError> {
        if let Some(cause) = self.over {
            return Err(SubmitError::Lost(cause));
        }
        let sent = self
            .connection
            .send(&call.into(), reply_limit, self.statistics)
            .map_err(|failure| match failure {
                SendFailure::Full => SubmitError::Full,
                SendFailure::TooLarge => SubmitError::TooLarge,
                SendFailure::Corrupt(corrupt) => SubmitError::Lost(Cause::Corrupt(corrupt)),
            })?;
        self.rang |= sent.rang;
        let name = self.next_name;
        self.next_name += 1;
        self.names[usize::from(sent.slot)] = name;
        Ok(CallId(name))
    }

    /// Calls whose outcome was not received yet.
    pub fn in_flight(&self) -> usize {
        self.connection.channel().open()
    }

    /// The next outcome, without waiting: for callers that poll.
    pub fn try_receive(&mut self, reply: &mut [u8]) -> Option<(CallId, Outcome<usize>)> {
        if self.over.is_none() {
            match self.connection.next_reply() {
                Ok(Some(found)) => {
                    let name = self.names[usize::from(found.slot)];
                    return Some((CallId(name), self.connection.copy_reply(&found, reply)));
                }
                Ok(None) => {
                    self.connection.ring(self.statistics);
                    return None;
                }
                Err(corrupt) => self.over = Some(Cause::Corrupt(corrupt)),
            }
        }
        self.end_one()
    }

    /// The next outcome, waited for. `None` when nothing is in flight.
    pub fn receive(&mut self, reply: &mut [u8]) -> Option<(CallId, Outcome<usize>)> {
        let mut deadline = Deadline::new(DEFAULT_TIMEOUT);
        loop {
            let received = self.try_receive(reply);
            if received.is_some() || self.in_flight() == 0 {
                return received;
            }
            let rang = std::mem::take(&mut self.rang);
            if let Waited::Over(cause) = self.connection.wait(rang, &mut deadline, self.statistics)
            {
                // What was written before the server went away counts.
                let last = self.try_receive(reply);
                if last.is_some() {
                    return last;
                }
                self.over = Some(cause);
            }
        }
    }

    /// Ends one of the open calls for the reason that all of them end.
    fn end_one(&mut self) -> Option<(CallId, Outcome<usize>)> {
        let cause = self.over?;
        let slot = self.connection.channel().open_slots().next()?;
        let name = self.names[usize::from(slot)];
        let outcome = if cause == Cause::Deadline {
            Outcome::failed(cause, self.connection.give_up(slot))
        } else {
            self.connection.lose(slot, cause)
        };
        Some((CallId(name), outcome))
    }
}

impl Drop for Pipeline<'_> {
    fn drop(&mut self) {
        let open: Vec<u16> = self.connection.channel().open_slots().collect();
        for slot in open {
            let _: Executed = self.connection.give_up(slot);
        }
    }
}

impl std::fmt::Debug for Pipeline<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Pipeline")
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}
