//! What a caller asks for.

use std::time::Duration;

use super::Request;
use crate::call::Call as RawCall;

/// A typed request and how it is to be treated: as [`Call`](crate::Call), whose message type is the
/// request's own.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a, R> {
    pub(super) request: &'a R,
    /// Without payload.
    pub(super) options: RawCall<'static>,
}

impl<'a, R: Request> Call<'a, R> {
    /// A call that may take [`DEFAULT_TIMEOUT`](crate::DEFAULT_TIMEOUT).
    pub const fn new(request: &'a R) -> Self {
        Self {
            request,
            options: RawCall::new(&[]),
        }
    }

    /// As [`Call::timeout`](crate::Call::timeout).
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.options = self.options.timeout(timeout);
        self
    }

    pub(crate) const fn timeout_value(&self) -> Duration {
        self.options.timeout_value()
    }

    /// As [`Call::caller_id`](crate::Call::caller_id).
    #[must_use]
    pub const fn caller_id(mut self, caller_id: u128) -> Self {
        self.options = self.options.caller_id(caller_id);
        self
    }

    /// As [`Call::idempotent`](crate::Call::idempotent).
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.options = self.options.idempotent();
        self
    }

    /// As [`Call::priority`](crate::Call::priority).
    #[must_use]
    pub const fn priority(mut self, priority: u8) -> Self {
        self.options = self.options.priority(priority);
        self
    }
}

impl<'a, R: Request> From<&'a R> for Call<'a, R> {
    fn from(request: &'a R) -> Self {
        Self::new(request)
    }
}
