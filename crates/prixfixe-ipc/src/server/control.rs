//! Connections: who comes, what they ask for, who goes.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::channels::Channel;
use super::events::{ClientIdentity, DropReason, ServerEvent};
use super::execution::Execution;
use super::links::{Link, LinkState, LinkWake, Rings};
use super::round::Core;
use super::statistics::Streaming;
use super::token::Token;
use crate::fault_point::{Point, reach};
use crate::handshake::{ClientMessage, ConnectRefusal, MESSAGE_SIZE, Role, ServerMessage};
use crate::layout::{ChannelSizes, LAYOUT_VERSION, LinkPage};
use crate::memory::Region;
use crate::ring::Corrupt;
use crate::statistics::places::Count;
use crate::sys::{
    AcceptFailure, Mapping, ReceiveFailure, Received, SendFailure, Sharing, Socket, Trigger,
    wake_channel,
};
use crate::wake::Waker;

/// Connections taken in one go, so that a storm of them does not hold up those who are there.
const ACCEPTS_PER_TURN: usize = 8;
/// Messages of one connection read in one go.
const MESSAGES_PER_TURN: usize = 4;
/// Octets of lent memory after which a connection has had its turn, if they had to be copied: what the others
/// wait for is then one message at most, and not four.
const COPIED_PER_TURN: usize = 1 << 20;

impl<E: Execution> Core<E> {
    /// Attends to everything that the poller has reported.
    pub(super) fn control(&mut self) {
        if self.attend_reported() {
            self.accept();
        }
        self.end_late_handshakes();
    }

    /// As [`Core::control`], but for those who want to connect. True if there may be some.
    fn attend_reported(&mut self) -> bool {
        let mut accepts = false;
        let mut links = std::mem::take(&mut self.attending);
        for event in self.events.iter() {
            match Token::from_number(event.token) {
                Some(Token::Listener) => accepts = true,
                Some(Token::Link(index)) => links.push((index, event.hung_up)),
                Some(Token::Doorbell(index)) => {
                    // A ring is answered by looking at the channels, which the loop does next.
                    self.rung.push(index);
                    if event.readable
                        && !event.writable
                        && let Some(domain) = self.domains.get(index)
                    {
                        // Nobody's rings fill it: somebody wants those of others to fail or to wait.
                        domain.doorbell.empty();
                    }
                }
                Some(Token::Stop) | None => {}
            }
        }
        for (index, hung_up) in links.drain(..) {
            self.read_messages(index, hung_up);
        }
        self.attending = links;
        // Who has gone makes room for who comes, perhaps the same client again.
        self.drop_doomed();
        accepts
    }

    /// Drops a connection with all that belongs to it.
    pub(super) fn drop_link(&mut self, index: usize, reason: DropReason) {
        let Some(link) = self.links.get_mut(index) else {
            return;
        };
        // Its descriptor is closed below, which takes it out in any case.
        let _ = self.poller.remove(&link.socket);
        for channel in std::mem::take(&mut link.channels) {
            self.drop_channel(channel);
        }
        let link = self.links.remove(index);
        match link.state {
            LinkState::Serving { domain, .. } => self.domains.leave(domain, &self.poller),
            LinkState::Greeting { .. } => self.greeting.retain(|greeting| *greeting != index),
            LinkState::Observing => {}
        }
        let client = link.identity;
        self.page.statistics.left(client);
        if let DropReason::Corrupt(corrupt) = reason {
            self.page.statistics.count(Count::CorruptClients, 1);
            tracing::warn!(client = client.number, uid = client.credentials.uid,
                pid = ?client.credentials.pid, %corrupt, "dropped a corrupt client");
        } else {
            tracing::debug!(client = client.number, %reason, "client gone");
        }
        self.tell(&ServerEvent::Gone { client, reason });
        self.advise();
    }

    fn accept(&mut self) {
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(listener) = &self.listener else {
                return;
            };
            match listener.accept() {
                Ok(Some(socket)) => self.greet(socket),
                Ok(None) => return,
                Err(AcceptFailure::NoDescriptors(error)) => {
                    self.refuse_without_descriptors(&error);
                    return;
                }
                Err(AcceptFailure::Other(error)) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    return;
                }
            }
        }
    }

    /// There is no descriptor left for a client. One is kept back to tell it so.
    fn refuse_without_descriptors(&mut self, error: &io::Error) {
        tracing::warn!(%error, "no descriptor left for a client");
        drop(self.spare.take());
        if let Some(listener) = &self.listener
            && let Ok(Some(socket)) = listener.accept()
            && let Ok(peer) = socket.peer()
        {
            self.refuse(&socket, peer, ConnectRefusal::OutOfResources);
        }
        self.spare = self.page.memory.try_clone().ok();
    }

    /// Takes a connection in, whose hello is still to come.
    fn greet(&mut self, socket: Socket) {
        let Ok(credentials) = socket.peer() else {
            return;
        };
        // Who has hung up before this one came may be reported after him, since the poller looks at one
        // after the other: the same client again would find his own place taken.
        if self.is_crowded()
            && self
                .poller
                .wait(&mut self.events, Some(Duration::ZERO))
                .is_ok()
        {
            self.attend_reported();
        }
        if self.is_crowded() {
            self.refuse(&socket, credentials, ConnectRefusal::Full);
            return;
        }
        if !self.config.admitted.admits(&credentials) {
            self.refuse(&socket, credentials, ConnectRefusal::NotAdmitted);
            return;
        }
        let until = crate::client::after(Instant::now(), self.config.handshake_timeout);
        let entry = self.links.vacant_entry();
        let index = entry.key();
        let added = self
            .poller
            .add(&socket, Token::Link(index).to_number(), Trigger::Level);
        if added.is_err() {
            self.refuse(&socket, credentials, ConnectRefusal::OutOfResources);
            return;
        }
        entry.insert(Link {
            socket,
            trusted: self.config.trust_domains.trusts(&credentials),
            identity: ClientIdentity {
                number: u32::try_from(index).unwrap_or(u32::MAX),
                credentials,
            },
            state: LinkState::Greeting { until },
            channels: Vec::new(),
            active_in: 0,
            rings: Rings::new(),
            budget: None,
        });
        self.greeting.push(index);
        reach(Point::ServerAccepted);
    }

    /// Whether nobody else can be taken in.
    fn is_crowded(&self) -> bool {
        self.links.len() >= self.config.max_clients
            || self.greeting.len() >= self.config.max_handshakes
    }

    /// Obeys what a client says, a bounded part of it. False when it says nothing.
    pub(super) fn read_messages(&mut self, index: usize, hung_up: bool) -> bool {
        let mut copied = 0;
        for read in 0..MESSAGES_PER_TURN {
            match self.read_message(index, hung_up) {
                Ok(Some(octets)) => {
                    copied += octets;
                    if copied >= COPIED_PER_TURN {
                        break;
                    }
                }
                Ok(None) => return read > 0,
                Err(reason) => {
                    self.doom(index, reason);
                    break;
                }
            }
        }
        true
    }

    /// Obeys the next message of a client, if there is one. Returns the octets that were copied for it.
    fn read_message(&mut self, index: usize, hung_up: bool) -> Result<Option<usize>, DropReason> {
        let Some(link) = self.links.get(index) else {
            return Ok(None);
        };
        let mut buffer = [0; MESSAGE_SIZE];
        let mut descriptors = if link.may_lend() {
            Received::one()
        } else {
            // To close one takes as long as whoever serves its file system likes.
            Received::refusing()
        };
        let message = match link.socket.receive(&mut buffer, &mut descriptors) {
            Ok(message) => message,
            Err(ReceiveFailure::Nothing) if !hung_up => return Ok(None),
            Err(_) => return Err(DropReason::HungUp),
        };
        let lost = message.descriptors_lost;
        match ClientMessage::decode(&buffer[..message.length]) {
            // Of more than one, one is there.
            Ok(ClientMessage::Lend(loan))
                if !(message.truncated || lost && descriptors.len() > 0) =>
            {
                return self.lend(index, loan, descriptors, lost).map(Some);
            }
            _ if lost || descriptors.len() > 0 => return Err(DropReason::Descriptors),
            Ok(message_read) if !message.truncated => self.obey(index, message_read)?,
            _ => return Err(DropReason::Corrupt(Corrupt::Control)),
        }
        Ok(Some(0))
    }

    fn obey(&mut self, index: usize, message: ClientMessage) -> Result<(), DropReason> {
        let Some(link) = self.links.get(index) else {
            return Ok(());
        };
        match (message, &link.state) {
            (ClientMessage::Hello { version, role }, LinkState::Greeting { .. }) => {
                self.welcome(index, version, role)
            }
            (ClientMessage::Open { sizes }, LinkState::Serving { domain, .. }) => {
                let domain = *domain;
                self.open(index, domain, sizes)
            }
            (ClientMessage::Close { channel }, LinkState::Serving { .. }) => {
                let channel = channel as usize;
                let owns = |link: &Link| link.channels.contains(&channel);
                if !self.links.get(index).is_some_and(owns) {
                    return Err(DropReason::Corrupt(Corrupt::Control));
                }
                self.drop_channel(channel);
                if let Some(link) = self.links.get_mut(index) {
                    link.channels.retain(|other| *other != channel);
                    let left = link.channels.len();
                    self.page.statistics.channels(index, left);
                }
                self.advise();
                Ok(())
            }
            // It woke us, which was its purpose.
            (ClientMessage::Ring, LinkState::Serving { .. }) => self.count_ring(index),
            (ClientMessage::Ping { number }, LinkState::Serving { .. }) => {
                self.count_ring(index)?;
                self.pong(index, number)
            }
            _ => Err(DropReason::Corrupt(Corrupt::Control)),
        }
    }

    fn pong(&self, index: usize, number: u64) -> Result<(), DropReason> {
        let Some(link) = self.links.get(index) else {
            return Ok(());
        };
        send(&link.socket, ServerMessage::Pong { number }, &[])
    }

    /// Reading rings and pings costs time that belongs to others, and honest clients send few.
    pub(super) fn count_ring(&mut self, index: usize) -> Result<(), DropReason> {
        let Some(link) = self.links.get_mut(index) else {
            return Ok(());
        };
        if link.rings.count(link.channels.len()) {
            Ok(())
        } else {
            Err(DropReason::Storm)
        }
    }

    fn welcome(&mut self, index: usize, version: u32, role: Role) -> Result<(), DropReason> {
        if version != LAYOUT_VERSION {
            return self.answer_no(index, ConnectRefusal::of_version(version));
        }
        let prepared = self.prepare(index, role);
        let Some(link) = self.links.get_mut(index) else {
            return Ok(());
        };
        let Ok((state, asynchronous)) = prepared else {
            return self.answer_no(index, ConnectRefusal::OutOfResources);
        };
        link.state = state;
        self.greeting.retain(|greeting| *greeting != index);
        let mut descriptors: Vec<BorrowedFd<'_>> = vec![self.page.memory.as_fd()];
        if let LinkState::Serving { domain, .. } = link.state
            && let Some(domain) = self.domains.get(domain)
        {
            descriptors.extend([domain.hints_memory.as_fd(), domain.doorbell.as_fd()]);
        }
        descriptors.extend(asynchronous.iter().flatten().map(AsFd::as_fd));
        let message = ServerMessage::Welcome {
            server_page: u32::try_from(self.page.len).unwrap_or(u32::MAX),
            hints: u32::try_from(self.domains.hints_len()).unwrap_or(u32::MAX),
            limits: self.config.max_sizes,
            lends: link.trusted,
        };
        let identity = link.identity;
        send(&link.socket, message, &descriptors)?;
        reach(Point::ServerWelcomed);
        self.page.statistics.joined(identity, role.into());
        self.tell(&ServerEvent::Connected(identity));
        Ok(())
    }

    /// Makes what a client of `role` needs, and the descriptors to send to an asynchronous one.
    fn prepare(
        &mut self,
        index: usize,
        role: Role,
    ) -> io::Result<(LinkState, Option<[std::os::fd::OwnedFd; 2]>)> {
        let Some(link) = self.links.get(index) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let user = link.identity.credentials.uid;
        let (wake, descriptors) = match role {
            Role::Observer => return Ok((LinkState::Observing, None)),
            Role::Blocking => (None, None),
            Role::Asynchronous => {
                let (page, memory) =
                    Mapping::create("prixfixe-ipc-link", LinkPage::SIZE, Sharing::PeerWrites)?;
                let (sender, receiver) = wake_channel()?;
                let sleeping = Waker::new(LinkPage::sleeping(&Region::new(page)));
                (
                    Some(LinkWake { sleeping, sender }),
                    Some([memory, receiver]),
                )
            }
        };
        let domain = self.domains.join(user, &self.poller)?;
        Ok((LinkState::Serving { domain, wake }, descriptors))
    }

    fn open(&mut self, index: usize, domain: usize, sizes: ChannelSizes) -> Result<(), DropReason> {
        let Some(link) = self.links.get_mut(index) else {
            return Ok(());
        };
        if self.draining_until.is_some() {
            return send_refusal(&link.socket, ConnectRefusal::ShuttingDown);
        }
        let largest = self.config.max_sizes;
        let too_large = sizes.ring() > largest.ring()
            || sizes.max_payload() > largest.max_payload()
            || sizes.max_in_flight() > largest.max_in_flight();
        if too_large {
            return send_refusal(&link.socket, ConnectRefusal::SizesTooLarge);
        }
        let segments = link
            .channels
            .iter()
            .filter_map(|channel| Some(self.channels.get(*channel)?.sizes().segment()));
        let shared = segments.sum::<usize>().saturating_add(sizes.segment());
        let full = self.channels.len() >= self.config.max_channels
            || link.channels.len() >= self.config.max_channels_per_client
            || shared > self.config.max_shared_per_client;
        if full {
            return send_refusal(&link.socket, ConnectRefusal::Full);
        }
        let made = Mapping::create("prixfixe-ipc-channel", sizes.segment(), Sharing::PeerWrites);
        let Ok((mapping, descriptor)) = made else {
            return send_refusal(&link.socket, ConnectRefusal::OutOfResources);
        };
        let entry = self.channels.vacant_entry();
        let number = entry.key();
        let hint = self.domains.add_place(domain, number);
        self.generation += 1;
        let segment = Region::new(mapping);
        let limits = self.config.stream_limits(sizes);
        let generation = self.generation;
        entry.insert(Channel::new(
            &segment, sizes, index, hint, generation, limits,
        ));
        if link.channels.is_empty() {
            // Most have one, and there may be thousands of them.
            link.channels.reserve_exact(1);
        }
        link.channels.push(number);
        self.page.statistics.channels(index, link.channels.len());
        let message = ServerMessage::Opened {
            channel: u32::try_from(number).unwrap_or(u32::MAX),
            hint: u32::try_from(hint).unwrap_or(u32::MAX),
            sizes,
        };
        reach(Point::ServerChannelMade);
        let sent = send(&link.socket, message, &[descriptor.as_fd()]);
        self.advise();
        sent
    }

    fn drop_channel(&mut self, index: usize) {
        let Some(channel) = self.channels.try_remove(index) else {
            return;
        };
        let statistics = &mut self.page.statistics;
        statistics.abandoned(channel.link, channel.running);
        let nothing = Streaming::default();
        self.page
            .statistics
            .streaming(channel.link, channel.streaming(), nothing);
        let link = self.links.get(channel.link);
        if let Some(LinkState::Serving { domain, .. }) = link.map(|link| &link.state) {
            self.domains.remove_place(*domain, channel.hint);
        }
    }

    pub(super) fn answer_no(
        &mut self,
        index: usize,
        refusal: ConnectRefusal,
    ) -> Result<(), DropReason> {
        if let Some(link) = self.links.get(index) {
            self.refuse(&link.socket, link.identity.credentials, refusal);
        }
        Err(DropReason::HungUp)
    }

    pub(super) fn refuse(
        &self,
        socket: &Socket,
        peer: crate::credentials::Credentials,
        refusal: ConnectRefusal,
    ) {
        // Whoever does not read it sees the connection close.
        let _ = send_refusal(socket, refusal);
        self.page.statistics.count(Count::RefusedConnections, 1);
        self.tell(&ServerEvent::Refused { peer, refusal });
    }
}

fn send_refusal(socket: &Socket, refusal: ConnectRefusal) -> Result<(), DropReason> {
    send(socket, ServerMessage::Refused(refusal), &[])
}

pub(super) fn send(
    socket: &Socket,
    message: ServerMessage,
    descriptors: &[BorrowedFd<'_>],
) -> Result<(), DropReason> {
    match socket.send(&message.encode(), descriptors) {
        Ok(()) => Ok(()),
        Err(SendFailure::Full) => Err(DropReason::Unread),
        Err(SendFailure::Gone | SendFailure::Descriptors(_) | SendFailure::Other(_)) => {
            Err(DropReason::HungUp)
        }
    }
}
