//! Messages that are passed from process to process without being copied.

use std::fmt;
use std::io;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, BorrowedFd};

use crate::memory::{DraftBytes, SealedBytes};
use crate::sys::{DraftFile, SealedFile};

/// Bytes that nobody can change any more, not even who made them: a sealed memfd.
///
/// A call that [carries](crate::Call::sealed) one gives the server the memory itself. The handler reads it
/// where it lies, and it can go to many servers and in many calls without being copied or made again.
///
/// ```no_run
/// use prixfixe_ipc::{Address, Call, Client, SealedMessage};
///
/// let mut draft = SealedMessage::draft(1 << 20)?;
/// draft[..5].copy_from_slice(b"hello"); // or whatever fills it in place
/// let message = draft.seal()?;
///
/// let mut client = Client::connect(&Address::path("/run/index.sock")?)?;
/// for kind in 1..=3 {
///     let reply = client.call(Call::sealed(&message).message_type(kind)).completed()?;
///     println!("{} bytes", reply.len());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Making one takes new memory, which costs more than to copy a message into memory that was used before.
/// So it is worth its while for what is sent more than once; what is sent once goes sooner in parts.
///
/// It keeps one descriptor open as long as it exists. Its memory lives as long as somebody maps it.
pub struct SealedMessage {
    file: SealedFile,
    bytes: SealedBytes,
}

/// A [`SealedMessage`] that is still to be filled: zeros, until something else is written there.
///
/// It is memory of this process alone, and not there in a forked child.
pub struct MessageDraft {
    bytes: DraftBytes,
}

/// Why a [`MessageDraft`] is no [`SealedMessage`], and the draft.
#[derive(Debug, thiserror::Error)]
#[error("cannot seal the message: {error}")]
pub struct NotSealed {
    #[source]
    error: io::Error,
    draft: Option<MessageDraft>,
}

impl SealedMessage {
    /// Makes room for a message of `length` bytes, at least 1 and less than 4 GiB.
    ///
    /// # Errors
    /// When the system has no memory or no descriptor for it, or the length cannot be.
    pub fn draft(length: usize) -> io::Result<MessageDraft> {
        // The wire has 32 bits for it.
        if u32::try_from(length).is_err() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let bytes = DraftBytes::new(DraftFile::create(length)?);
        Ok(MessageDraft { bytes })
    }

    /// A message of these bytes, which are copied once, here: for what lies somewhere already, this takes
    /// less time than a draft.
    ///
    /// # Errors
    /// As [`SealedMessage::draft`] and [`MessageDraft::seal`].
    pub fn copy_of(bytes: &[u8]) -> io::Result<Self> {
        if u32::try_from(bytes.len()).is_err() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Self::of_file(SealedFile::copy_of(bytes)?)
    }

    fn of_file(file: SealedFile) -> io::Result<Self> {
        let bytes = SealedBytes::new(file.map_own()?);
        Ok(Self { file, bytes })
    }

    /// What it says.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.bytes()
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl MessageDraft {
    /// Lets nobody change it any more.
    ///
    /// # Errors
    /// When something still writes to it, such as a read of a disk into it that was begun and is not over: then
    /// the draft [comes back](NotSealed::into_draft). And when the system has no memory to map it anew, or this is
    /// a forked child of the process that has made it.
    pub fn seal(self) -> Result<SealedMessage, NotSealed> {
        match self.bytes.seal() {
            Ok(file) => {
                SealedMessage::of_file(file).map_err(|error| NotSealed { error, draft: None })
            }
            Err((error, bytes)) => Err(NotSealed {
                error,
                draft: bytes.map(|bytes| Self { bytes }),
            }),
        }
    }
}

impl NotSealed {
    /// The draft as it was, to be sealed later or copied. `None` where the system had no memory to map it
    /// again, and in a forked child.
    pub fn into_draft(self) -> Option<MessageDraft> {
        self.draft
    }
}

impl From<NotSealed> for io::Error {
    fn from(failure: NotSealed) -> Self {
        failure.error
    }
}

impl Deref for SealedMessage {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsRef<[u8]> for SealedMessage {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Deref for MessageDraft {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.bytes()
    }
}

impl DerefMut for MessageDraft {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.bytes.bytes_mut()
    }
}

impl fmt::Debug for SealedMessage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SealedMessage")
            .field("length", &self.as_bytes().len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for MessageDraft {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("MessageDraft")
            .field("length", &self.bytes.bytes().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_before_the_seal_is_what_it_says() {
        for length in [1, 4095, 4096, 4097, 300_000] {
            let mut draft = SealedMessage::draft(length).unwrap();
            assert!(draft.iter().all(|byte| *byte == 0));
            draft[length - 1] = 7;
            let message = draft.seal().unwrap();
            assert_eq!((message.len(), message[length - 1]), (length, 7));
        }
        assert_eq!(&*SealedMessage::copy_of(b"hello").unwrap(), b"hello");
    }

    #[test]
    fn a_draft_that_something_still_writes_to_comes_back_as_it_was() {
        let file = DraftFile::create(10_000).unwrap();
        let writer = file.writer().unwrap();
        let mut draft = MessageDraft {
            bytes: DraftBytes::new(file),
        };
        draft[9_999] = 7;
        let failure = draft.seal().unwrap_err();
        assert_eq!(failure.error.kind(), io::ErrorKind::ResourceBusy);
        let mut draft = failure.into_draft().unwrap();
        assert_eq!((draft.len(), draft[9_999]), (10_000, 7));
        draft[0] = 8;
        drop(writer);
        let message = draft.seal().unwrap();
        assert_eq!((message[0], message[9_999]), (8, 7));
    }

    #[test]
    fn nobody_can_write_to_it() {
        let message = SealedMessage::copy_of(b"hello").unwrap();
        let file = message.descriptor();
        let refused = Err(rustix::io::Errno::PERM);
        assert_eq!(rustix::io::pwrite(file, b"J", 0), refused.map(|()| 0));
        assert_eq!(rustix::fs::ftruncate(file, 4), refused);
        assert_eq!(rustix::fs::ftruncate(file, 6), refused);
        let hole = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
        assert_eq!(rustix::fs::fallocate(file, hole, 0, 4096), refused);
    }

    #[test]
    fn a_message_of_nothing_or_of_too_much_is_none() {
        assert!(SealedMessage::draft(0).is_err());
        #[cfg(target_pointer_width = "64")]
        assert!(SealedMessage::draft(1 << 32).is_err());
    }
}
