//! Where a long message lies while it is read: in a buffer of ours, or in memory that its sender has made
//! and sealed.

use std::os::fd::OwnedFd;

use crate::aligned::AlignedBuffer;
use crate::fault_point::{Point, reach};
use crate::memory::SealedBytes;
use crate::sys::{BadSegment, SealedFile};

/// The shortest message that goes in memory of its own, in octets: what is shorter is copied sooner than a
/// file is made, passed and mapped.
pub(crate) const LEAST_LENT: usize = 256 << 10;

#[derive(Debug)]
pub(crate) enum MessageMemory {
    Own(AlignedBuffer),
    Lent(SealedBytes),
}

impl Default for MessageMemory {
    fn default() -> Self {
        Self::Own(AlignedBuffer::default())
    }
}

impl MessageMemory {
    /// Takes the message of `length` octets that a peer has sent as `file`, which is closed. It is copied
    /// where it cannot be read in place for certain.
    ///
    /// # Errors
    /// When the file is not what it has to be, and with [`BadSegment::System`] when it is and there is no
    /// memory.
    pub(crate) fn accept(file: OwnedFd, length: usize) -> Result<Self, BadSegment> {
        let file = SealedFile::accept(file, length)?;
        if let Some(mapping) = file.map()? {
            return Ok(Self::Lent(SealedBytes::new(mapping)));
        }
        let mut buffer = AlignedBuffer::try_with_capacity(length)
            .map_err(|_| std::io::Error::from(std::io::ErrorKind::OutOfMemory))?;
        file.read(buffer.room(length))?;
        Ok(Self::Own(buffer))
    }

    /// Octets of memory of ours that it takes.
    pub(crate) fn copied(&self) -> usize {
        match self {
            Self::Own(buffer) => buffer.capacity(),
            Self::Lent(_) => 0,
        }
    }

    /// The first `length` octets of the message.
    pub(crate) fn payload(&self, length: usize) -> &[u8] {
        match self {
            Self::Own(buffer) => buffer.payload(length),
            Self::Lent(lent) => lent.bytes().get(..length).unwrap_or_default(),
        }
    }

    /// The buffer, to be used again. What was lent is given back.
    pub(crate) fn into_buffer(self) -> Option<AlignedBuffer> {
        match self {
            Self::Own(buffer) => Some(buffer),
            Self::Lent(lent) => {
                reach(Point::ServerGivingBack);
                drop(lent);
                None
            }
        }
    }
}

impl From<AlignedBuffer> for MessageMemory {
    fn from(buffer: AlignedBuffer) -> Self {
        Self::Own(buffer)
    }
}
