//! What wakes a client that waits in an asynchronous runtime.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::{Errno, ReadWriteFlags};
use rustix::pipe::PipeFlags;

use super::doorbell::BadDescriptor;

/// Makes the pipe by which a server wakes one client, and the end to send to that client.
///
/// It is no eventfd, since sender and receiver of an eventfd share one open file: a client could
/// clear `O_NONBLOCK`, fill the counter, and the server's next write would block for ever. The two
/// ends of a pipe have flags of their own.
pub(crate) fn wake_channel() -> io::Result<(WakeSender, OwnedFd)> {
    let (reading, writing) = rustix::pipe::pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
    // One page instead of sixteen: pages of pipes are rationed by user. Too many already is no fault.
    let _ = rustix::pipe::fcntl_setpipe_size(&writing, PIPE_SIZE);
    let sender = match both_ways(&writing) {
        Ok(pipe) => WakeSender {
            pipe,
            _reader: None,
        },
        Err(_) => WakeSender {
            pipe: writing,
            _reader: Some(reading.try_clone()?),
        },
    };
    Ok((sender, reading))
}

/// The server's end: sending never blocks and never raises `SIGPIPE`, whatever the client does.
///
/// `SIGPIPE` comes from writing to a pipe that nobody can read, and a C program that embeds the
/// server may die of it. So the server's one descriptor is opened for both ways and is a reader
/// itself, which it never uses. (A socket pair has `MSG_NOSIGNAL`, but a wake-up through one takes
/// more than twice the time in the kernel.)
#[derive(Debug)]
pub(crate) struct WakeSender {
    pipe: OwnedFd,
    /// A reading end, where `/proc` is missing and the pipe could not be opened both ways.
    _reader: Option<OwnedFd>,
}

impl WakeSender {
    /// Makes the receiver readable.
    #[inline]
    pub(crate) fn wake(&self) {
        // EAGAIN means a full pipe, so the receiver has something to read; nothing else can fail.
        let _ = rustix::io::write(&self.pipe, &[1]);
    }
}

/// The client's end: readable after a wake, and when the server is gone.
#[derive(Debug)]
pub(crate) struct WakeReceiver {
    pipe: OwnedFd,
}

/// What [`WakeReceiver::drain`] left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    /// Nothing: the next wake makes the receiver readable anew.
    Empty,
    /// Perhaps something, since the sender fills it as fast as it is read.
    More,
    /// There is no sender any more, and the receiver stays readable for ever.
    Gone,
}

impl WakeReceiver {
    /// Takes the end that a server sent; anything but the reading end of a pipe is refused.
    pub(crate) fn accept(fd: OwnedFd) -> Result<Self, BadDescriptor> {
        let kind = FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode);
        let flags = rustix::fs::fcntl_getfl(&fd)?;
        // A descriptor opened with `O_PATH` says that it reads, and cannot.
        let reads = (flags & OFlags::ACCMODE) != OFlags::WRONLY && !flags.contains(OFlags::PATH);
        if kind != FileType::Fifo || !reads {
            return Err(BadDescriptor::WrongKind {
                expected: "the reading end of a pipe",
            });
        }
        rustix::fs::fcntl_setfl(&fd, flags | OFlags::NONBLOCK)?;
        Ok(Self { pipe: fd })
    }

    /// Reads the wakes that are there, and never waits for more.
    pub(crate) fn drain(&self) -> io::Result<Drained> {
        let mut wakes = [0; DRAIN_SIZE];
        for _ in 0..MAX_READS {
            match self.read(&mut wakes) {
                Ok(0) => return Ok(Drained::Gone),
                // Less than asked for is all there was, and what comes later is a new edge.
                Ok(count) if count < DRAIN_SIZE => return Ok(Drained::Empty),
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(Drained::Empty),
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(Drained::More)
    }

    /// A read that does not wait even if the server, which may have kept this end too, has cleared
    /// `O_NONBLOCK`. Kernels that cannot promise that for pipes (before 6.5) go by `O_NONBLOCK`.
    fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let mut slices = [IoSliceMut::new(buffer)];
        match rustix::io::preadv2(&self.pipe, &mut slices, NO_OFFSET, ReadWriteFlags::NOWAIT) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => rustix::io::read(&self.pipe, buffer),
            read => read,
        }
    }
}

impl AsFd for WakeReceiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

/// Another open file of the same pipe, which reads and writes.
fn both_ways(pipe: &OwnedFd) -> Result<OwnedFd, Errno> {
    let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
}

/// Octets of a pipe's buffer: the least that there is on every architecture is one page.
const PIPE_SIZE: usize = 4096;

/// Octets, that is wakes, taken by one read: most often there is one.
const DRAIN_SIZE: usize = 128;

/// Reads of one drain: enough for a full pipe of one page.
const MAX_READS: usize = PIPE_SIZE / DRAIN_SIZE + 1;

/// Where a read at no offset, of what comes next, takes place.
const NO_OFFSET: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
    use std::process::{Command, ExitStatus};
    use std::sync::Arc;

    use super::*;

    fn connected() -> (WakeSender, WakeReceiver) {
        let (sender, end) = wake_channel().unwrap();
        (sender, WakeReceiver::accept(end).unwrap())
    }

    #[test]
    fn wakes_are_drained_and_the_end_is_seen() {
        let (sender, receiver) = connected();
        assert_eq!(receiver.drain().unwrap(), Drained::Empty);
        for wakes in [1, DRAIN_SIZE, DRAIN_SIZE + 1] {
            (0..wakes).for_each(|_| sender.wake());
            assert_eq!(receiver.drain().unwrap(), Drained::Empty);
        }
        drop(sender);
        // A child that another test starts has a copy until it runs its own program.
        while receiver.drain().unwrap() != Drained::Gone {}
    }

    #[test]
    fn a_client_that_reads_nothing_does_not_block_the_server() {
        let (sender, receiver) = connected();
        (0..PIPE_SIZE * 20).for_each(|_| sender.wake());
        while receiver.drain().unwrap() != Drained::Empty {}
        sender.wake();
        assert_eq!(rustix::io::read(&receiver, &mut [0; 2]), Ok(1));
    }

    #[test]
    fn draining_does_not_wait_though_the_sender_kept_this_end_and_made_it_blocking() {
        let (_sender, end) = wake_channel().unwrap();
        let kept = end.try_clone().unwrap();
        let receiver = WakeReceiver::accept(end).unwrap();
        rustix::fs::fcntl_setfl(&kept, OFlags::empty()).unwrap();
        if rustix::io::preadv2(
            &kept,
            &mut [IoSliceMut::new(&mut [0])],
            NO_OFFSET,
            ReadWriteFlags::NOWAIT,
        ) == Err(Errno::AGAIN)
        {
            assert_eq!(receiver.drain().unwrap(), Drained::Empty);
        }
    }

    #[test]
    fn only_the_reading_end_of_a_pipe_is_accepted() {
        let (reading, writing) = rustix::pipe::pipe().unwrap();
        let path = format!("/proc/self/fd/{}", reading.as_raw_fd());
        let unusable = rustix::fs::open(path, OFlags::PATH, Mode::empty()).unwrap();
        let eventfd = rustix::event::eventfd(0, rustix::event::EventfdFlags::empty()).unwrap();
        for other in [
            writing,
            unusable,
            eventfd,
            tempfile::tempfile().unwrap().into(),
        ] {
            let refused = WakeReceiver::accept(other);
            assert!(matches!(refused, Err(BadDescriptor::WrongKind { .. })));
        }
        WakeReceiver::accept(reading).unwrap();
    }

    #[test]
    fn waking_a_client_that_is_gone_raises_no_signal() {
        let (sender, end) = wake_channel().unwrap();
        let WakeSender {
            _reader: second, ..
        } = &sender;
        assert!(second.is_none(), "one descriptor does");
        drop(end);
        assert!(killed_by(move || sender.wake()).success());

        let (reading, writing) = rustix::pipe::pipe_with(PipeFlags::NONBLOCK).unwrap();
        let without_proc = WakeSender {
            pipe: writing,
            _reader: Some(reading),
        };
        assert!(killed_by(move || without_proc.wake()).success());
    }

    #[test]
    fn a_common_pipe_would_raise_one() {
        let (reading, writing) = rustix::pipe::pipe().unwrap();
        drop(reading);
        let writing = Arc::new(writing);
        // Again as long as a child that another test started has a copy of the reading end.
        loop {
            let writing = Arc::clone(&writing);
            let status = killed_by(move || {
                let _ = rustix::io::write(&writing, &[1]);
            });
            if status.signal() == Some(libc::SIGPIPE) {
                break;
            }
        }
    }

    /// How a process ends that does `deed` and heeds `SIGPIPE`, as a C program does.
    fn killed_by(deed: impl Fn() + Send + Sync + 'static) -> ExitStatus {
        let mut child = Command::new("true");
        // SAFETY: setting a signal's action and a write are safe after a fork; nothing is allocated.
        unsafe {
            child.pre_exec(move || {
                libc::signal(libc::SIGPIPE, libc::SIG_DFL);
                deed();
                Ok(())
            })
        };
        child.status().unwrap()
    }
}
