//! The one task of a link that waits for the server: it looks into the rings for all clients.

use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::deadlines::Look;
use super::live::{Live, Watched};
use super::state::Shared;
use super::sweep::Sweeper;
use super::timer::Timer;
use super::wakes::Wakes;
use crate::client::LONGEST_SLEEP;
use crate::client::link::AsyncWake;
use crate::give_back::GiveBack;
use crate::layout::LinkPage;
use crate::memory::OwnWord;
use crate::spin::{Crowd, Luck, SPIN_BUDGET};
use crate::sync::Ordering;
use crate::sys::{self, ForkGuard, WakeReceiver};
use crate::wake::Sleeper;

/// Looks into the rings, hands replies to their callers, and sleeps when there are none.
pub(super) struct Driver {
    live: Arc<Live>,
    guard: Arc<ForkGuard>,
    sleeper: Sleeper,
    pipe: AsyncFd<Pipe>,
    socket: AsyncFd<ControlSocket>,
    timer: Timer,
    sweeper: Sweeper,
    /// Wakes that were not read out of the pipe.
    undrained: u32,
    /// Those who wait for room know that the server drains.
    notice_passed_on: bool,
    luck: Luck,
    /// Memory of request rings that nobody uses any more.
    idle_memory: GiveBack,
}

/// Why the driver wakes up.
enum Event {
    /// The server has woken it.
    Woken,
    /// Something happened at the control socket.
    Control,
    /// Nobody will wake it any more.
    Over,
    /// A call was sent whose deadline comes before the driver wakes by itself.
    Told,
    /// It is time.
    Time,
}

/// What the driver does after a sleep.
enum Slept {
    LookAgain,
    Over,
}

/// Wakes that may stay in the pipe: reading is a system call, and only a full pipe, of one page,
/// would swallow a wake. The kernel reports each wake whether the one before was read or not.
const MOST_UNDRAINED: u32 = 256;
/// How late a deadline may be noticed while replies keep the driver busy.
const DEADLINES_EVERY: Duration = Duration::from_millis(1);
/// Looks into the rings between two looks at the clock.
const LOOKS_PER_CLOCK: u32 = 16;

impl Driver {
    /// To be made on the runtime that is to run it.
    pub(super) fn new(live: Arc<Live>, wake: AsyncWake, guard: Arc<ForkGuard>) -> io::Result<Self> {
        let pipe = Pipe(wake.receiver);
        let socket = ControlSocket(Arc::clone(&live));
        // SAFETY: the pipe owns its descriptor, never replaces it, and closes it when it is dropped.
        let pipe = unsafe { AsyncFd::register_with_interest(pipe, Interest::READABLE) }?;
        // SAFETY: the same holds for the link, of which the socket has a share.
        let socket = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }?;
        Ok(Self {
            guard,
            sleeper: Sleeper::new(OwnWord::at(&wake.page, LinkPage::SLEEPING)),
            pipe,
            socket,
            timer: Timer::new(),
            sweeper: Sweeper::default(),
            undrained: 0,
            notice_passed_on: false,
            luck: Luck::default(),
            idle_memory: GiveBack::default(),
            live,
        })
    }

    /// Runs until the server or the last client is gone.
    pub(super) async fn run(mut self) {
        let mut deadlines = Instant::now();
        let mut looks = 0_u32;
        let mut looking_since = None;
        while self.guard.is_owner() {
            looks = looks.wrapping_add(1);
            let clock = looks.is_multiple_of(LOOKS_PER_CLOCK).then(Instant::now);
            if let Some(now) = clock
                && now.duration_since(deadlines) >= DEADLINES_EVERY
            {
                deadlines = now;
                self.attend_deadlines(now, Look::Due);
                self.give_back_memory();
                self.live.link.retry_closes();
            }
            if self.sweeper.sweep(&self.live) {
                self.luck.won();
                looking_since = None;
                let_others_run().await;
                continue;
            }
            let gives_up = match looking_since {
                None => !self.may_look(),
                Some(since) => clock.is_some_and(|now| now.duration_since(since) >= SPIN_BUDGET),
            };
            if gives_up {
                if looking_since.take().is_some() {
                    self.luck.lost();
                }
                if matches!(self.sleep().await, Slept::Over) {
                    return;
                }
                continue;
            }
            if looking_since.is_none() {
                looking_since = Some(clock.unwrap_or_else(Instant::now));
            }
            if matches!(self.live.link.crowd(), Crowd::Several | Crowd::Many) {
                sys::yield_now();
            }
            let_others_run().await;
        }
    }

    /// Whether to look for a while before sleeping.
    fn may_look(&mut self) -> bool {
        self.live.link.crowd() != Crowd::OneProcessor && self.luck.worth_a_try()
    }

    /// Ends calls that are late, and returns the next deadline among those looked at. `None` when nobody waits.
    fn attend_deadlines(&mut self, now: Instant, look: Look) -> Option<Instant> {
        let mut seen = Seen::default();
        // Bounded: each turn but the last has gone past a member.
        while let Some(ended) = expire_some(&self.live, &mut seen, now, look) {
            ended.tell_ended();
        }
        if seen.grown {
            self.idle_memory.note();
        }
        seen.next_deadline
    }

    /// Gives back what nobody uses of the request rings, when it is time to look. Returns in how long that
    /// will be, if there is anything to look for.
    fn give_back_memory(&mut self) -> Option<Duration> {
        let members = self.live.members();
        self.idle_memory.look(members.watched.capacity(), |index| {
            let mut state = members.watched.get(index)?.shared.lock();
            state.connection()?.channel.give_back()
        })
    }

    /// Sleeps until there may be something to do.
    async fn sleep(&mut self) -> Slept {
        self.live.link.retry_closes();
        self.sleeper.announce();
        let slept = self.sleep_announced().await;
        self.sleeper.withdraw();
        self.live.driver_is_awake();
        slept
    }

    async fn sleep_announced(&mut self) -> Slept {
        let mut looked = Instant::now();
        loop {
            self.live.driver_settles();
            if self.sweeper.sweep(&self.live) {
                return Slept::LookAgain;
            }
            let now = Instant::now();
            let next = self.attend_deadlines(now, Look::All);
            if next.is_none() && self.live.is_released() {
                return Slept::Over;
            }
            let wakes_at = next.map(|next| next.min(looked + LONGEST_SLEEP).max(now));
            // Who waits wakes the driver often enough for the next look.
            let looks_at = self.give_back_memory().map(|left| now + left);
            self.live.driver_sleeps(wakes_at);
            count(&self.live.counters.sleeps);
            match self.event(wakes_at.or(looks_at)).await {
                Event::Woken => return Slept::LookAgain,
                Event::Control if !self.live.link.is_gone() => self.pass_on_notice(),
                Event::Control | Event::Over => {
                    self.live.end();
                    return Slept::Over;
                }
                // Nobody waited until now: the long sleep is counted from here.
                Event::Told if wakes_at.is_none() => looked = Instant::now(),
                Event::Told => {}
                Event::Time if !self.guard.is_owner() => return Slept::Over,
                Event::Time if wakes_at.is_none() => looked = Instant::now(),
                Event::Time => {
                    let now = Instant::now();
                    if self.sweeper.sweep(&self.live) {
                        // A timer that went off early says nothing: the wake may be on its way.
                        if now.duration_since(looked) >= LONGEST_SLEEP {
                            count(&self.live.counters.woke_late);
                        }
                        return Slept::LookAgain;
                    }
                    if now.duration_since(looked) >= LONGEST_SLEEP {
                        looked = now;
                        if self.live.link.is_gone() {
                            self.live.end();
                            return Slept::Over;
                        }
                        self.ring_again();
                    }
                }
            }
        }
    }

    /// Has those who wait for room look for another server, once this one says that it drains.
    fn pass_on_notice(&mut self) {
        if self.notice_passed_on || !self.live.link.is_draining() {
            return;
        }
        self.notice_passed_on = true;
        let members: Vec<Arc<Shared>> = {
            let members = self.live.members();
            let shared = |(_, watched): (usize, &Watched)| Arc::clone(&watched.shared);
            members.watched.iter().map(shared).collect()
        };
        for member in members {
            let mut wakes = Wakes::default();
            member.lock().made_room(&mut wakes);
            wakes.wake();
        }
    }

    /// Rings for one of those who wait: the server looks at all of them then.
    fn ring_again(&self) {
        let members = self.live.members();
        let end = members.watched.capacity();
        let first = self.live.next_watched(0, end);
        let Some(watched) = first.and_then(|index| members.watched.get(index)) else {
            return;
        };
        let shared = Arc::clone(&watched.shared);
        drop(members);
        let rang = shared.lock().ring_again();
        if rang {
            count(&self.live.counters.rang_again);
        }
    }

    /// The next event, or `until` at the latest.
    async fn event(&mut self, until: Option<Instant>) -> Event {
        let Self {
            live,
            pipe,
            socket,
            timer,
            undrained,
            ..
        } = self;
        let mut told = pin!(live.told.notified());
        poll_fn(|context| {
            if let Poll::Ready(ready) = socket.poll_read_ready(context) {
                if let Ok(mut ready) = ready {
                    ready.clear_ready();
                }
                return Poll::Ready(Event::Control);
            }
            if let Poll::Ready(ready) = pipe.poll_read_ready(context) {
                let Ok(mut ready) = ready else {
                    return Poll::Ready(Event::Over);
                };
                // It stays ready then, and the socket will say the same.
                if ready.ready().is_read_closed() {
                    return Poll::Ready(Event::Over);
                }
                *undrained += 1;
                if *undrained >= MOST_UNDRAINED {
                    *undrained = 0;
                    // Whatever it says, the rings are looked into next.
                    let _ = pipe.get_ref().0.drain();
                }
                ready.clear_ready();
                return Poll::Ready(Event::Woken);
            }
            if told.as_mut().poll(context).is_ready() {
                return Poll::Ready(Event::Told);
            }
            match until {
                Some(until) => timer.poll(until, context).map(|()| Event::Time),
                None => Poll::Pending,
            }
        })
        .await
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The runtime may end before the clients do: nobody would look into their rings any more.
        if self.guard.is_owner() {
            self.live.end();
        }
    }
}

/// What was found in a look at the members that somebody waits for.
#[derive(Default)]
struct Seen {
    /// Those below were looked at.
    end: usize,
    next_deadline: Option<Instant>,
    /// A request ring has memory that it may have no use for later.
    grown: bool,
}

/// Ends late calls until a member has callers to be told, which it returns.
fn expire_some(live: &Live, seen: &mut Seen, now: Instant, look: Look) -> Option<Arc<Shared>> {
    let members = live.members();
    let end = members.watched.capacity();
    while let Some(index) = live.next_watched(seen.end, end) {
        seen.end = index + 1;
        let Some(watched) = members.watched.get(index) else {
            live.unwatch(index);
            continue;
        };
        let mut state = watched.shared.lock();
        let open = state.open();
        let due = state.expire(now, look);
        let connection = state.connection();
        seen.grown |= connection.is_some_and(|connection| connection.channel.has_grown());
        if state.is_waiting() {
            let due = due.unwrap_or(now + LONGEST_SLEEP);
            seen.next_deadline = Some(seen.next_deadline.map_or(due, |next| next.min(due)));
        } else {
            live.unwatch(index);
        }
        if state.open() < open {
            return Some(Arc::clone(&watched.shared));
        }
    }
    None
}

fn count(counter: &AtomicU64) {
    // Relaxed: a number of its own.
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Lets the other tasks of the runtime run, and then this one again, without the visit to the kernel
/// that tokio's own `yield_now` may cost.
async fn let_others_run() {
    let mut again = false;
    poll_fn(|context| {
        if std::mem::replace(&mut again, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The wake pipe as tokio wants it.
struct Pipe(WakeReceiver);

impl AsRawFd for Pipe {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// The control socket, lent by the link: only its end is of interest here.
struct ControlSocket(Arc<Live>);

impl AsRawFd for ControlSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.link.socket().as_fd().as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_wake_is_reported_though_nobody_reads_the_ones_before() {
        let (sender, end) = sys::wake_channel().unwrap();
        let pipe = Pipe(WakeReceiver::accept(end).unwrap());
        // SAFETY: as in `Driver::new`.
        let pipe = unsafe { AsyncFd::register_with_interest(pipe, Interest::READABLE) }.unwrap();
        for _ in 0..MOST_UNDRAINED {
            sender.wake();
            // Hangs where the kernel reports only that an empty pipe has filled.
            pipe.readable().await.unwrap().clear_ready();
        }
    }
}
