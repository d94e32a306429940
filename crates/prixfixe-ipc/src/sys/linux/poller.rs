//! Waiting for many descriptors at once.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::time::Timespec;

/// Waits for any number of descriptors, each added under a token of the caller's: an epoll.
#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OwnedFd,
}

/// When a descriptor is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// Once each time something comes in, whether it is read or not.
    Edge,
    /// As an edge, and whether there is room for more.
    Doorbell,
    /// As long as there is something to read or the peer has hung up.
    Level,
    /// Not at all, for the time being.
    Never,
}

/// A descriptor that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// What it was added under.
    pub(crate) token: u64,
    /// There is something to read.
    pub(crate) readable: bool,
    /// There is room to write; told of doorbells alone.
    pub(crate) writable: bool,
    /// The peer has closed its end or will write no more; there may still be something to read.
    pub(crate) hung_up: bool,
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(Self { epoll })
    }

    /// Reports `fd` under `token` from now on, also for what came in before.
    pub(crate) fn add(&self, fd: impl AsFd, token: u64, trigger: Trigger) -> io::Result<()> {
        let data = EventData::new_u64(token);
        Ok(epoll::add(&self.epoll, fd, data, trigger.flags())?)
    }

    /// Reports `fd`, which was added under `token`, in another way from now on; also what came in before.
    pub(crate) fn change(&self, fd: impl AsFd, token: u64, trigger: Trigger) -> io::Result<()> {
        let data = EventData::new_u64(token);
        Ok(epoll::modify(&self.epoll, fd, data, trigger.flags())?)
    }

    /// Reports `fd` no more. Must come before the descriptor is closed if another process may hold
    /// the same open file: the kernel goes by that, and would report it for ever.
    pub(crate) fn remove(&self, fd: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, fd)?)
    }

    /// Waits until something is ready, for `timeout` at the most, and puts it into `events`, in place
    /// of what was there. None is no error: the time is over, or a signal came.
    pub(crate) fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        events.count = 0;
        let timeout = timeout
            .map(|timeout| Timespec::try_from(timeout.min(LONGEST_WAIT)))
            .transpose()
            .map_err(|_| io::ErrorKind::InvalidInput)?;
        match epoll::wait(&self.epoll, &mut events.ready, timeout.as_ref()) {
            Ok(count) => events.count = count,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok(())
    }
}

impl Trigger {
    const fn flags(self) -> EventFlags {
        match self {
            Self::Edge => EventFlags::IN.union(EventFlags::ET),
            Self::Doorbell => EventFlags::IN.union(EventFlags::OUT).union(EventFlags::ET),
            Self::Level => EventFlags::IN.union(EventFlags::RDHUP),
            Self::Never => EventFlags::ET,
        }
    }
}

impl AsFd for Poller {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

/// Room for what one wait reports, to be used again and again.
pub(crate) struct Events {
    ready: [epoll::Event; MAX_EVENTS],
    count: usize,
}

impl Events {
    /// Events that one wait reports at most.
    pub(crate) const MAX: usize = MAX_EVENTS;

    pub(crate) fn new() -> Self {
        let nothing = epoll::Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(0),
        };
        Self {
            ready: [nothing; MAX_EVENTS],
            count: 0,
        }
    }

    /// What the last wait reported.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        self.ready[..self.count].iter().map(|event| {
            // Copied out, since the kernel's record is packed.
            let (flags, data) = (event.flags, event.data);
            Event {
                token: data.u64(),
                readable: flags.contains(EventFlags::IN),
                writable: flags.contains(EventFlags::OUT),
                hung_up: flags.intersects(EventFlags::HUP | EventFlags::RDHUP | EventFlags::ERR),
            }
        })
    }
}

/// Events of one wait. What does not fit is reported by the next, behind what was not ready then, so
/// a bound this small is fair; sixty-four of them share the cost of the system call well enough.
const MAX_EVENTS: usize = 64;

/// The kernel counts milliseconds in 32 bits; whoever waits for longer is woken once a day.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::linux::doorbell::Doorbell;
    use crate::sys::linux::socket::Socket;

    fn now(poller: &Poller) -> Vec<Event> {
        let mut events = Events::new();
        poller.wait(&mut events, Some(Duration::ZERO)).unwrap();
        events.iter().collect()
    }

    fn readable(token: u64) -> Event {
        Event {
            token,
            readable: true,
            writable: false,
            hung_up: false,
        }
    }

    #[test]
    fn an_edge_is_told_once_for_each_ring_and_also_for_one_before() {
        let poller = Poller::new().unwrap();
        let doorbell = Doorbell::create().unwrap();
        doorbell.ring();
        poller.add(&doorbell, 7, Trigger::Edge).unwrap();
        assert_eq!(now(&poller), [readable(7)]);
        assert_eq!(now(&poller), []);
        for _ in 0..3 {
            doorbell.ring();
            doorbell.ring();
            assert_eq!(now(&poller), [readable(7)]);
            assert_eq!(now(&poller), []);
        }
        poller.remove(&doorbell).unwrap();
        doorbell.ring();
        assert_eq!(now(&poller), []);
    }

    #[test]
    fn a_doorbell_tells_that_it_is_full_until_it_is_emptied() {
        let poller = Poller::new().unwrap();
        let doorbell = Doorbell::create().unwrap();
        poller.add(&doorbell, 7, Trigger::Doorbell).unwrap();
        let state = || {
            now(&poller)
                .first()
                .map(|event| (event.readable, event.writable))
        };
        assert_eq!(state(), Some((false, true)));
        doorbell.ring();
        assert_eq!(state(), Some((true, true)));
        rustix::io::write(&doorbell, &(u64::MAX - 2).to_ne_bytes()).unwrap();
        assert_eq!(state(), Some((true, false)));
        assert_eq!(state(), None);
        // Whatever a client has done to the open file that it shares.
        rustix::fs::fcntl_setfl(&doorbell, rustix::fs::OFlags::empty()).unwrap();
        doorbell.empty();
        assert_eq!(state(), Some((false, true)));
        doorbell.empty();
    }

    #[test]
    fn what_is_not_to_be_told_is_told_later() {
        let poller = Poller::new().unwrap();
        let doorbell = Doorbell::create().unwrap();
        poller.add(&doorbell, 7, Trigger::Edge).unwrap();
        poller.change(&doorbell, 7, Trigger::Never).unwrap();
        doorbell.ring();
        assert_eq!(now(&poller), []);
        poller.change(&doorbell, 7, Trigger::Edge).unwrap();
        assert_eq!(now(&poller), [readable(7)]);
    }

    #[test]
    fn a_level_is_told_until_it_is_read() {
        let poller = Poller::new().unwrap();
        let (own, peer) = Socket::pair().unwrap();
        poller.add(&own, u64::MAX, Trigger::Level).unwrap();
        assert_eq!(now(&poller), []);
        peer.send(b"x", &[]).unwrap();
        assert_eq!(now(&poller), [readable(u64::MAX)]);
        assert_eq!(now(&poller), [readable(u64::MAX)]);
        own.receive(&mut [0], &mut crate::sys::Received::refusing())
            .unwrap();
        assert_eq!(now(&poller), []);
        drop(peer);
        let mut events = Events::new();
        poller.wait(&mut events, None).unwrap();
        assert!(events.iter().all(|event| event.hung_up));
    }

    #[test]
    fn more_than_fits_is_told_by_the_waits_that_follow() {
        let poller = Poller::new().unwrap();
        let doorbells: Vec<_> = (0..=MAX_EVENTS as u64)
            .map(|token| {
                let doorbell = Doorbell::create().unwrap();
                poller.add(&doorbell, token, Trigger::Edge).unwrap();
                doorbell.ring();
                doorbell
            })
            .collect();
        let first = now(&poller);
        let second = now(&poller);
        assert_eq!((first.len(), second.len()), (MAX_EVENTS, 1));
        assert!(first.iter().all(|event| event.token != second[0].token));
        drop(doorbells);
    }

    #[test]
    fn a_wait_ends_when_its_time_is_over_or_somebody_rings() {
        let poller = Poller::new().unwrap();
        let mut events = Events::new();
        poller
            .wait(&mut events, Some(Duration::from_micros(1)))
            .unwrap();
        assert_eq!(events.iter().count(), 0);
        let doorbell = Doorbell::create().unwrap();
        poller.add(&doorbell, 1, Trigger::Edge).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| doorbell.ring());
            while events.iter().count() == 0 {
                poller.wait(&mut events, Some(Duration::MAX)).unwrap();
            }
        });
    }
}
