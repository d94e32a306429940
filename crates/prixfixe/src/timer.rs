//! A deadline that moves with every command, without a timer operation for each.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use tokio::time::{Sleep, sleep_until};

/// Fires when a deadline has passed. The deadline is given anew at each poll; the timer below is
/// touched only when it fires or when the deadline moves ahead of it.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    pub(crate) fn poll_past(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(sleep_until(deadline.into())));
        if sleep.deadline().into_std() > deadline {
            sleep.as_mut().reset(deadline.into());
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline().into_std() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline.into());
        }
    }
}

/// The time by tokio's clock, which a test may stop.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, time::Duration};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_deadline_may_move_both_ways() {
        let (start, mut timer) = (now(), Timer::default());
        let after = |seconds| start + Duration::from_secs(seconds);
        let early = poll_fn(|cx| Poll::Ready(timer.poll_past(cx, after(300)))).await;
        assert!(early.is_pending());
        poll_fn(|cx| timer.poll_past(cx, after(10))).await;
        assert_eq!(now(), after(10));
        poll_fn(|cx| timer.poll_past(cx, after(600))).await;
        assert_eq!(now(), after(600));
        poll_fn(|cx| timer.poll_past(cx, after(1))).await;
        assert_eq!(now(), after(600));
    }
}
