//! Closing a connection so that what was said last gets through.

use std::{future::poll_fn, task::Poll, time::Duration};

use crate::{
    timer::{Timer, now},
    wire::Wire,
};

/// How long a client that was told 421 may go on sending before the socket is closed under it. A
/// close with unread input would reset the connection, and the client might never see the reply.
const LINGER: Duration = Duration::from_secs(1);
/// Octets that it may still send meanwhile.
const LINGER_MAX: usize = 256 << 10;

/// Closes so that the last replies get through.
pub(crate) async fn linger(wire: &mut Wire, timer: &mut Timer) {
    let (deadline, mut left) = (now() + LINGER, LINGER_MAX);
    poll_fn(|cx| {
        if timer.poll_past(cx, deadline).is_ready() {
            return Poll::Ready(());
        }
        let closed = match wire.poll_flush(cx) {
            Poll::Ready(Ok(())) => wire.poll_shutdown(cx),
            unwritten => unwritten,
        };
        match closed {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return Poll::Ready(()),
            Poll::Pending => return Poll::Pending,
        }
        while let Poll::Ready(read) = wire.poll_discard(cx) {
            match read {
                Ok(read @ 1..) if left > 0 => left = left.saturating_sub(read),
                _ => return Poll::Ready(()),
            }
        }
        Poll::Pending
    })
    .await;
}

/// Tells a client under TLS that nothing was cut off. It has had its replies, so there is nothing
/// to wait for.
pub(crate) async fn say_goodbye(wire: &mut Wire, timer: &mut Timer) {
    let deadline = now() + LINGER;
    poll_fn(|cx| match wire.poll_close_notify(cx) {
        Poll::Ready(_) => Poll::Ready(()),
        Poll::Pending => timer.poll_past(cx, deadline),
    })
    .await;
}
