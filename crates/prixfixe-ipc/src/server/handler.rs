//! What the application gives a server to do.

use std::io;
use std::time::Duration;

use super::events::ClientIdentity;
use crate::outcome::Refusal;
use crate::record::RequestHeader;

/// Answers calls, one after the other, on the server's thread.
///
/// A handler that panics has its call refused as [`Refusal::HandlerPanicked`]; the server goes on.
pub trait Handler {
    /// Answers `request` by writing to `reply`, or refuses it.
    ///
    /// # Errors
    /// The refusal is the answer that the client gets.
    fn handle(&mut self, request: Request<'_>, reply: &mut Reply<'_>) -> Result<(), Refusal>;
}

impl<F> Handler for F
where
    F: FnMut(Request<'_>, &mut Reply<'_>) -> Result<(), Refusal>,
{
    fn handle(&mut self, request: Request<'_>, reply: &mut Reply<'_>) -> Result<(), Refusal> {
        self(request, reply)
    }
}

/// A call as the handler sees it: a private copy, or memory that nobody can change any more.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub(super) payload: &'a [u8],
    pub(super) header: &'a RequestHeader,
    pub(super) client: ClientIdentity,
}

impl<'a> Request<'a> {
    #[cfg(feature = "fuzzing")]
    pub(crate) fn new(
        payload: &'a [u8],
        header: &'a RequestHeader,
        client: ClientIdentity,
    ) -> Self {
        Self {
            payload,
            header,
            client,
        }
    }

    /// The bytes as they were sent.
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// What kind of request this is; 0 unless the caller said so.
    pub const fn message_type(&self) -> u32 {
        self.header.message_type
    }

    /// The caller's own id, stable over repetitions, if it gave one.
    pub const fn caller_id(&self) -> Option<u128> {
        match self.header.caller_id {
            0 => None,
            id => Some(id),
        }
    }

    /// How long the caller waits, counted from when it sent the request.
    pub const fn timeout(&self) -> Duration {
        Duration::from_nanos(self.header.timeout_ns)
    }

    /// Larger is more urgent; 0 unless the caller said so.
    pub const fn priority(&self) -> u8 {
        self.header.priority
    }

    /// Who asks.
    pub const fn client(&self) -> ClientIdentity {
        self.client
    }
}

/// Where the handler puts its answer.
#[derive(Debug)]
pub struct Reply<'a> {
    buffer: &'a mut Vec<u8>,
    limit: usize,
    message_type: u32,
}

impl<'a> Reply<'a> {
    /// `buffer` is empty and has room for `limit` bytes.
    pub(crate) fn new(buffer: &'a mut Vec<u8>, limit: usize) -> Self {
        Self {
            buffer,
            limit,
            message_type: 0,
        }
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// When the caller has no room for that many; passing the refusal on is the right answer then.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        if bytes.len() > self.room() {
            return Err(Refusal::TooLarge);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Appends `length` zeros and returns them to be filled.
    ///
    /// # Errors
    /// As [`Reply::write`].
    pub fn extend(&mut self, length: usize) -> Result<&mut [u8], Refusal> {
        if length > self.room() {
            return Err(Refusal::TooLarge);
        }
        let start = self.buffer.len();
        self.buffer.resize(start + length, 0);
        Ok(&mut self.buffer[start..])
    }

    /// How many more bytes the caller has room for.
    pub fn room(&self) -> usize {
        self.limit - self.buffer.len()
    }

    /// Says of what kind the answer is; 0 unless set.
    pub fn set_message_type(&mut self, message_type: u32) {
        self.message_type = message_type;
    }

    pub(crate) fn message_type(&self) -> u32 {
        self.message_type
    }

    /// Where the answer goes, and how long it may be.
    pub(crate) fn parts(&mut self) -> (&mut Vec<u8>, usize) {
        (self.buffer, self.limit)
    }
}

impl io::Write for Reply<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fits = bytes.len().min(self.room());
        self.buffer.extend_from_slice(&bytes[..fits]);
        Ok(fits)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
