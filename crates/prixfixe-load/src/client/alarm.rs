//! The time-out of a connection: one timer for all of its steps.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Instant;

use tokio::time::{Sleep, sleep_until};

use super::fault::Fault;

/// A timer that is touched only when a deadline comes before it, or when it rings: most steps end
/// long before theirs.
#[derive(Debug)]
pub(super) struct Alarm {
    sleep: Pin<Box<Sleep>>,
}

impl Alarm {
    pub(super) fn new(deadline: Instant) -> Self {
        Self {
            sleep: Box::pin(sleep_until(deadline.into())),
        }
    }

    /// Waits for an operation until the deadline.
    pub(super) async fn guard<T>(
        &mut self,
        deadline: Instant,
        operation: impl Future<Output = io::Result<T>>,
    ) -> Result<T, Fault> {
        let mut operation = pin!(operation);
        poll_fn(|context| {
            if let Poll::Ready(ready) = operation.as_mut().poll(context) {
                return Poll::Ready(ready.map_err(Fault::Io));
            }
            if deadline < self.sleep.deadline().into_std() {
                self.sleep.as_mut().reset(deadline.into());
            }
            while self.sleep.as_mut().poll(context).is_ready() {
                if Instant::now() >= deadline {
                    return Poll::Ready(Err(Fault::Expired));
                }
                self.sleep.as_mut().reset(deadline.into());
            }
            Poll::Pending
        })
        .await
    }
}
