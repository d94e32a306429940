//! How messages become octets.

use std::io;

/// Writes messages of type `T` as octets, and reads them.
///
/// What it reads may have been written by anybody: it must neither panic nor take long, whatever the
/// octets are.
///
/// A codec that needs no more than a string:
///
/// ```
/// use prixfixe_ipc::typed::{Codec, EncodeError, Invalid, Output};
///
/// struct Text;
///
/// impl Codec<String> for Text {
///     type View<'a> = &'a str;
///     const FORMAT: u32 = 0x7465_7874;
///
///     fn encode(message: &String, output: &mut Output<'_>) -> Result<(), EncodeError> {
///         output.write(message.as_bytes())?;
///         Ok(())
///     }
///
///     fn view(octets: &[u8]) -> Result<&str, Invalid> {
///         std::str::from_utf8(octets).map_err(|_| Invalid)
///     }
/// }
/// ```
pub trait Codec<T: 'static> {
    /// What a reader gets: a reference into the octets where the encoding allows that, or a value.
    type View<'a>;

    /// The number of the encoding, which stands in every message: octets of another are not looked at.
    const FORMAT: u32;

    /// Appends the octets of `message`. Before them the output is aligned to 16.
    ///
    /// # Errors
    /// When there is no room for them, or the message is one that the encoding does not have.
    fn encode(message: &T, output: &mut Output<'_>) -> Result<(), EncodeError>;

    /// Reads what [`Codec::encode`] wrote. The octets begin at an address that is a multiple of 16.
    ///
    /// # Errors
    /// When they are no message of this type.
    fn view(octets: &[u8]) -> Result<Self::View<'_>, Invalid>;
}

/// Where a message is encoded to: so much and no more.
#[derive(Debug)]
pub struct Output<'a> {
    buffer: &'a mut Vec<u8>,
    limit: usize,
    overflowed: bool,
}

/// Why a message was not encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// It is longer than there is room for.
    #[error("the message is too large")]
    TooLarge,
    /// The encoding has no such message.
    #[error("the message cannot be encoded")]
    Unencodable,
}

/// There is no room for that much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no room for the message")]
pub struct Full;

/// The octets are no message of the type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a message of this type")]
pub struct Invalid;

impl From<Full> for EncodeError {
    fn from(_: Full) -> Self {
        Self::TooLarge
    }
}

impl<'a> Output<'a> {
    /// Appends to `buffer` until it has `limit` octets.
    pub(crate) fn new(buffer: &'a mut Vec<u8>, limit: usize) -> Self {
        Self {
            buffer,
            limit,
            overflowed: false,
        }
    }

    /// Appends `octets`, or nothing.
    ///
    /// # Errors
    /// When there is no room for them.
    pub fn write(&mut self, octets: &[u8]) -> Result<(), Full> {
        if octets.len() > self.room() {
            self.overflowed = true;
            return Err(Full);
        }
        self.buffer.extend_from_slice(octets);
        Ok(())
    }

    /// Octets that there is still room for.
    pub fn room(&self) -> usize {
        self.limit.saturating_sub(self.buffer.len())
    }

    /// Octets written so far, those of the header included, which are 16.
    pub fn position(&self) -> usize {
        self.buffer.len()
    }

    /// Encodes with `encode`. Whatever error that makes of it, what found no room is too large.
    pub(super) fn encode(
        &mut self,
        encode: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let encoded = encode(self);
        if encoded.is_err() && self.overflowed {
            return Err(EncodeError::TooLarge);
        }
        encoded
    }
}

/// For encodings that write to a stream.
impl io::Write for Output<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        Output::write(self, octets)
            .map_err(|full| io::Error::new(io::ErrorKind::WriteZero, full))?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
