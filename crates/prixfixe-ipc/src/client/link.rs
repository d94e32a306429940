//! A client process's connection to a server: the control socket, and what comes with it.

mod conversation;

use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use super::channel::Channel;
use crate::address::Address;
use crate::credentials::PeerPolicy;
use crate::fault_point::{Point, reach};
use crate::handshake::{ClientMessage, ConnectRefusal, Loan, Role, ServerMessage};
use crate::hints::Hint;
use crate::layout::ServerPage;
use crate::memory::{PeerWord, Region};
use crate::sealed_message::SealedMessage;
use crate::spin::Crowd;
use crate::sync::Ordering;
use crate::sys::{
    self, BadDescriptor, BadSegment, Doorbell, ForkGuard, Mapping, Sharing, Socket, WakeReceiver,
};
#[cfg(feature = "tokio")]
use crate::wake::SharedWaker;
use crate::wake::Waker;
use conversation::{Conversation, no_more, send};
pub(crate) use conversation::{greet, refusal_or_protocol};

/// One per process and server; its channels share it.
pub(crate) struct Link {
    socket: Socket,
    guard: ForkGuard,
    server_page: Region,
    advice: PeerWord,
    hints: Region,
    doorbell: Doorbell,
    found_gone: AtomicBool,
    /// Whether the server takes memory that is lent.
    lends: bool,
    /// Held while something is asked, so that answers meet their questions. Never during a call.
    conversation: Mutex<Conversation>,
    /// Channels that are closed here, and whose close the server was not told for want of room in the socket.
    /// Held for no longer than it takes to send.
    closing: Mutex<Vec<u32>>,
    /// Whether there are any.
    is_closing: AtomicBool,
}

/// What an asynchronous process has beside the link.
pub(crate) struct AsyncWake {
    /// Its first words are the announcement of sleep.
    pub(crate) page: Region,
    pub(crate) receiver: WakeReceiver,
}

/// A channel together with what is needed to ring for it.
pub(crate) struct OpenedChannel {
    pub(crate) number: u32,
    pub(crate) segment: Region,
    pub(crate) channel: Channel,
    pub(crate) bell: Bell,
}

/// A channel's way to tell the server that there is work.
pub(crate) struct Bell {
    hint: Hint,
    advice: PeerWord,
    sleeping: Waker,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Nothing listens there, or it cannot be reached.
    #[error("cannot connect: {0}")]
    Socket(#[from] sys::ConnectFailure),
    /// The server answered that it will not.
    #[error("refused: {0}")]
    Refused(#[from] ConnectRefusal),
    /// The server runs as a user that the client's policy does not trust.
    #[error("the server runs as user {uid}, who is not trusted with this connection")]
    Stranger {
        /// The user id of the server's process.
        uid: u32,
    },
    /// What answered does not speak the protocol, or passed something else than promised.
    #[error("what answers there is not a server of this protocol: {0}")]
    Protocol(&'static str),
    /// The server did not answer in time, or went away while it was asked.
    #[error("the server did not answer")]
    NoAnswer,
    /// A system call failed.
    #[error(transparent)]
    System(#[from] std::io::Error),
}

impl From<BadSegment> for ConnectError {
    fn from(_: BadSegment) -> Self {
        Self::Protocol("its memory is not sealed, or not as large as announced")
    }
}

impl From<BadDescriptor> for ConnectError {
    fn from(_: BadDescriptor) -> Self {
        Self::Protocol("a descriptor is not of the kind announced")
    }
}

/// The largest server page or set of hints that a client maps: room for a hundred thousand channels.
const MAX_SHARED: u32 = 256 << 20;

impl Link {
    /// Connects and shakes hands. The second part is there for an asynchronous role.
    pub(crate) fn connect(
        address: &Address,
        role: Role,
        trusted: &PeerPolicy,
        timeout: Duration,
    ) -> Result<(Self, Option<AsyncWake>), ConnectError> {
        let deadline = crate::client::after(Instant::now(), timeout);
        let socket = Socket::connect(address, timeout)?;
        reach(Point::ClientConnected);
        let server = socket.peer()?;
        if !trusted.admits(&server) {
            return Err(ConnectError::Stranger { uid: server.uid });
        }
        let (answer, descriptors) = greet(&socket, role, deadline)?;
        reach(Point::ClientWelcomed);
        let ServerMessage::Welcome {
            server_page,
            hints,
            lends,
            ..
        } = answer
        else {
            return Err(refusal_or_protocol(answer));
        };
        let holds_its_words = server_page as usize >= ServerPage::HEADER
            && (hints as usize).is_multiple_of(crate::memory::WORD);
        if !holds_its_words || server_page > MAX_SHARED || hints > MAX_SHARED {
            return Err(ConnectError::Protocol(
                "its shared memory has a size that cannot be",
            ));
        }
        let mut descriptors = descriptors.into_iter();
        let mut next = || {
            descriptors
                .next()
                .ok_or(ConnectError::Protocol("a descriptor is missing"))
        };
        let server_page = region(next()?, server_page as usize, Sharing::PeerReads)?;
        let hints = region(next()?, hints as usize, Sharing::PeerWrites)?;
        let doorbell = Doorbell::accept(next()?)?;
        let wake = match role {
            Role::Asynchronous => Some(AsyncWake {
                page: region(next()?, crate::layout::LinkPage::SIZE, Sharing::PeerWrites)?,
                receiver: WakeReceiver::accept(next()?)?,
            }),
            Role::Blocking | Role::Observer => None,
        };
        no_more(descriptors)?;
        let link = Self {
            guard: ForkGuard::new()?,
            advice: PeerWord::at(&server_page, ServerPage::ADVICE),
            server_page,
            hints,
            doorbell,
            found_gone: AtomicBool::new(false),
            lends,
            socket,
            conversation: Mutex::default(),
            closing: Mutex::default(),
            is_closing: AtomicBool::new(false),
        };
        Ok((link, wake))
    }

    /// Whether the server takes no more calls, and none over this connection: a load.
    pub(crate) fn is_draining(&self) -> bool {
        // Relaxed: whoever reads the older value makes a call that the server does not take.
        self.advice.read(Ordering::Relaxed) & ServerPage::DRAINING != 0
    }

    /// Sleeps until the server says something or has hung up, for `timeout` at most.
    pub(crate) fn wait_news(&self, timeout: Option<Duration>) {
        // What is wrong with the socket is found by whoever uses it next.
        let _ = self.socket.wait_readable(timeout);
    }

    /// Gives the server the memory of a request that is about to be published. False when it cannot be sent
    /// now, or at all: the request can go in parts.
    ///
    /// A server whose handler is at work reads no socket, and what is lent waits there. So it is lent only
    /// while [most](Socket::wait_mostly_read) of the socket has room; the rest is for channels that open and
    /// close, for rings and for pings. Threads that look at once go beyond by one message each.
    pub(crate) fn lend(&self, channel: u32, call: u64, message: &SealedMessage) -> bool {
        let Ok(octets) = u32::try_from(message.as_bytes().len()) else {
            return false;
        };
        let has_room = || self.socket.wait_mostly_read(Some(Duration::ZERO));
        if !(self.lends && has_room().unwrap_or(false)) {
            return false;
        }
        let loan = ClientMessage::Lend(Loan {
            channel,
            call,
            octets,
        });
        let sent = self.socket.send(&loan.encode(), &[message.descriptor()]);
        sent.is_ok()
    }

    /// How many look for work, in the server's view.
    pub(crate) fn crowd(&self) -> Crowd {
        // Relaxed: advice.
        let [_, crowd, ..] = self.advice.read(Ordering::Relaxed).to_le_bytes();
        Crowd::from_number(crowd)
    }

    /// Tells the server that there is work, if it sleeps. To be called after a request was published.
    /// True when it slept.
    #[inline]
    pub(crate) fn ring(&self, bell: &mut Bell) -> bool {
        self.retry_closes();
        bell.announce() && {
            self.ring_doorbell();
            true
        }
    }

    /// Says which channels are closed, where that had no room in the socket before.
    #[inline]
    pub(crate) fn retry_closes(&self) {
        // Relaxed: who misses it now tries with the next call.
        if self.is_closing.load(Ordering::Relaxed) {
            self.say_closes();
        }
    }

    /// Rings once more and by both ways, for a caller that has waited long for an answer.
    pub(crate) fn ring_again(&self, bell: &mut Bell) -> bool {
        bell.sleeping.forget();
        let sleeps = self.ring(bell);
        if sleeps {
            // Nobody else can take this message away. One that does not fit finds others before it.
            let _ = send(&self.socket, ClientMessage::Ring);
        }
        sleeps
    }

    /// For a process whose channels share what they have woken of the server.
    #[cfg(feature = "tokio")]
    pub(crate) fn server_waker(&self) -> SharedWaker {
        SharedWaker::new(PeerWord::at(&self.server_page, ServerPage::SLEEPING))
    }

    /// To be called when [`Bell::must_ring`] says so.
    pub(crate) fn ring_doorbell(&self) {
        self.doorbell.ring();
        reach(Point::ClientRung);
    }

    /// As [`Link::ring_again`] for such a process.
    #[cfg(feature = "tokio")]
    pub(crate) fn ring_again_for_all(&self, bell: &Bell, server: &SharedWaker) -> bool {
        server.forget();
        let sleeps = bell.must_ring(server);
        if sleeps {
            self.ring_doorbell();
            // As above.
            let _ = send(&self.socket, ClientMessage::Ring);
        }
        sleeps
    }

    /// Whether new channels can be had over it: a system call.
    pub(crate) fn is_usable(&self) -> bool {
        let in_order = || match self.conversation.try_lock() {
            Ok(conversation) => !conversation.broken,
            Err(TryLockError::Poisoned(poisoned)) => !poisoned.get_ref().broken,
            // Who asks at this moment finds out by himself.
            Err(TryLockError::WouldBlock) => true,
        };
        !self.is_forked() && !self.is_draining() && !self.is_gone() && in_order()
    }

    /// Whether the server has hung up: a system call.
    pub(crate) fn is_gone(&self) -> bool {
        let gone = self.socket.is_gone();
        if gone {
            // Relaxed: it spares others the look, and orders nothing.
            self.found_gone.store(true, Ordering::Relaxed);
        }
        gone
    }

    /// Whether somebody found that the server has hung up.
    pub(crate) fn was_found_gone(&self) -> bool {
        // Relaxed: as above.
        self.found_gone.load(Ordering::Relaxed)
    }

    /// Hangs up, and ends every [`Link::wait_news`]. The parent of a fork keeps its connection.
    pub(crate) fn hang_up(&self) {
        if !self.is_forked() {
            self.socket.shut_down();
        }
    }

    /// Whether this process is a fork of the one that made the connection.
    pub(crate) fn is_forked(&self) -> bool {
        !self.guard.is_owner()
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }
}

impl Bell {
    /// Leaves a hint if hints are wanted, and says whether the doorbell has to be rung.
    #[inline]
    fn announce(&mut self) -> bool {
        let sleeps = self.sleeping.must_wake();
        self.leave_hint();
        sleeps
    }

    /// As [`Link::ring`] for a process whose channels share what they have woken of the server, without
    /// the system call.
    #[cfg(feature = "tokio")]
    pub(crate) fn must_ring(&self, server: &SharedWaker) -> bool {
        let sleeps = server.must_wake();
        self.leave_hint();
        sleeps
    }

    /// For a caller that has fenced since the request was published.
    fn leave_hint(&self) {
        // Relaxed: advice.
        if self.advice.read(Ordering::Relaxed) & 1 == 1 {
            self.hint.set();
        }
    }
}

pub(crate) fn region(
    descriptor: OwnedFd,
    len: usize,
    sharing: Sharing,
) -> Result<Region, ConnectError> {
    Ok(Region::new(Mapping::accept(descriptor, len, sharing)?))
}

/// Takes a lock that somebody may hold for as long as his own time allows, by `until` or not at all:
/// nobody's deadline depends on another's. Poisoned locks are taken, too: what is behind these stays
/// true in a panic.
pub(super) fn lock_until<T>(mutex: &Mutex<T>, until: Instant) -> Option<MutexGuard<'_, T>> {
    loop {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return None;
                }
                std::thread::sleep(left.min(LOCK_POLL));
            }
        }
    }
}

/// Between two attempts to take a lock: far below any deadline worth setting, and only ever waited
/// while somebody else connects.
const LOCK_POLL: Duration = Duration::from_millis(1);
