//! Memory files whose content nobody can change any more.

#[cfg(test)]
mod tests;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::SealFlags;
use rustix::io::{Errno, retry_on_intr};
use rustix::mm::{Advice, ProtFlags};

use super::mapping::{BadSegment, Mapping, check, sealable_file};

/// A file of our own that is still to be filled: nobody else has it.
#[derive(Debug)]
pub(crate) struct DraftFile {
    file: OwnedFd,
    mapping: Mapping,
}

/// A file on tmpfs of a known size that nobody can write to, shrink or punch holes into, whoever made it.
#[derive(Debug)]
pub(crate) struct SealedFile {
    file: OwnedFd,
    len: usize,
    /// It belongs to this process's user, who is told the truth about its pages.
    ours: bool,
}

/// All of a [`SealedFile`], mapped for reading, where each of its pages exists.
#[derive(Debug)]
pub(crate) struct SealedMapping {
    mapping: Mapping,
}

impl DraftFile {
    /// Makes a file of `len` zeros, not none.
    pub(crate) fn create(len: usize) -> io::Result<Self> {
        if len == 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let file = sealable_file(NAME)?;
        rustix::fs::ftruncate(&file, len as u64)?;
        let draft = Self::of_file(file, len)?;
        match draft.mapping.populate(Advice::LinuxPopulateWrite) {
            // Kernels before 5.14 make each page when it is first written.
            Ok(()) | Err(Errno::INVAL) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok(draft)
    }

    /// The memory, which may be written as long as this exists.
    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Lets nobody change it any more. When that fails the draft comes back, where there is memory to map it
    /// again.
    pub(crate) fn seal(self) -> Result<SealedFile, (io::Error, Option<Self>)> {
        let Self { file, mapping } = self;
        let len = mapping.len();
        if !mapping.is_of_this_process() {
            // A forked child has the descriptor alone. To map it would share what is the parent's to write.
            return Err((io::ErrorKind::Unsupported.into(), None));
        }
        // The kernel refuses the seal while anybody could still write through a mapping.
        drop(mapping);
        match rustix::fs::fcntl_add_seals(&file, SEALS) {
            Ok(()) => Ok(SealedFile::ours(file, len)),
            Err(errno) => Err((errno.into(), Self::of_file(file, len).ok())),
        }
    }

    fn of_file(file: OwnedFd, len: usize) -> io::Result<Self> {
        let mapping = Mapping::of_file(file.as_fd(), len, ProtFlags::READ | ProtFlags::WRITE)?;
        mapping.not_for_children()?;
        Ok(Self { file, mapping })
    }

    /// Something else that may write to it, which keeps it from being sealed.
    #[cfg(test)]
    pub(crate) fn writer(&self) -> io::Result<Mapping> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        Mapping::of_file(self.file.as_fd(), self.mapping.len(), protection)
    }
}

impl SealedFile {
    /// Makes a file of these octets, not none. Sooner than a draft of them: new pages that are written whole
    /// need not be zeroed first, nor met one by one.
    pub(crate) fn copy_of(bytes: &[u8]) -> io::Result<Self> {
        if bytes.is_empty() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let file = sealable_file(NAME)?;
        let mut done = 0;
        while done < bytes.len() {
            done += retry_on_intr(|| rustix::io::pwrite(&file, &bytes[done..], done as u64))?;
        }
        rustix::fs::fcntl_add_seals(&file, SEALS)?;
        Ok(Self::ours(file, bytes.len()))
    }

    /// A file that this process has made and sealed.
    fn ours(file: OwnedFd, len: usize) -> Self {
        Self {
            file,
            len,
            ours: true,
        }
    }

    /// Takes what a peer has sent as a file of `len` octets, if it is all that it has to be.
    ///
    /// No call that is made for it waits for a lock of the file: a peer could hold that for as long as it
    /// likes, by writing to it from memory whose faults it answers itself.
    pub(crate) fn accept(file: OwnedFd, len: usize) -> Result<Self, BadSegment> {
        let owner = check(file.as_fd(), len, SEALS)?;
        Ok(Self {
            file,
            len,
            ours: super::is_own_user(owner),
        })
    }

    /// Maps one of our own. What of it was never written is a hole, unless the kernel has made all pages at
    /// once.
    pub(crate) fn map_own(&self) -> io::Result<SealedMapping> {
        let mapping = Mapping::of_sealed_file(self.file.as_fd(), self.len)?;
        Ok(SealedMapping { mapping })
    }

    /// Maps it. `None` where some page of it may not exist, or be swapped out: reading such a one through
    /// a mapping needs memory, of which there may be none, and then faults.
    ///
    /// A page that was written stays, in memory or in swap: who has sealed a file against writing can punch
    /// no hole into it either. One that was only read the kernel may take away again, and it takes memory to
    /// read it anew: so this is for files of those who could stop this process in other ways, too.
    pub(crate) fn map(&self) -> io::Result<Option<SealedMapping>> {
        // Of files of others the kernel may say that all pages are there, whether they are or not.
        if !self.ours {
            return Ok(None);
        }
        let mapping = Mapping::of_sealed_file(self.file.as_fd(), self.len)?;
        mapping.not_for_children()?;
        if !mapping.is_resident()? {
            return Ok(None);
        }
        Ok(Some(SealedMapping { mapping }))
    }

    /// Copies it to `bytes`, which are as many. Holes are read as zeros, and nothing faults.
    pub(crate) fn read(&self, bytes: &mut [u8]) -> io::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            let read =
                retry_on_intr(|| rustix::io::pread(&self.file, &mut bytes[done..], done as u64))?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            done += read;
        }
        Ok(())
    }
}

impl AsFd for SealedFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl SealedMapping {
    /// The memory, which nobody writes as long as this exists.
    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }
}

/// As `/proc/PID/maps` shows it.
const NAME: &str = "prixfixe-ipc-message";
/// `FUTURE_WRITE` would not do: it leaves the mappings that its maker has.
const SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::WRITE)
    .union(SealFlags::SEAL);
