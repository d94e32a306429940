//! What a client says to its server over the control socket, and hears from it.

use std::os::fd::OwnedFd;
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Bell, ConnectError, LOCK_POLL, Link, OpenedChannel, lock_until, region};
use crate::client::channel::Channel;
use crate::fault_point::{Point, reach};
use crate::handshake::{ClientMessage, MESSAGE_SIZE, Role, ServerMessage};
use crate::hints::Hint;
use crate::layout::{ChannelSizes, LAYOUT_VERSION, ServerPage};
use crate::memory::PeerWord;
use crate::outcome::Cause;
use crate::ring::Corrupt;
use crate::sync::Ordering;
use crate::sys::{ReceiveFailure, Received, SendFailure, Sharing, Socket};
use crate::wake::Waker;

/// What was said, as far as it matters to what is said next.
#[derive(Default)]
pub(super) struct Conversation {
    /// An answer did not come, or was wrong: the next one might be the answer to that question.
    pub(super) broken: bool,
    pings: u64,
    last_ping: Option<Instant>,
}

/// Between two pings of a process: a storm in the eyes of a server, which counts 64 messages in a second
/// beside those that calls need, begins far above the forty that this allows.
const LEAST_BETWEEN_PINGS: Duration = Duration::from_millis(25);

impl Link {
    /// Asks for a channel and waits for it, until `deadline` at most.
    pub(crate) fn open(
        &self,
        sizes: ChannelSizes,
        stream_window: usize,
        deadline: Instant,
    ) -> Result<OpenedChannel, ConnectError> {
        let conversation = lock_until(&self.conversation, deadline);
        let mut conversation = conversation.ok_or(ConnectError::NoAnswer)?;
        if conversation.broken {
            return Err(ConnectError::NoAnswer);
        }
        // What was not said has no answer.
        self.say(ClientMessage::Open { sizes }, deadline)?;
        reach(Point::ClientChannelAsked);
        // Until the answer is there, also for whoever comes after a panic.
        conversation.broken = true;
        let opened = self.opened(sizes, stream_window, deadline);
        if matches!(opened, Ok(_) | Err(ConnectError::Refused(_))) {
            conversation.broken = false;
        }
        opened
    }

    /// Gives a channel back. Whatever it still had open is lost.
    pub(crate) fn close(&self, channel: u32) {
        let closing = self.closing.lock();
        closing
            .unwrap_or_else(PoisonError::into_inner)
            .push(channel);
        // What has no room now is said before anything is asked and with the next calls; or the link ends,
        // and they with it.
        self.say_closes();
    }

    /// Says which channels are closed. False when there is no room for it.
    #[cold]
    pub(super) fn say_closes(&self) -> bool {
        let closing = self.closing.lock();
        let mut closing = closing.unwrap_or_else(PoisonError::into_inner);
        while let Some(&channel) = closing.last() {
            let close = ClientMessage::Close { channel };
            if let Err(SendFailure::Full) = self.socket.send(&close.encode(), &[]) {
                break;
            }
            closing.pop();
        }
        // Relaxed: written under the lock, and to whoever reads it without, it is a hint.
        self.is_closing
            .store(!closing.is_empty(), Ordering::Relaxed);
        closing.is_empty()
    }

    /// Says `message`, wholly or not at all, when there is room for it, until `deadline` at most: a server
    /// whose handler is at work reads nothing. What it takes up, such as channels, goes back before.
    fn say(&self, message: ClientMessage, deadline: Instant) -> Result<(), ConnectError> {
        // Bounded by the deadline: each turn but the last has waited.
        loop {
            if self.say_closes() {
                match self.socket.send(&message.encode(), &[]) {
                    Err(SendFailure::Full) => {}
                    sent => return sent.map_err(ConnectError::from),
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if !self.socket.wait_mostly_read(Some(left))? && left.is_zero() {
                return Err(ConnectError::NoAnswer);
            }
        }
    }

    /// Asks whether the server's loop turns, and waits for the answer, until `deadline` at most.
    /// Returns how long it took. Pings too close to each other are spread.
    pub(crate) fn ping(&self, deadline: Instant) -> Result<Duration, Cause> {
        let mut conversation = self.turn_to_ping(deadline)?;
        conversation.pings += 1;
        let number = conversation.pings;
        let asked = Instant::now();
        conversation.last_ping = Some(asked);
        let answered = self
            .say(ClientMessage::Ping { number }, deadline)
            .and_then(|()| self.pong(number, deadline));
        match answered {
            Ok(()) => Ok(asked.elapsed()),
            Err(ConnectError::Protocol(_) | ConnectError::Refused(_)) => {
                conversation.broken = true;
                Err(Cause::Corrupt(Corrupt::Control))
            }
            // A pong that comes late is passed over.
            Err(_) if !self.is_gone() => Err(Cause::Deadline),
            Err(_) => Err(Cause::HungUp),
        }
    }

    /// The conversation, once a ping would be no storm.
    fn turn_to_ping(&self, deadline: Instant) -> Result<MutexGuard<'_, Conversation>, Cause> {
        // Bounded by the deadline: each turn but the last has slept.
        loop {
            let conversation = lock_until(&self.conversation, deadline);
            let conversation = conversation.ok_or(Cause::Deadline)?;
            if conversation.broken {
                return Err(Cause::HungUp);
            }
            let now = Instant::now();
            let at = conversation
                .last_ping
                .map(|last| last + LEAST_BETWEEN_PINGS);
            let Some(at) = at.filter(|at| *at > now) else {
                return Ok(conversation);
            };
            drop(conversation);
            if at >= deadline {
                return Err(Cause::Deadline);
            }
            std::thread::sleep(at - now);
        }
    }

    /// Waits for the answer to ping `number`.
    fn pong(&self, number: u64, deadline: Instant) -> Result<(), ConnectError> {
        // Bounded by the deadline: each turn but the last has received a message.
        loop {
            match receive(&self.socket, deadline)?.0 {
                ServerMessage::Pong { number: found } if found == number => return Ok(()),
                // That one's asker has given up.
                ServerMessage::Pong { .. } | ServerMessage::Draining => {}
                answer => return Err(refusal_or_protocol(answer)),
            }
        }
    }

    /// Waits for the channel that was asked for.
    fn opened(
        &self,
        sizes: ChannelSizes,
        stream_window: usize,
        deadline: Instant,
    ) -> Result<OpenedChannel, ConnectError> {
        let (answer, descriptors) = self.answer(deadline)?;
        let ServerMessage::Opened {
            channel: number,
            hint,
            sizes: given,
        } = answer
        else {
            return Err(refusal_or_protocol(answer));
        };
        let mut descriptors = descriptors.into_iter();
        let segment = descriptors
            .next()
            .ok_or(ConnectError::Protocol("a descriptor is missing"))?;
        no_more(descriptors)?;
        let in_hints = (hint as usize) / 8 < self.hints.len();
        if given != sizes || !in_hints {
            return Err(ConnectError::Protocol(
                "the channel is not what was asked for",
            ));
        }
        let segment = region(segment, given.segment(), Sharing::PeerWrites)?;
        reach(Point::ClientChannelOpened);
        Ok(OpenedChannel {
            number,
            channel: Channel::new(&segment, given, stream_window),
            segment,
            bell: Bell {
                hint: Hint::at(&self.hints, hint as usize),
                advice: self.advice.clone(),
                sleeping: Waker::new(PeerWord::at(&self.server_page, ServerPage::SLEEPING)),
            },
        })
    }

    /// What the server says to what it was asked.
    fn answer(&self, deadline: Instant) -> Result<(ServerMessage, Received), ConnectError> {
        // Bounded by the deadline: each turn but the last has received a message.
        loop {
            let (message, descriptors) = receive(&self.socket, deadline)?;
            match message {
                // The page says the first, too, and who waited for the second has given up.
                ServerMessage::Draining | ServerMessage::Pong { .. } => {}
                message => return Ok((message, descriptors)),
            }
        }
    }

    /// Takes what the server said unasked, which the page says, too. While somebody asks for something,
    /// it is for him to hear.
    pub(crate) fn hear(&self) {
        let Ok(mut conversation) = self.conversation.try_lock() else {
            std::thread::sleep(LOCK_POLL);
            return;
        };
        let mut buffer = [0; MESSAGE_SIZE];
        let mut none = Received::refusing();
        match self.socket.receive(&mut buffer, &mut none) {
            Err(ReceiveFailure::Nothing) => {}
            Ok(message) if !message.truncated && !message.descriptors_lost => {
                conversation.broken |= !matches!(
                    ServerMessage::decode(&buffer[..message.length]),
                    Ok(ServerMessage::Draining | ServerMessage::Pong { .. })
                );
            }
            Ok(_) | Err(_) => conversation.broken = true,
        }
    }
}

/// Says hello and waits for the answer.
pub(crate) fn greet(
    socket: &Socket,
    role: Role,
    deadline: Instant,
) -> Result<(ServerMessage, Received), ConnectError> {
    let hello = ClientMessage::Hello {
        version: LAYOUT_VERSION,
        role,
    };
    // A server that refuses at once may have closed its end by now: then sending fails, or the first
    // receiving does, and its answer is there all the same.
    let said = send(socket, hello);
    reach(Point::ClientHelloSent);
    let answer = match receive(socket, deadline) {
        Err(ConnectError::NoAnswer) => receive(socket, deadline),
        received => received,
    };
    said.or_else(|failure| answer.is_ok().then_some(()).ok_or(failure))?;
    answer
}

pub(super) fn send(socket: &Socket, message: ClientMessage) -> Result<(), ConnectError> {
    Ok(socket.send(&message.encode(), &[])?)
}

fn receive(socket: &Socket, deadline: Instant) -> Result<(ServerMessage, Received), ConnectError> {
    let mut buffer = [0; MESSAGE_SIZE];
    let mut descriptors = Received::default();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if !socket.wait_readable(Some(left))? && left.is_zero() {
            return Err(ConnectError::NoAnswer);
        }
        let message = match socket.receive(&mut buffer, &mut descriptors) {
            Ok(message) => message,
            Err(ReceiveFailure::Nothing) => continue,
            Err(ReceiveFailure::Gone) => return Err(ConnectError::NoAnswer),
            Err(ReceiveFailure::Other(error)) => return Err(error.into()),
        };
        if message.truncated || message.descriptors_lost {
            return Err(ConnectError::Protocol("a message did not arrive whole"));
        }
        let message = ServerMessage::decode(&buffer[..message.length])
            .map_err(|_| ConnectError::Protocol("a message of an unknown kind"))?;
        return Ok((message, descriptors));
    }
}

impl From<SendFailure> for ConnectError {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::Full | SendFailure::Gone => Self::NoAnswer,
            SendFailure::Descriptors(error) | SendFailure::Other(error) => error.into(),
        }
    }
}

pub(super) fn no_more(mut descriptors: impl Iterator<Item = OwnedFd>) -> Result<(), ConnectError> {
    match descriptors.next() {
        None => Ok(()),
        Some(_) => Err(ConnectError::Protocol("a descriptor that nobody announced")),
    }
}

pub(crate) fn refusal_or_protocol(answer: ServerMessage) -> ConnectError {
    match answer {
        ServerMessage::Refused(refusal) => refusal.into(),
        ServerMessage::Welcome { .. }
        | ServerMessage::Opened { .. }
        | ServerMessage::Draining
        | ServerMessage::Pong { .. } => ConnectError::Protocol("an answer to something else"),
    }
}
