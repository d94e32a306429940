//! Waiting for a moment to within some ten microseconds; the timers of the runtime are a
//! millisecond coarse.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::poll_fn;
use std::io;
use std::task::{Poll, Waker};
use std::time::Instant;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::net::unix::pipe::Receiver;

/// A timer for all tasks of a thread. [`Timer::drive`] has to run beside those that wait.
#[derive(Debug)]
pub(super) struct Timer {
    /// A timer of the kernel. It is read like a pipe, and the runtime's own type for descriptors of
    /// any kind takes `unsafe`.
    descriptor: Receiver,
    /// At most one for each worker, and those that were given up.
    waiting: RefCell<BinaryHeap<Reverse<Waiting>>>,
    /// Tells apart those that wait for the same moment.
    next: Cell<u64>,
}

#[derive(Debug)]
struct Waiting {
    due: Instant,
    order: u64,
    waker: Waker,
}

impl Timer {
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let descriptor = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        Ok(Self {
            descriptor: Receiver::from_owned_fd_unchecked(descriptor)?,
            waiting: RefCell::new(BinaryHeap::new()),
            next: Cell::new(0),
        })
    }

    /// Waits until the moment has come.
    pub(super) async fn wait_until(&self, due: Instant) -> io::Result<()> {
        let mut entered = false;
        poll_fn(|context| {
            if Instant::now() >= due {
                return Poll::Ready(Ok(()));
            }
            if entered {
                return Poll::Pending;
            }
            entered = true;
            let order = self.next.replace(self.next.get() + 1);
            let mut waiting = self.waiting.borrow_mut();
            waiting.push(Reverse(Waiting {
                due,
                order,
                waker: context.waker().clone(),
            }));
            // The first of all has changed.
            if waiting.peek().is_some_and(|first| first.0.order == order)
                && let Err(error) = self.set(due)
            {
                return Poll::Ready(Err(error));
            }
            Poll::Pending
        })
        .await
    }

    /// Wakes those whose moment has come; never returns without an error.
    pub(super) async fn drive(&self) -> io::Error {
        loop {
            if let Err(error) = self.ring().await {
                return error;
            }
        }
    }

    async fn ring(&self) -> io::Result<()> {
        self.descriptor.readable().await?;
        let mut expirations = [0; 8];
        match self.descriptor.try_read(&mut expirations) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
        let mut waiting = self.waiting.borrow_mut();
        let now = Instant::now();
        while let Some(first) = waiting.peek() {
            if first.0.due > now {
                return self.set(first.0.due);
            }
            if let Some(Reverse(first)) = waiting.pop() {
                first.waker.wake();
            }
        }
        Ok(())
    }

    fn set(&self, due: Instant) -> io::Result<()> {
        // Nothing at all would turn it off.
        let left = due
            .saturating_duration_since(Instant::now())
            .as_nanos()
            .max(1);
        let nanoseconds = |count: u128| i64::try_from(count).unwrap_or(i64::MAX);
        let once = Itimerspec {
            it_interval: Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: Timespec {
                tv_sec: nanoseconds(left / 1_000_000_000),
                tv_nsec: nanoseconds(left % 1_000_000_000),
            },
        };
        timerfd_settime(&self.descriptor, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}
