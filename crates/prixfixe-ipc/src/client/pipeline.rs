//! Many calls in flight from one thread.

use std::time::{Duration, Instant};

use super::ClientStatistics;
use super::channel::SendFailure;
use super::connector::Connection;
use super::wait::{Deadline, Waited, after};
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
    /// The call in each slot.
    calls: Vec<Submitted>,
    next_name: u64,
    rang: bool,
    /// The server has gone: what is open is ended one by one.
    over: Option<Cause>,
}

/// A call in flight.
#[derive(Clone, Copy)]
struct Submitted {
    name: CallId,
    timeout: Duration,
    /// Known once somebody had to wait: a call that ends at once never pays for reading the clock.
    until: Option<Instant>,
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
    /// The connection takes no more calls; outcomes of what is open can still be received. A new
    /// pipeline finds the next server.
    #[error("the connection takes no more calls: {0}")]
    Lost(Cause),
}

impl<'c> Pipeline<'c> {
    pub(super) fn new(
        connection: &'c mut Connection,
        statistics: &'c mut ClientStatistics,
    ) -> Self {
        let slots = usize::from(connection.channel().sizes().max_in_flight());
        Self {
            calls: vec![Submitted::NONE; slots],
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
        if self.connection.is_draining() {
            return Err(SubmitError::Lost(Cause::ShuttingDown));
        }
        let call = call.into();
        let sent = self
            .connection
            .send(&call, reply_limit, self.statistics)
            .map_err(|failure| match failure {
                SendFailure::Full | SendFailure::Busy => SubmitError::Full,
                SendFailure::TooLarge => SubmitError::TooLarge,
                SendFailure::Corrupt(corrupt) => SubmitError::Lost(Cause::Corrupt(corrupt)),
            })?;
        self.rang |= sent.rang;
        let name = CallId(self.next_name);
        self.next_name += 1;
        self.calls[usize::from(sent.slot)] = Submitted {
            name,
            timeout: call.timeout_value(),
            until: None,
        };
        Ok(name)
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
                    let name = self.calls[usize::from(found.slot)].name;
                    return Some((name, self.connection.copy_reply(&found, reply)));
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

    /// The next outcome, waited for: by the deadline of the first call whose time is over, at the
    /// latest. `None` when nothing is in flight.
    pub fn receive(&mut self, reply: &mut [u8]) -> Option<(CallId, Outcome<usize>)> {
        loop {
            let received = self.try_receive(reply);
            if received.is_some() || self.in_flight() == 0 {
                return received;
            }
            let (slot, mut deadline) = self.first_to_end()?;
            let rang = std::mem::take(&mut self.rang);
            let waited = self.connection.wait(rang, &mut deadline, self.statistics);
            let Waited::Over(cause) = waited else {
                continue;
            };
            // What was written before the time was over, or the server gone, counts.
            let last = self.try_receive(reply);
            if last.is_some() {
                return last;
            }
            if cause == Cause::Deadline {
                let name = self.calls[usize::from(slot)].name;
                let executed = self.connection.give_up(slot);
                return Some((name, Outcome::failed(cause, executed)));
            }
            self.over = Some(cause);
        }
    }

    /// The open call whose time is over first.
    fn first_to_end(&mut self) -> Option<(u16, Deadline)> {
        let now = Instant::now();
        let calls = &mut self.calls;
        let open = self.connection.channel().open_slots();
        let ends = open.map(|slot| (calls[usize::from(slot)].ends(now), slot));
        let (at, slot) = ends.min()?;
        Some((slot, Deadline::at_instant(at)))
    }

    /// Ends one of the open calls for the reason that all of them end.
    fn end_one(&mut self) -> Option<(CallId, Outcome<usize>)> {
        let cause = self.over?;
        let slot = self.connection.channel().open_slots().next()?;
        let name = self.calls[usize::from(slot)].name;
        Some((name, self.connection.lose(slot, cause)))
    }
}

impl Submitted {
    const NONE: Self = Self {
        name: CallId(0),
        timeout: DEFAULT_TIMEOUT,
        until: None,
    };

    /// When its time is over, counted from the first time that somebody had to wait for it.
    fn ends(&mut self, now: Instant) -> Instant {
        let timeout = self.timeout;
        *self.until.get_or_insert_with(|| after(now, timeout))
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
