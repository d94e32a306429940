//! The control socket between a client and its server.

mod descriptors;
mod failure;
#[cfg(test)]
mod tests;

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{
    AddressFamily, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    SocketAddrUnix, SocketFlags, SocketType,
};
use rustix::time::Timespec;

use super::socket_path;
use crate::address::{Address, Place};
use crate::credentials::Credentials;

pub(crate) use descriptors::{MAX_DESCRIPTORS, Received};
pub use failure::ConnectFailure;
pub(crate) use failure::{ReceiveFailure, SendFailure};

/// A connected `AF_UNIX` socket of type `SOCK_SEQPACKET`: messages keep their bounds and carry
/// descriptors, and the kernel tells who the peer is and when it is gone. Nothing blocks unless it
/// says so, whatever flags the open file has.
#[derive(Debug)]
pub(crate) struct Socket {
    socket: OwnedFd,
}

/// A message that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// The octets put into the buffer.
    pub(crate) length: usize,
    /// The message was longer than the buffer; the rest is lost.
    pub(crate) truncated: bool,
    /// Descriptors came along for which there was no room, or no number left in this process.
    pub(crate) descriptors_lost: bool,
}

impl Socket {
    /// Connects to the server at `address`. Blocks while the server's queue of connections is full,
    /// for `timeout` at the most.
    pub(crate) fn connect(address: &Address, timeout: Duration) -> Result<Self, ConnectFailure> {
        let deadline = Instant::now().checked_add(timeout);
        let (address, _open) = resolve(address)?;
        let socket = Self::unconnected(SocketFlags::CLOEXEC)?;
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            // Zero would mean for ever.
            let left = left.map(|left| left.clamp(LEAST_TIMEOUT, LONGEST_TIMEOUT));
            // The kernel queues whoever waits for room, and counts the time.
            sockopt::set_socket_timeout(&socket, Timeout::Send, left)?;
            match rustix::net::connect(&socket, &address) {
                Ok(()) => return Ok(Self { socket }),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Connects, or fails with [`ConnectFailure::Busy`], without waiting.
    pub(super) fn connect_now(address: &Address) -> Result<Self, ConnectFailure> {
        let (address, _open) = resolve(address)?;
        let socket = Self::unconnected(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
        rustix::net::connect(&socket, &address)?;
        Ok(Self { socket })
    }

    /// Two ends of one connection.
    #[cfg(test)]
    pub(crate) fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        Ok((Self { socket: one }, Self { socket: other }))
    }

    /// Takes what a listener accepted.
    pub(super) fn accepted(socket: OwnedFd) -> Self {
        Self { socket }
    }

    pub(super) fn unconnected(flags: SocketFlags) -> Result<OwnedFd, Errno> {
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
    }

    /// Sends `message`, which must not be empty, and at most [`MAX_DESCRIPTORS`] descriptors, wholly
    /// or not at all.
    pub(crate) fn send(
        &self,
        message: &[u8],
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(), SendFailure> {
        if message.is_empty() {
            // It would look like the end.
            return Err(SendFailure::Other(io::ErrorKind::InvalidInput.into()));
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(SendFailure::Descriptors(io::ErrorKind::InvalidInput.into()));
        }
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let slices = [IoSlice::new(message)];
        retry_on_intr(|| rustix::net::sendmsg(&self.socket, &slices, &mut control, flags))?;
        Ok(())
    }

    /// Takes one message if there is one, and the descriptors it carries into `descriptors`, in place
    /// of what was there.
    pub(crate) fn receive(
        &self,
        buffer: &mut [u8],
        descriptors: &mut Received,
    ) -> Result<Message, ReceiveFailure> {
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let mut slices = [IoSliceMut::new(buffer)];
        let (received, surplus) = descriptors.fill(|control| {
            retry_on_intr(|| rustix::net::recvmsg(&self.socket, &mut slices, control, flags))
        })?;
        if received.bytes == 0 {
            // The end, or a message of nothing, which no peer that keeps the protocol sends.
            descriptors.clear();
            return Err(ReceiveFailure::Gone);
        }
        Ok(Message {
            length: received.bytes,
            truncated: received.flags.contains(ReturnFlags::TRUNC),
            descriptors_lost: surplus || received.flags.contains(ReturnFlags::CTRUNC),
        })
    }

    /// Blocks until there is something to receive, the peer is gone, or this end was shut down; false when
    /// that did not happen within `timeout`.
    pub(crate) fn wait_readable(&self, timeout: Option<Duration>) -> io::Result<bool> {
        self.wait(PollFlags::IN | PollFlags::RDHUP, timeout)
    }

    /// Blocks until the peer has read most of what was sent, or is gone; false when that did not happen
    /// within `timeout`.
    ///
    /// "Most" is the kernel's word: all but a quarter of the send buffer, which is some 70 messages of 277.
    pub(crate) fn wait_mostly_read(&self, timeout: Option<Duration>) -> io::Result<bool> {
        self.wait(PollFlags::OUT, timeout)
    }

    /// Whether the peer has closed its end. What it sent before may still be there to be received.
    pub(crate) fn is_gone(&self) -> bool {
        let signs = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        retry_on_intr(|| self.poll(PollFlags::RDHUP, Some(Duration::ZERO)))
            .is_ok_and(|ready| ready.intersects(signs))
    }

    /// Ends the connection for both sides, and every wait for it.
    pub(crate) fn shut_down(&self) {
        // It fails only when there is nothing to end.
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
    }

    /// Who connected, or who called `listen`, when that happened.
    pub(crate) fn peer(&self) -> io::Result<Credentials> {
        let mut peer = libc::ucred {
            pid: 0,
            uid: NOBODY,
            gid: NOBODY,
        };
        let mut len = UCRED_SIZE;
        // Not by rustix, which takes a process id for a number other than zero: it is zero when the
        // peer lives outside our process namespace.
        // SAFETY: the kernel writes at most `len` octets to `peer`, any of whose values are legal.
        let result = unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERCRED,
                (&raw mut peer).cast(),
                &raw mut len,
            )
        };
        match result {
            0 if len == UCRED_SIZE => Ok(Credentials::new(peer.uid, peer.gid, peer.pid)),
            0 => Err(io::ErrorKind::InvalidData.into()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Blocks until one of `events` is there, or the end.
    fn wait(&self, events: PollFlags, timeout: Option<Duration>) -> io::Result<bool> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            match self.poll(events, left) {
                Ok(ready) => return Ok(!ready.is_empty()),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn poll(&self, events: PollFlags, timeout: Option<Duration>) -> Result<PollFlags, Errno> {
        let mut polled = [PollFd::new(&self.socket, events)];
        // A timeout beyond what the kernel can count is as good as none.
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        rustix::event::poll(&mut polled, timeout.as_ref())?;
        let [polled] = polled;
        Ok(polled.revents())
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// What to hand to the kernel, and what must stay open until it has been.
fn resolve(address: &Address) -> io::Result<(SocketAddrUnix, Option<OwnedFd>)> {
    match address.place() {
        Place::Path(path) => socket_path::existing(path),
        Place::Abstract(name) => Ok((SocketAddrUnix::new_abstract_name(name.as_bytes())?, None)),
    }
}

/// The shortest wait that the kernel does not take for "for ever".
const LEAST_TIMEOUT: Duration = Duration::from_micros(1);
/// Longer ones might not fit the kernel's clock.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// What a credential is until the kernel has told: no user and no group.
const NOBODY: u32 = u32::MAX;
#[expect(clippy::cast_possible_truncation, reason = "three numbers")]
const UCRED_SIZE: libc::socklen_t = size_of::<libc::ucred>() as libc::socklen_t;
