//! A link in use: what its clients and its driver share.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use slab::Slab;
use tokio::sync::Notify;

use super::connection::Connection;
use super::state::Shared;
use crate::client::ClientStatistics;
use crate::client::link::{Bell, Link, OpenedChannel};
use crate::memory::PeerWord;
use crate::sync::{Ordering, fence};
use crate::wake::SharedWaker;

/// The connection of a process to a server, with the clients that use it.
pub(super) struct Live {
    pub(super) link: Link,
    /// One for all channels, so that each sleep of the server is ended by one ring.
    server: SharedWaker,
    members: Mutex<Members>,
    /// A bit for each member in whose ring the driver has to look.
    watched: Box<[AtomicU64]>,
    /// When the driver wakes by itself, in nanoseconds from `since`; [`AWAKE`] and [`UNTIL_TOLD`] are
    /// special.
    wakes_at: AtomicU64,
    since: Instant,
    /// Tells the driver to look when it has to wake.
    pub(super) told: Notify,
    /// Nobody but the driver has the link any more.
    released: AtomicBool,
    pub(super) counters: Arc<Counters>,
}

/// A share in a link. With the last one its driver ends.
pub(super) struct Hold {
    live: Arc<Live>,
}

/// The clients of a link.
#[derive(Default)]
pub(super) struct Members {
    /// The link is over: nobody is served any more.
    over: bool,
    pub(super) watched: Slab<Watched>,
}

/// A client as its driver sees it.
pub(super) struct Watched {
    /// Where the server says how far it has written.
    pub(super) tail: PeerWord,
    /// The tail up to which the driver has looked.
    pub(super) seen: u64,
    /// It had many replies when the driver looked: see [`Sweeper`](super::sweep::Sweeper).
    pub(super) busy: bool,
    pub(super) shared: Arc<Shared>,
}

/// What remains to be done for a call once no lock is held: system calls and wakers.
pub(super) struct Nudge {
    live: Arc<Live>,
    ring: bool,
    tell: bool,
}

/// What the clients of a connector have counted.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) sleeps: AtomicU64,
    pub(super) rings: AtomicU64,
    pub(super) woke_late: AtomicU64,
    pub(super) rang_again: AtomicU64,
    pub(super) reconnects: AtomicU64,
}

/// Why a client cannot be added to a link.
pub(super) enum NotJoined {
    /// See [`MAX_MEMBERS`].
    Full,
    /// The link is over.
    Over,
}

/// The driver looks by itself.
const AWAKE: u64 = 0;
/// The driver sleeps without a timer.
const UNTIL_TOLD: u64 = u64::MAX;

/// Clients of one link at most: more than a server has channels, unless it is told otherwise, at the
/// price of 2 KiB.
pub(super) const MAX_MEMBERS: usize = 16_384;
const BITS: usize = 64;

impl Live {
    pub(super) fn new(link: Link, counters: Arc<Counters>) -> Self {
        Self {
            server: link.server_waker(),
            link,
            members: Mutex::default(),
            watched: (0..MAX_MEMBERS / BITS).map(|_| AtomicU64::new(0)).collect(),
            wakes_at: AtomicU64::new(AWAKE),
            since: Instant::now(),
            told: Notify::new(),
            released: AtomicBool::new(false),
            counters,
        }
    }

    /// Adds a client with the channel that was opened for it.
    pub(super) fn join(
        hold: &Arc<Hold>,
        opened: OpenedChannel,
        shared: &Arc<Shared>,
    ) -> Result<(), NotJoined> {
        let live = &hold.live;
        let mut members = live.members();
        if members.over || members.watched.len() >= MAX_MEMBERS {
            let over = members.over;
            drop(members);
            live.link.close(opened.number);
            return Err(if over {
                NotJoined::Over
            } else {
                NotJoined::Full
            });
        }
        let (tail, seen) = opened.channel.reply_tail();
        let watched = Watched {
            tail: tail.clone(),
            seen,
            busy: false,
            shared: Arc::clone(shared),
        };
        let member = members.watched.insert(watched);
        let slots = usize::from(opened.channel.sizes().max_in_flight());
        let connection = Connection {
            live: Arc::clone(hold),
            number: opened.number,
            member,
            channel: opened.channel,
            bell: opened.bell,
            place_of: vec![0; slots].into(),
            left_in_ring: false,
        };
        // Under the lock of the members, so that a link that ends now ends these calls, too.
        let old = shared.lock().connect(connection);
        drop(members);
        drop(old);
        Ok(())
    }

    pub(super) fn members(&self) -> MutexGuard<'_, Members> {
        // No change can be left half done by a panic.
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether new clients can be had over it: a system call.
    pub(super) fn is_usable(&self) -> bool {
        !self.members().over && self.link.is_usable()
    }

    /// Whether only the driver has it still.
    pub(super) fn is_released(&self) -> bool {
        // Acquire: what the last holder did is done.
        self.released.load(Ordering::Acquire)
    }

    /// Ends all calls over it and takes no more clients.
    pub(super) fn end(&self) {
        let members = {
            let mut members = self.members();
            members.over = true;
            std::mem::take(&mut members.watched)
        };
        for (_, member) in members {
            member.shared.hang_up(self);
        }
    }

    /// Has the driver look into the ring of `member`. To be called under the lock of that client, and
    /// the caller looks into the ring itself afterwards.
    pub(super) fn watch(&self, member: usize) {
        self.set_watched(member);
        // SeqCst: our mark before our look at the ring, against the driver's announcement of sleep.
        fence(Ordering::SeqCst);
    }

    /// The driver need not look there any more. Under the lock of that client.
    pub(super) fn unwatch(&self, member: usize) {
        if let Some(word) = self.watched.get(member / BITS) {
            // Relaxed: the lock of the client orders it against `set_watched`.
            word.fetch_and(!(1 << (member % BITS)), Ordering::Relaxed);
        }
    }

    /// The first member from `from` on in whose ring to look, of those below `end`.
    pub(super) fn next_watched(&self, from: usize, end: usize) -> Option<usize> {
        let mut at = from;
        while at < end {
            // Relaxed: before a sleep the driver has fenced; awake it looks again soon.
            let word = self.watched.get(at / BITS)?.load(Ordering::Relaxed);
            let rest = word >> (at % BITS);
            if rest != 0 {
                return Some(at + rest.trailing_zeros() as usize);
            }
            at = (at / BITS + 1) * BITS;
        }
        None
    }

    /// Whether the driver sleeps, so that it cannot count the time of a new call.
    pub(super) fn sleeps(&self) -> bool {
        // Relaxed: `nudge` looks again, behind a fence.
        self.wakes_at.load(Ordering::Relaxed) != AWAKE
    }

    /// The driver sleeps from now on, and every call that is sent tells it.
    pub(super) fn driver_settles(&self) {
        // Relaxed: the fence orders it.
        self.wakes_at.store(UNTIL_TOLD, Ordering::Relaxed);
        // SeqCst: this store before the driver's look at the calls, against the fence in `nudge`.
        fence(Ordering::SeqCst);
    }

    /// The driver wakes by itself at `at`, or not at all.
    pub(super) fn driver_sleeps(&self, at: Option<Instant>) {
        let at = at.map_or(UNTIL_TOLD, |at| self.number_of(at));
        // Relaxed: whoever reads the older value tells the driver once too often.
        self.wakes_at.store(at, Ordering::Relaxed);
    }

    pub(super) fn driver_is_awake(&self) {
        // Relaxed: as above.
        self.wakes_at.store(AWAKE, Ordering::Relaxed);
    }

    /// To be called after a request was published, under the lock of its client. Says what remains to
    /// be done without it.
    pub(super) fn nudge(
        hold: &Arc<Hold>,
        member: usize,
        bell: &Bell,
        deadline: Option<Instant>,
    ) -> Option<Nudge> {
        let live = &hold.live;
        live.set_watched(member);
        // It fences, between our mark and our look at the driver, too.
        let ring = bell.must_ring(&live.server);
        // Relaxed: behind the fence.
        let tell = match live.wakes_at.load(Ordering::Relaxed) {
            AWAKE => false,
            UNTIL_TOLD => true,
            at => deadline.is_none_or(|deadline| live.number_of(deadline) < at),
        };
        (ring || tell).then(|| Nudge {
            live: Arc::clone(live),
            ring,
            tell,
        })
    }

    /// As [`Live::nudge`], of a call that waits already.
    pub(super) fn nudge_for_room(hold: &Arc<Hold>, bell: &Bell) -> Option<Nudge> {
        let live = &hold.live;
        bell.must_ring(&live.server).then(|| Nudge {
            live: Arc::clone(live),
            ring: true,
            tell: false,
        })
    }

    /// Rings once more for a server that has not answered for long.
    pub(super) fn ring_again(&self, bell: &Bell) -> bool {
        self.link.ring_again_for_all(bell, &self.server)
    }

    fn set_watched(&self, member: usize) {
        if let Some(word) = self.watched.get(member / BITS) {
            let bit = 1 << (member % BITS);
            // Relaxed: the lock of the client orders it against `unwatch`, a fence against the driver.
            if word.load(Ordering::Relaxed) & bit == 0 {
                word.fetch_or(bit, Ordering::Relaxed);
            }
        }
    }

    fn number_of(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.since).as_nanos();
        u64::try_from(since).map_or(UNTIL_TOLD - 1, |at| at.clamp(AWAKE + 1, UNTIL_TOLD - 1))
    }
}

impl Nudge {
    pub(super) fn go(self) {
        if self.ring {
            self.live.link.ring_doorbell();
            self.live.counters.rings.fetch_add(1, Ordering::Relaxed);
        }
        if self.tell {
            self.live.told.notify_one();
        }
    }
}

impl Hold {
    pub(super) fn new(live: Arc<Live>) -> Self {
        Self { live }
    }

    pub(super) fn is(&self, live: &Live) -> bool {
        std::ptr::eq(Arc::as_ptr(&self.live), live)
    }
}

impl Deref for Hold {
    type Target = Live;

    fn deref(&self) -> &Live {
        &self.live
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.live.link.is_forked() {
            return;
        }
        // Release: with the acquire of `is_released`.
        self.live.released.store(true, Ordering::Release);
        self.live.told.notify_one();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.live.link.is_forked() {
            return;
        }
        let watched = self.live.members().watched.try_remove(self.member);
        drop(watched);
        self.live.link.close(self.number);
    }
}

impl Counters {
    pub(super) fn read(&self) -> ClientStatistics {
        // Relaxed: numbers of their own.
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ClientStatistics {
            sleeps: read(&self.sleeps),
            rings: read(&self.rings),
            woke_late: read(&self.woke_late),
            rang_again: read(&self.rang_again),
            reconnects: read(&self.reconnects),
        }
    }
}
