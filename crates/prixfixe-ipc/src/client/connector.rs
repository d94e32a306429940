//! Connections as they are made, shared and made again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::channel::{Channel, LongCall, Reply, SendFailure};
use super::link::{Bell, ConnectError, Link, lock_until};
use super::wait::{Deadline, Waited, after, await_reply};
use super::{Client, ClientStatistics};
use crate::address::Address;
use crate::call::Call;
use crate::credentials::PeerPolicy;
use crate::give_back::GiveBack;
use crate::handshake::Role;
use crate::layout::{ChannelSizes, client_sleeping};
use crate::memory::OwnWord;
use crate::outcome::{CallError, Cause, Outcome, Refusal};
use crate::ring::Left;
use crate::sealed_message::SealedMessage;
use crate::stream::{DEFAULT_MAX_MESSAGE, DEFAULT_STREAM_WINDOW};
use crate::wake::Sleeper;

/// How a client connects.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientOptions {
    /// The sizes of its channels. Larger ones than the server allows are refused.
    pub sizes: ChannelSizes,
    /// Which servers it trusts. By default those of the same user and of root.
    pub trusted_servers: PeerPolicy,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// Octets of items that may lie here of each stream, sent by the server and not received by the
    /// caller. More lets a stream flow over longer pauses of its reader.
    pub stream_window: usize,
    /// The longest item of a stream, in octets.
    pub max_message: usize,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            sizes: ChannelSizes::default(),
            trusted_servers: PeerPolicy::default(),
            connect_timeout: Duration::from_secs(5),
            stream_window: DEFAULT_STREAM_WINDOW,
            max_message: DEFAULT_MAX_MESSAGE,
        }
    }
}

/// Makes clients of one server that share one control socket, hence one descriptor.
#[derive(Clone)]
pub struct Connector {
    address: Address,
    options: ClientOptions,
    /// Held while connecting, never during a call.
    link: Arc<Mutex<Option<Arc<Link>>>>,
}

/// Between two attempts to find a server again; the wait is drawn anew each time, so that a crowd of
/// clients does not come back as one.
const BACK_OFF_MS: std::ops::Range<u64> = 5..50;

impl Connector {
    /// A connector with the default options. Nothing is connected yet.
    pub fn new(address: Address) -> Self {
        Self::with_options(address, ClientOptions::default())
    }

    /// A connector with options of one's own.
    pub fn with_options(address: Address, options: ClientOptions) -> Self {
        Self {
            address,
            options,
            link: Arc::default(),
        }
    }

    /// Where the server is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The most octets that a message of its clients can have.
    pub(super) fn max_payload(&self) -> usize {
        self.options.sizes.max_payload() as usize
    }

    /// A client with a channel of its own.
    ///
    /// # Errors
    /// When nobody listens there, or the server refuses.
    pub fn client(&self) -> Result<Client, ConnectError> {
        let mut client = self.unconnected();
        client.connection = Some(self.connection(None)?);
        client.reply = Vec::with_capacity(self.max_payload());
        Ok(client)
    }

    /// Asks the server whether its loop turns, and returns how long the answer took. See
    /// [`Client::ping`].
    ///
    /// # Errors
    /// As [`Client::ping`].
    pub fn ping(&self, timeout: Duration) -> Result<Duration, Cause> {
        let deadline = after(Instant::now(), timeout);
        until(deadline, || self.link(deadline))?.ping(deadline)
    }

    /// A client that connects with its first call.
    pub(crate) fn unconnected(&self) -> Client {
        Client {
            connector: self.clone(),
            connection: None,
            reply: Vec::new(),
            statistics: ClientStatistics::default(),
        }
    }

    /// The connection that its clients share at present, if there is one.
    pub(crate) fn current_link(&self) -> Option<Arc<Link>> {
        // Poisoned or not, it is one or none.
        let link = self.link.lock();
        link.unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    /// One attempt to connect, that ends by `until`, too.
    pub(super) fn connection(&self, until: Option<Instant>) -> Result<Connection, ConnectError> {
        let deadline = after(Instant::now(), self.options.connect_timeout);
        let deadline = until.map_or(deadline, |until| until.min(deadline));
        let link = self.link(deadline)?;
        let opened = link.open(self.options.sizes, self.options.stream_window, deadline)?;
        let sleeping = client_sleeping(&opened.segment);
        Ok(Connection {
            sleeper: Sleeper::new(OwnWord::at(&sleeping, 0)),
            number: opened.number,
            channel: opened.channel,
            bell: opened.bell,
            lost: false,
            max_message: self.options.max_message,
            idle_memory: GiveBack::default(),
            link,
        })
    }

    /// Attempts until `deadline`.
    pub(super) fn reconnect(&self, deadline: Instant) -> Result<Connection, Cause> {
        until(deadline, || self.connection(Some(deadline)))
    }

    fn link(&self, deadline: Instant) -> Result<Arc<Link>, ConnectError> {
        let mut current = lock_until(&self.link, deadline).ok_or(ConnectError::NoAnswer)?;
        if let Some(link) = current.as_ref().filter(|link| link.is_usable()) {
            return Ok(Arc::clone(link));
        }
        let (link, _) = Link::connect(
            &self.address,
            Role::Blocking,
            &self.options.trusted_servers,
            deadline.saturating_duration_since(Instant::now()),
        )?;
        let link = Arc::new(link);
        *current = Some(Arc::clone(&link));
        Ok(link)
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Connector")
            .field("address", &self.address)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Attempts until `deadline`.
fn until<T>(
    deadline: Instant,
    mut attempt: impl FnMut() -> Result<T, ConnectError>,
) -> Result<T, Cause> {
    loop {
        if let Ok(made) = attempt() {
            return Ok(made);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Cause::Unreachable);
        }
        std::thread::sleep(back_off().min(left));
    }
}

/// A time from [`BACK_OFF_MS`].
pub(crate) fn back_off() -> Duration {
    let drawn = RandomState::new().build_hasher().finish();
    Duration::from_millis(BACK_OFF_MS.start + drawn % (BACK_OFF_MS.end - BACK_OFF_MS.start))
}

/// A channel with the link it belongs to.
pub(super) struct Connection {
    link: Arc<Link>,
    number: u32,
    channel: Channel,
    bell: Bell,
    sleeper: Sleeper,
    /// The server has gone or is corrupt: there will be no further reply.
    lost: bool,
    /// The longest item of a stream.
    max_message: usize,
    idle_memory: GiveBack,
}

impl Connection {
    /// To be called before a call. A client that sleeps has no timer, so it looks at what it used for the
    /// calls before when it makes the next one. One that has others open is at work, and spared the clock.
    #[inline]
    fn give_back_memory(&mut self) {
        if self.channel.open() == 0 {
            self.give_back_unused();
        }
    }

    /// As [`Connection::give_back_memory`], while a stream is open: with each item that is sent, and when it
    /// waits.
    #[inline]
    pub(super) fn give_back_unused(&mut self) {
        if self.channel.has_grown() {
            self.idle_memory.note();
            let channel = &mut self.channel;
            self.idle_memory.look(1, |_| channel.give_back());
        }
    }

    /// Gives back what nobody uses at the moment.
    pub(super) fn release_memory(&mut self) {
        // The first look is for what was used before it.
        for _ in 0..2 {
            // Bounded by the parts of a ring.
            while self.channel.give_back() == Some(Left::Unused) {}
        }
    }

    pub(super) fn is_forked(&self) -> bool {
        self.link.is_forked()
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost || self.link.was_found_gone() || self.link.is_forked()
    }

    /// Whether the server takes no more calls.
    pub(super) fn is_draining(&self) -> bool {
        self.link.is_draining()
    }

    /// Whether calls can be made over it, as far as is known.
    pub(super) fn takes_calls(&self) -> bool {
        !self.is_lost() && !self.is_draining()
    }

    /// Whether it is of no more use, also where that was not noticed yet: a system call.
    pub(super) fn is_over(&self) -> bool {
        !self.takes_calls() || self.link.is_gone()
    }

    pub(super) fn channel(&self) -> &Channel {
        &self.channel
    }

    /// For a stream.
    pub(super) fn channel_mut(&mut self) -> &mut Channel {
        &mut self.channel
    }

    pub(super) fn max_message(&self) -> usize {
        self.max_message
    }

    /// The server is gone or corrupt, as a stream has found.
    pub(super) fn note_lost(&mut self) {
        self.lost = true;
    }

    /// Sends a call by `open`, which returns what it is known by, and rings if the server sleeps. Waits for
    /// room until the deadline.
    pub(super) fn open<T>(
        &mut self,
        open: impl Fn(&mut Channel) -> Result<T, SendFailure>,
        deadline: &mut Deadline,
        statistics: &mut ClientStatistics,
    ) -> Result<T, CallError> {
        self.give_back_memory();
        loop {
            match open(&mut self.channel) {
                Ok(call) => {
                    statistics.rings += u64::from(self.link.ring(&mut self.bell));
                    return Ok(call);
                }
                Err(SendFailure::TooLarge) => return Err(CallError::Refused(Refusal::TooLarge)),
                Err(SendFailure::Busy) => return Err(CallError::Refused(Refusal::Busy)),
                Err(SendFailure::Corrupt(corrupt)) => {
                    self.lost = true;
                    return Err(CallError::not_executed(Cause::Corrupt(corrupt)));
                }
                // Only calls that were given up can be in the way; their ends make room.
                Err(SendFailure::Full) => match self.pass_over_one(deadline, statistics) {
                    Waited::Ready => {}
                    Waited::Over(cause) => {
                        self.lost |= cause != Cause::Deadline;
                        return Err(CallError::not_executed(cause));
                    }
                },
            }
        }
    }

    /// As [`Connection::open`], of a long call.
    pub(super) fn open_long(
        &mut self,
        call: &Call<'_>,
        reply_limit: usize,
        deadline: &mut Deadline,
        statistics: &mut ClientStatistics,
    ) -> Result<LongCall, CallError> {
        let (link, number) = (Arc::clone(&self.link), self.number);
        let open = |channel: &mut Channel| {
            let lend = |call, message: &SealedMessage| link.lend(number, call, message);
            channel.open_long(call, reply_limit, lend)
        };
        self.open(open, deadline, statistics)
    }

    /// Shows the server what was written of streams, and rings if it sleeps.
    pub(super) fn publish(&mut self, statistics: &mut ClientStatistics) {
        if self.channel.publish() {
            statistics.rings += u64::from(self.link.ring(&mut self.bell));
        }
    }

    /// Sends, and rings if the server sleeps.
    pub(super) fn send(
        &mut self,
        call: &Call<'_>,
        reply_limit: usize,
        statistics: &mut ClientStatistics,
    ) -> Result<Sent, SendFailure> {
        self.give_back_memory();
        let slot = self.channel.send(call, reply_limit)?;
        let rang = self.link.ring(&mut self.bell);
        statistics.rings += u64::from(rang);
        Ok(Sent { slot, rang })
    }

    /// Waits for the end of a call, of which no other is open.
    pub(super) fn finish(
        &mut self,
        sent: Sent,
        reply: &mut [u8],
        deadline: &mut Deadline,
        statistics: &mut ClientStatistics,
    ) -> Outcome<usize> {
        let mut rang = sent.rang;
        // Each turn waits or reads; the deadline bounds them.
        loop {
            match &self.channel.next_reply() {
                Ok(Some(found)) => return self.channel.finish(found, reply),
                Ok(None) => {}
                Err(corrupt) => return self.lose(sent.slot, Cause::Corrupt(*corrupt)),
            }
            match self.wait(rang, deadline, statistics) {
                Waited::Ready => {}
                Waited::Over(Cause::HungUp) => return self.last_look(sent.slot, reply),
                Waited::Over(cause) => {
                    let executed = self.channel.give_up(sent.slot);
                    return Outcome::failed(cause, executed);
                }
            }
            rang = false;
        }
    }

    /// Waits until the server has ended one of the calls that were given up.
    pub(super) fn pass_over_one(
        &mut self,
        deadline: &mut Deadline,
        statistics: &mut ClientStatistics,
    ) -> Waited {
        let before = self.channel.unended();
        loop {
            match self.channel.next_reply() {
                // Nobody waits for anything here.
                Ok(_) => {}
                Err(corrupt) => return Waited::Over(Cause::Corrupt(corrupt)),
            }
            if self.channel.unended() < before {
                return Waited::Ready;
            }
            match self.wait(false, deadline, statistics) {
                Waited::Ready => {}
                over @ Waited::Over(_) => return over,
            }
        }
    }

    pub(super) fn wait(
        &mut self,
        rang: bool,
        deadline: &mut Deadline,
        statistics: &mut ClientStatistics,
    ) -> Waited {
        await_reply(
            &self.link,
            &self.channel,
            &mut self.bell,
            &mut self.sleeper,
            rang,
            deadline,
            statistics,
        )
    }

    /// Rings if calls are open and the server sleeps: what was read may be the room it lacked.
    pub(super) fn ring(&mut self, statistics: &mut ClientStatistics) {
        if self.channel.open() > 0 {
            statistics.rings += u64::from(self.link.ring(&mut self.bell));
        }
    }

    pub(super) fn next_reply(&mut self) -> Result<Option<Reply>, crate::ring::Corrupt> {
        self.channel.next_reply()
    }

    pub(super) fn copy_reply(&mut self, reply: &Reply, buffer: &mut [u8]) -> Outcome<usize> {
        self.channel.finish(reply, buffer)
    }

    pub(super) fn give_up(&mut self, slot: u16) -> crate::outcome::Executed {
        self.channel.give_up(slot)
    }

    /// The server is gone, but a reply may have been written before.
    fn last_look(&mut self, slot: u16, reply: &mut [u8]) -> Outcome<usize> {
        match self.channel.next_reply() {
            Ok(Some(found)) => {
                self.lost = true;
                self.channel.finish(&found, reply)
            }
            Ok(None) => self.lose(slot, Cause::HungUp),
            Err(corrupt) => self.lose(slot, Cause::Corrupt(corrupt)),
        }
    }

    pub(super) fn lose(&mut self, slot: u16, cause: Cause) -> Outcome<usize> {
        self.lost = true;
        let executed = self.channel.give_up(slot);
        Outcome::failed(cause, executed)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if !self.is_forked() {
            self.link.close(self.number);
        }
    }
}

/// A call on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) slot: u16,
    /// The server had to be woken for it.
    pub(super) rang: bool,
}
