//! A control socket that sends and takes anything.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use super::PATIENCE;
use crate::address::Address;
use crate::sys::{ReceiveFailure, Received, SendFailure, Socket};

/// Room for a message longer than any of the protocol, so that a test would notice one.
const LONGEST_MESSAGE: usize = 256;

/// A connected control socket.
#[derive(Debug)]
pub struct RawSocket {
    socket: Socket,
}

/// What the server sent.
#[derive(Debug)]
pub struct RawMessage {
    /// As it came.
    pub bytes: Vec<u8>,
    /// As they came.
    pub descriptors: Vec<OwnedFd>,
}

impl RawSocket {
    /// Connects, and says nothing.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn connect(address: &Address) -> io::Result<Self> {
        let socket = Socket::connect(address, PATIENCE).map_err(io::Error::other)?;
        Ok(Self { socket })
    }

    /// Sends octets, not none, and descriptors.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] while the server reads nothing, [`io::ErrorKind::BrokenPipe`]
    /// when it has hung up, and what the system says of the descriptors.
    pub fn send(&self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        self.socket
            .send(bytes, descriptors)
            .map_err(|failure| match failure {
                SendFailure::Full => io::ErrorKind::WouldBlock.into(),
                SendFailure::Gone => io::ErrorKind::BrokenPipe.into(),
                SendFailure::Descriptors(error) | SendFailure::Other(error) => error,
            })
    }

    /// The next message, or `None` when none comes within `timeout`.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when the server has hung up.
    pub fn receive(&self, timeout: Duration) -> io::Result<Option<RawMessage>> {
        let deadline = Instant::now() + timeout;
        let mut bytes = [0; LONGEST_MESSAGE];
        let mut descriptors = Received::new();
        loop {
            match self.socket.receive(&mut bytes, &mut descriptors) {
                Ok(message) => {
                    return Ok(Some(RawMessage {
                        bytes: bytes[..message.length].to_vec(),
                        descriptors: descriptors.into_iter().collect(),
                    }));
                }
                Err(ReceiveFailure::Nothing) => {}
                Err(ReceiveFailure::Gone) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(ReceiveFailure::Other(error)) => return Err(error),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if !self.socket.wait_readable(Some(left))? {
                return Ok(None);
            }
        }
    }

    /// Whether the server has hung up.
    pub fn is_gone(&self) -> bool {
        self.socket.is_gone()
    }

    /// Reads until the server hangs up; false when it did not within `timeout`.
    pub fn wait_gone(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.receive(left) {
                Ok(Some(_)) => {}
                Ok(None) => return false,
                Err(_) => return true,
            }
        }
    }
}

impl AsFd for RawSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
