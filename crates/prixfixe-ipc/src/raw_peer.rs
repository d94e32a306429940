//! A client without manners, for tests and fuzzers of a running server: it shakes hands as everybody
//! does, maps what the server sends, and then writes whatever it is told, wherever it is told.
//!
//! No part of the crate's interface: it changes with the layout.

mod memory;
mod record;
mod socket;

pub use memory::RawMemory;
pub use record::RawRecord;
pub use socket::{RawMessage, RawSocket};

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use crate::address::Address;
use crate::handshake::{ClientMessage, Loan, MESSAGE_SIZE, Role, ServerMessage};
use crate::layout::{ChannelMemory, ChannelSizes, LAYOUT_VERSION, LinkPage, ServerPage};
use crate::memory::Region;
use crate::sys::{Mapping, Sharing};

/// How long the peer waits for the server's answer to a handshake or an open: far beyond any answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a peer says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawRole {
    /// A process that sleeps on its tails.
    Blocking,
    /// A process that sleeps in a poller.
    Asynchronous,
}

/// A connection whose handshake is done. Everything is open to be written.
#[derive(Debug)]
pub struct RawPeer {
    /// The control socket.
    pub socket: RawSocket,
    /// What the server shows all its clients: to be read only. [`RawPeer::SERVER_SLEEPING`] and
    /// [`RawPeer::ADVICE`] are there.
    pub server_page: RawMemory,
    /// The bits of all channels of the trust domain.
    pub hints: RawMemory,
    /// What wakes the server.
    pub doorbell: RawDoorbell,
    /// What an asynchronous process has beside its channels, with
    /// [`RawPeer::LINK_SLEEPING`] in it.
    pub link_page: Option<RawMemory>,
    /// The descriptors of the welcome as they came: the server's page, the hints, the doorbell, the
    /// link page, the end of the wake pipe.
    pub descriptors: Vec<OwnedFd>,
}

/// A channel of such a connection, and its words by name.
#[derive(Debug)]
pub struct RawChannel {
    /// Its number at the server.
    pub number: u32,
    /// Its bit among the hints.
    pub hint: u32,
    /// As asked for.
    pub sizes: ChannelSizes,
    /// All of its memory; what follows are parts of it.
    pub segment: RawMemory,
    /// The tail of the request ring, then its start.
    pub request_line: RawMemory,
    /// The head of the request ring: the server's word.
    pub request_head: RawMemory,
    /// The records of the request ring.
    pub requests: RawMemory,
    /// The tail of the reply ring, then its start: the server's words.
    pub reply_line: RawMemory,
    /// The head of the reply ring.
    pub reply_head: RawMemory,
    /// The records of the reply ring.
    pub replies: RawMemory,
    /// The number of the last call taken: the server's word.
    pub taken: RawMemory,
    /// The announcement of sleep, where the process is a blocking one.
    pub sleeping: RawMemory,
    /// The segment's descriptor as it came.
    pub descriptor: OwnedFd,
}

/// An eventfd that is rung, drained and filled at will.
#[derive(Debug)]
pub struct RawDoorbell {
    eventfd: OwnedFd,
}

impl RawPeer {
    /// The place of the server's announcement of sleep in its page.
    pub const SERVER_SLEEPING: usize = ServerPage::SLEEPING;
    /// The place of the server's advice in its page.
    pub const ADVICE: usize = ServerPage::ADVICE;
    /// The place of an asynchronous process's announcement of sleep in its link page.
    pub const LINK_SLEEPING: usize = LinkPage::SLEEPING;

    /// Connects and shakes hands.
    ///
    /// # Errors
    /// When the server does not welcome it.
    pub fn connect(address: &Address, role: RawRole) -> io::Result<Self> {
        Self::greet(RawSocket::connect(address)?, role)
    }

    /// Shakes hands on a socket that is connected.
    ///
    /// # Errors
    /// When the server does not welcome it.
    pub fn greet(socket: RawSocket, role: RawRole) -> io::Result<Self> {
        socket.send(&hello(LAYOUT_VERSION, role), &[])?;
        let answer = socket.receive(PATIENCE)?.ok_or(io::ErrorKind::TimedOut)?;
        let Ok(ServerMessage::Welcome {
            server_page, hints, ..
        }) = ServerMessage::decode(&answer.bytes)
        else {
            return Err(io::Error::other("the server did not welcome this peer"));
        };
        let descriptors = answer.descriptors;
        let link_page = match role {
            RawRole::Blocking => None,
            RawRole::Asynchronous => Some(mapped(&descriptors, 3, LinkPage::SIZE)?),
        };
        Ok(Self {
            socket,
            server_page: RawMemory::read_only(map(
                descriptor(&descriptors, 0)?,
                server_page as usize,
                Sharing::PeerReads,
            )?),
            hints: mapped(&descriptors, 1, hints as usize)?,
            doorbell: RawDoorbell {
                eventfd: descriptor(&descriptors, 2)?.try_clone_to_owned()?,
            },
            link_page,
            descriptors,
        })
    }

    /// Asks for a channel and maps it.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn open(&self, sizes: ChannelSizes) -> io::Result<RawChannel> {
        self.socket.send(&open(sizes), &[])?;
        let answer = self.socket.receive(PATIENCE)?;
        let mut answer = answer.ok_or(io::ErrorKind::TimedOut)?;
        let Ok(ServerMessage::Opened {
            channel,
            hint,
            sizes,
        }) = ServerMessage::decode(&answer.bytes)
        else {
            return Err(io::Error::other("the server opened no channel"));
        };
        let descriptor = answer.descriptors.pop();
        let descriptor = descriptor.ok_or(io::ErrorKind::NotFound)?;
        let segment = map(descriptor.as_fd(), sizes.segment(), Sharing::PeerWrites)?;
        Ok(RawChannel::new(channel, hint, sizes, &segment, descriptor))
    }
}

impl RawChannel {
    fn new(
        number: u32,
        hint: u32,
        sizes: ChannelSizes,
        segment: &Region,
        descriptor: OwnedFd,
    ) -> Self {
        let memory = ChannelMemory::new(segment, sizes);
        Self {
            number,
            hint,
            sizes,
            segment: RawMemory::new(segment.clone()),
            request_line: RawMemory::new(memory.requests.producer_line),
            request_head: RawMemory::new(memory.requests.head),
            requests: RawMemory::new(memory.requests.records),
            reply_line: RawMemory::new(memory.replies.producer_line),
            reply_head: RawMemory::new(memory.replies.head),
            replies: RawMemory::new(memory.replies.records),
            taken: RawMemory::new(memory.taken),
            sleeping: RawMemory::new(memory.client_sleeping),
            descriptor,
        }
    }

    /// Writes `record` at `position` of the request ring, unpublished, and returns the position after
    /// it, if it were as long as it says. Words beyond the end of the ring go round.
    pub fn put(&self, position: u64, record: &RawRecord) -> u64 {
        record.write(&self.requests, position)
    }

    /// Publishes `tail` as that of the request ring.
    pub fn publish(&self, tail: u64) {
        self.request_line.write(0, tail);
    }
}

impl RawDoorbell {
    /// Rings.
    pub fn ring(&self) {
        self.add(1);
    }

    /// Adds to the counter, if that is possible without waiting.
    pub fn add(&self, count: u64) {
        // What does not fit does not matter to a peer without manners.
        let _ = rustix::io::write(&self.eventfd, &count.to_ne_bytes());
    }

    /// Takes all rings away: true when there were some.
    pub fn drain(&self) -> bool {
        rustix::io::read(&self.eventfd, &mut [0; 8]).is_ok()
    }
}

impl AsFd for RawDoorbell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.eventfd.as_fd()
    }
}

/// The first message of a client that speaks layout `version`.
pub fn hello(version: u32, role: RawRole) -> [u8; MESSAGE_SIZE] {
    let role = match role {
        RawRole::Blocking => Role::Blocking,
        RawRole::Asynchronous => Role::Asynchronous,
    };
    ClientMessage::Hello { version, role }.encode()
}

/// The message that asks for a channel.
pub fn open(sizes: ChannelSizes) -> [u8; MESSAGE_SIZE] {
    ClientMessage::Open { sizes }.encode()
}

/// The message that gives a channel back.
pub fn close(channel: u32) -> [u8; MESSAGE_SIZE] {
    ClientMessage::Close { channel }.encode()
}

/// The message that rings.
pub fn ring() -> [u8; MESSAGE_SIZE] {
    ClientMessage::Ring.encode()
}

/// The message that lends memory for `call` of `channel`.
pub fn lend(channel: u32, call: u64, octets: u32) -> [u8; MESSAGE_SIZE] {
    ClientMessage::Lend(Loan {
        channel,
        call,
        octets,
    })
    .encode()
}

/// The message that pings.
pub fn ping(number: u64) -> [u8; MESSAGE_SIZE] {
    ClientMessage::Ping { number }.encode()
}

fn descriptor(all: &[OwnedFd], place: usize) -> io::Result<BorrowedFd<'_>> {
    let found = all.get(place).ok_or(io::ErrorKind::NotFound)?;
    Ok(found.as_fd())
}

fn mapped(all: &[OwnedFd], place: usize, len: usize) -> io::Result<RawMemory> {
    let region = map(descriptor(all, place)?, len, Sharing::PeerWrites)?;
    Ok(RawMemory::new(region))
}

fn map(descriptor: BorrowedFd<'_>, len: usize, sharing: Sharing) -> io::Result<Region> {
    let mapping = Mapping::accept(descriptor.try_clone_to_owned()?, len, sharing);
    Ok(Region::new(mapping.map_err(io::Error::other)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Reply, Request, Server, ServerConfig};

    #[test]
    fn with_manners_it_is_served_like_everybody() {
        let name = format!("prixfixe-raw-peer-{}", std::process::id());
        let address = Address::abstract_name(name).unwrap();
        let server = Server::bind(&address, ServerConfig::default()).unwrap();
        let echo = |request: Request<'_>, reply: &mut Reply<'_>| reply.write(request.payload());
        let _running = server.spawn(echo).unwrap();
        for role in [RawRole::Blocking, RawRole::Asynchronous] {
            let peer = RawPeer::connect(&address, role).unwrap();
            let channel = peer.open(ChannelSizes::default()).unwrap();
            let tail = channel.put(0, &RawRecord::request(1, b"hello", 100));
            channel.publish(tail);
            peer.doorbell.ring();
            while channel.reply_line.read(0) == 0 {
                std::thread::yield_now();
            }
            assert_eq!(channel.taken.read(0), 1);
            let mut reply = [0; 5];
            channel.replies.read_octets(32, &mut reply);
            assert_eq!(&reply, b"hello");

            let second = peer.open(ChannelSizes::default()).unwrap();
            second.publish(3);
            peer.doorbell.ring();
            assert!(peer.socket.wait_gone(PATIENCE));
        }
    }
}
