//! What wakes a server that waits in its poller.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::event::EventfdFlags;
use rustix::io::{Errno, ReadWriteFlags};

/// A bell that clients ring and the server's [`Poller`](super::Poller) hears: an eventfd, shared by
/// all clients of a trust domain.
///
/// It is added edge-triggered and not read. Every ring is an edge of its own, and a ring before the
/// poller looks is remembered. A common read would gain nothing, and could be stopped: the open file
/// is shared with the clients, and one of them could clear `O_NONBLOCK` and read first.
///
/// For the same reason a client of the same trust domain could fill the counter, which honest rings
/// never do in 2^64 rings. Then rings of that domain are lost, or block who rings, until the server,
/// whom filling it wakes, has emptied it; no other domain, and never the server, which rings none.
#[derive(Debug)]
pub(crate) struct Doorbell {
    eventfd: OwnedFd,
}

/// Why a descriptor is not taken for what it was sent as.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadDescriptor {
    #[error("the descriptor is not {expected}")]
    WrongKind { expected: &'static str },
    #[error("the descriptor cannot be used: {0}")]
    System(#[from] io::Error),
}

impl From<Errno> for BadDescriptor {
    fn from(errno: Errno) -> Self {
        Self::System(errno.into())
    }
}

impl Doorbell {
    pub(crate) fn create() -> io::Result<Self> {
        let eventfd = rustix::event::eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Self { eventfd })
    }

    /// Takes the doorbell that a server sent. Anything but an eventfd is refused: ringing it would
    /// write octets to a place of the sender's choice.
    pub(crate) fn accept(fd: OwnedFd) -> Result<Self, BadDescriptor> {
        if is_eventfd(&fd)? {
            Ok(Self { eventfd: fd })
        } else {
            Err(BadDescriptor::WrongKind {
                expected: "an eventfd",
            })
        }
    }

    /// Rings. Whoever polls wakes once for any number of rings that it has not seen.
    #[inline]
    pub(crate) fn ring(&self) {
        // EAGAIN means a full counter, so it is readable anyway; nothing else can fail.
        let _ = rustix::io::write(&self.eventfd, &1_u64.to_ne_bytes());
    }

    /// Makes room in a counter that somebody filled, and never waits for it.
    pub(crate) fn empty(&self) {
        let mut count = [0; size_of::<u64>()];
        let mut slices = [IoSliceMut::new(&mut count)];
        // What fails has been emptied by somebody else, or the kernel (before 5.8) cannot promise not
        // to wait: then there is nothing to be done.
        let _ = rustix::io::preadv2(
            &self.eventfd,
            &mut slices,
            NO_OFFSET,
            ReadWriteFlags::NOWAIT,
        );
    }
}

impl AsFd for Doorbell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.eventfd.as_fd()
    }
}

/// Where a read takes place that goes on from where the last one ended.
const NO_OFFSET: u64 = u64::MAX;

fn is_eventfd(fd: &OwnedFd) -> Result<bool, Errno> {
    let link = format!("/proc/self/fd/{}", fd.as_raw_fd());
    match rustix::fs::readlink(link, Vec::new()) {
        // A file of that name would be shown with its path, which starts with a slash.
        Ok(target) => Ok(target.as_bytes() == b"anon_inode:[eventfd]"),
        Err(_) => behaves_like_an_eventfd(fd),
    }
}

/// For a process without `/proc`. Files, pipes and sockets take a write of nothing, which leaves no
/// trace in them; of those that refuse it, only an eventfd takes eight octets at once, and
/// adding zero to it changes nothing and never blocks.
fn behaves_like_an_eventfd(fd: &OwnedFd) -> Result<bool, Errno> {
    if rustix::io::write(fd, &[]) != Err(Errno::INVAL) {
        return Ok(false);
    }
    match rustix::io::write(fd, &0_u64.to_ne_bytes()) {
        Ok(written) => Ok(written == size_of::<u64>()),
        Err(Errno::INVAL | Errno::BADF) => Ok(false),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::sys::linux::socket::Socket;

    #[test]
    fn an_eventfd_is_accepted_with_and_without_proc() {
        let doorbell = Doorbell::create().unwrap();
        let copy = doorbell.as_fd().try_clone_to_owned().unwrap();
        assert_eq!(behaves_like_an_eventfd(&copy), Ok(true));
        Doorbell::accept(copy).unwrap().ring();
        let mut count = [0; 8];
        rustix::io::read(&doorbell, &mut count).unwrap();
        assert_eq!(u64::from_ne_bytes(count), 1);
    }

    #[test]
    fn nothing_else_is() {
        let (reading, writing) = rustix::pipe::pipe().unwrap();
        let (socket, _other) = Socket::pair().unwrap();
        let timer = rustix::time::timerfd_create(
            rustix::time::TimerfdClockId::Monotonic,
            rustix::time::TimerfdFlags::empty(),
        );
        let epoll = rustix::event::epoll::create(rustix::event::epoll::CreateFlags::empty());
        let others = [
            reading,
            writing,
            socket.as_fd().try_clone_to_owned().unwrap(),
            timer.unwrap(),
            epoll.unwrap(),
            tempfile::tempfile().unwrap().into(),
            File::open("/dev/null").unwrap().into(),
            File::create("/dev/null").unwrap().into(),
        ];
        for (number, other) in others.into_iter().enumerate() {
            assert_eq!(behaves_like_an_eventfd(&other), Ok(false), "{number}");
            let refused = Doorbell::accept(other);
            assert!(
                matches!(refused, Err(BadDescriptor::WrongKind { .. })),
                "{number}: {refused:?}"
            );
        }
    }

    #[test]
    fn ringing_a_full_bell_does_not_block() {
        let doorbell = Doorbell::create().unwrap();
        rustix::io::write(&doorbell, &(u64::MAX - 1).to_ne_bytes()).unwrap();
        doorbell.ring();
    }
}
