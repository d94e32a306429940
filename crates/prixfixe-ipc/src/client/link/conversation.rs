//! What a client says to its server over the control socket, and hears from it.

use std::os::fd::OwnedFd;
use std::time::Instant;

use super::{Bell, ConnectError, LOCK_POLL, Link, OpenedChannel, lock_until, region};
use crate::client::channel::Channel;
use crate::fault_point::{Point, reach};
use crate::handshake::{ClientMessage, MESSAGE_SIZE, Role, ServerMessage};
use crate::hints::Hint;
use crate::layout::{ChannelSizes, LAYOUT_VERSION, ServerPage};
use crate::memory::PeerWord;
use crate::sys::{ReceiveFailure, Received, SendFailure, Sharing, Socket};
use crate::wake::Waker;

/// What was said, as far as it matters to what is said next.
#[derive(Default)]
pub(super) struct Conversation {
    /// An answer did not come, or was wrong: the next one might be the answer to that question.
    pub(super) broken: bool,
}

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
        // Until the answer is there, also for whoever comes after a panic.
        conversation.broken = true;
        let opened = self.ask_for_channel(sizes, stream_window, deadline);
        if matches!(opened, Ok(_) | Err(ConnectError::Refused(_))) {
            conversation.broken = false;
        }
        opened
    }

    fn ask_for_channel(
        &self,
        sizes: ChannelSizes,
        stream_window: usize,
        deadline: Instant,
    ) -> Result<OpenedChannel, ConnectError> {
        send(&self.socket, ClientMessage::Open { sizes })?;
        reach(Point::ClientChannelAsked);
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
            if message != ServerMessage::Draining {
                return Ok((message, descriptors));
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
            Ok(message)
                if !message.truncated
                    && !message.descriptors_lost
                    && ServerMessage::decode(&buffer[..message.length])
                        == Ok(ServerMessage::Draining) => {}
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
    socket
        .send(&message.encode(), &[])
        .map_err(|failure| match failure {
            SendFailure::Full | SendFailure::Gone => ConnectError::NoAnswer,
            SendFailure::Descriptors(error) | SendFailure::Other(error) => error.into(),
        })
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

pub(super) fn no_more(mut descriptors: impl Iterator<Item = OwnedFd>) -> Result<(), ConnectError> {
    match descriptors.next() {
        None => Ok(()),
        Some(_) => Err(ConnectError::Protocol("a descriptor that nobody announced")),
    }
}

pub(crate) fn refusal_or_protocol(answer: ServerMessage) -> ConnectError {
    match answer {
        ServerMessage::Refused(refusal) => refusal.into(),
        ServerMessage::Welcome { .. } | ServerMessage::Opened { .. } | ServerMessage::Draining => {
            ConnectError::Protocol("an answer to something else")
        }
    }
}
