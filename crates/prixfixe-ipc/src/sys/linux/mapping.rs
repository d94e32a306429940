//! Shared memory of a fixed size.
#[cfg(test)]
mod tests;

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};

use rustix::fs::{FileType, MemfdFlags, SealFlags};
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags};
use rustix::process::Pid;

/// Who may write to a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Whoever made the segment and whoever accepts it.
    PeerWrites,
    /// Only whoever made it; nobody can make another writable mapping, whatever he does with the
    /// descriptor.
    PeerReads,
}

/// Memory shared with other processes: whole pages, zeroed when made, of a size that nobody can
/// change, unmapped on drop. A forked child does not have it: touching it there is a fault, so ask a
/// [`ForkGuard`](super::ForkGuard) first.
///
/// That it can be read without a fault rests on the seals against shrinking and on the file system
/// being that of memfd, where no page needs another process to be had.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: NonNull<u8>,
    len: usize,
    /// The process that has the mapping: in a forked child the same addresses may be used otherwise.
    process: Pid,
}

// SAFETY: the mapping is only an address range; how its octets may be reached is the business of
// `crate::memory`.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

/// Why a descriptor is not taken for shared memory.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadSegment {
    #[error("the descriptor is not a memory file: it cannot be sealed")]
    NotSealable,
    #[error("the segment is not on tmpfs")]
    NotTmpfs,
    #[error("the segment lacks seals: it has {found:#x} and needs {needed:#x}")]
    SealsMissing { found: u32, needed: u32 },
    #[error("the segment has {found} octets instead of {expected}")]
    WrongSize { expected: usize, found: u64 },
    #[error("the segment cannot be mapped: {0}")]
    System(#[from] io::Error),
}

impl From<Errno> for BadSegment {
    fn from(errno: Errno) -> Self {
        Self::System(errno.into())
    }
}

impl Mapping {
    /// Makes a segment of `len` octets, a multiple of the page size, and the descriptor by which a
    /// peer can accept it. `name` is seen in `/proc/PID/maps` and need not be unique.
    pub(crate) fn create(name: &str, len: usize, sharing: Sharing) -> io::Result<(Self, OwnedFd)> {
        if len == 0 || !len.is_multiple_of(rustix::param::page_size()) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let memfd = sealable_file(name)?;
        rustix::fs::ftruncate(&memfd, len as u64)?;
        let mapping = Self::of_file(memfd.as_fd(), len, ProtFlags::READ | ProtFlags::WRITE)?;
        mapping.not_for_children()?;
        // Last, since the seal against future writers would also stop our own mapping.
        rustix::fs::fcntl_add_seals(&memfd, sharing.seals())?;
        Ok((mapping, memfd))
    }

    /// Maps the segment of exactly `len` octets that a peer made, for reading alone when the sharing
    /// says so. The descriptor is closed.
    ///
    /// Nothing the peer does with its own descriptor can make a later access fault: that is what is
    /// checked here. Huge pages are refused, of which there may be none left when one is touched.
    pub(crate) fn accept(fd: OwnedFd, len: usize, sharing: Sharing) -> Result<Self, BadSegment> {
        check(fd.as_fd(), len, sharing.seals())?;
        let protection = match sharing {
            Sharing::PeerWrites => ProtFlags::READ | ProtFlags::WRITE,
            Sharing::PeerReads => ProtFlags::READ,
        };
        let mapping = Self::of_file(fd.as_fd(), len, protection)?;
        mapping.not_for_children()?;
        // The mapping keeps the memory; a descriptor for each would soon reach the limit.
        drop(fd);
        Ok(mapping)
    }

    /// Memory for both ends of a connection within one process.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn private(len: usize) -> io::Result<Self> {
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing.
        let base = unsafe {
            rustix::mm::mmap_anonymous(
                ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED | MapFlags::NORESERVE,
            )
        }?;
        let mapping = Self::new(base, len)?;
        mapping.not_for_children()?;
        Ok(mapping)
    }

    /// The first octet, at the start of a page.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// The octets mapped.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether this is the process that has it, and not a forked child of that.
    pub(super) fn is_of_this_process(&self) -> bool {
        rustix::process::getpid() == self.process
    }

    /// Gives the memory of the whole pages among the `len` octets from `offset` on back to the system, for
    /// everybody who has mapped them: they read as zeros from then on, and have memory again once somebody
    /// touches them. Where the system does not give it back, they stay as they are.
    pub(crate) fn give_back(&self, offset: usize, len: usize) {
        let page = rustix::param::page_size();
        let end = offset.saturating_add(len).min(self.len) / page * page;
        let start = offset.next_multiple_of(page);
        // In a forked child something else may have come to lie there.
        if start >= end || !self.is_of_this_process() {
            return;
        }
        // SAFETY: the range lies within the mapping, since `end` is at most its length. Its octets change
        // as if a peer had written zeros there, which everybody who reads them expects at any time.
        let _ = unsafe {
            let first = self.base.as_ptr().byte_add(start).cast();
            rustix::mm::madvise(first, end - start, Advice::LinuxRemove)
        };
    }

    /// Maps the first `len` octets of `file`. Forked children have them, too.
    pub(super) fn of_file(
        file: BorrowedFd<'_>,
        len: usize,
        protection: ProtFlags,
    ) -> io::Result<Self> {
        Self::map(file, len, protection, MapFlags::SHARED)
    }

    /// Maps the first `len` octets of `file`, which nobody can write, for reading. Forked children have
    /// them, too.
    pub(super) fn of_sealed_file(file: BorrowedFd<'_>, len: usize) -> io::Result<Self> {
        // Many kernels, all before 6.7 among them, refuse shared mappings here, though for reading alone.
        Self::map(file, len, ProtFlags::READ, MapFlags::PRIVATE)
    }

    fn map(
        file: BorrowedFd<'_>,
        len: usize,
        protection: ProtFlags,
        flags: MapFlags,
    ) -> io::Result<Self> {
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing.
        let base = unsafe { rustix::mm::mmap(ptr::null_mut(), len, protection, flags, file, 0) }?;
        Self::new(base, len)
    }

    /// Takes over the new mapping at `base`.
    fn new(base: *mut c_void, len: usize) -> io::Result<Self> {
        Ok(Self {
            base: NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?,
            len,
            process: rustix::process::getpid(),
        })
    }

    /// Keeps it from forked children, who would otherwise hold pages, and a writable way to them, that
    /// nobody knows of.
    pub(super) fn not_for_children(&self) -> io::Result<()> {
        self.advise(Advice::LinuxDontFork)?;
        Ok(())
    }

    /// Has each of its pages made or mapped at once, as `advice` says, and not at its first use.
    pub(super) fn populate(&self, advice: Advice) -> Result<(), Errno> {
        self.advise(advice)
    }

    fn advise(&self, advice: Advice) -> Result<(), Errno> {
        // SAFETY: the range is a mapping of ours, and the advice is about forks or about when pages come:
        // none of it changes what is in them.
        unsafe { rustix::mm::madvise(self.base.as_ptr().cast(), self.len, advice) }
    }

    /// Whether each of its pages is in memory, mapped here or not.
    pub(super) fn is_resident(&self) -> io::Result<bool> {
        let page = rustix::param::page_size();
        let mut pages = [0; PAGES_AT_ONCE];
        for start in (0..self.len).step_by(PAGES_AT_ONCE * page) {
            let len = (self.len - start).min(PAGES_AT_ONCE * page);
            // SAFETY: the range lies within the mapping and starts at a page; the kernel writes one octet
            // for each page of it, of which there are at most as many as `pages` has.
            let result = unsafe {
                libc::mincore(
                    self.base.as_ptr().add(start).cast(),
                    len,
                    pages.as_mut_ptr(),
                )
            };
            if result != 0 {
                return Err(io::Error::last_os_error());
            }
            // The other bits are reserved.
            if pages[..len.div_ceil(page)].iter().any(|page| page & 1 == 0) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.is_of_this_process() {
            // SAFETY: the range was mapped by us and nobody refers to it any more; this is not a
            // forked child, where something else may have come to lie there.
            let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.len) };
        }
    }
}

impl Sharing {
    fn seals(self) -> SealFlags {
        let fixed_size = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        match self {
            Self::PeerWrites => fixed_size,
            Self::PeerReads => fixed_size | SealFlags::FUTURE_WRITE,
        }
    }
}

/// Makes sure that `file` is a memory file on tmpfs with the seals `needed`, of exactly `len` octets.
/// Returns whose it is.
pub(super) fn check(
    file: BorrowedFd<'_>,
    len: usize,
    needed: SealFlags,
) -> Result<u32, BadSegment> {
    let found = match rustix::fs::fcntl_get_seals(file) {
        Ok(seals) => seals,
        Err(Errno::INVAL) => return Err(BadSegment::NotSealable),
        Err(errno) => return Err(errno.into()),
    };
    // Before the size is looked at: only a sealed size stays what it was.
    if !found.contains(needed) {
        return Err(BadSegment::SealsMissing {
            found: found.bits(),
            needed: needed.bits(),
        });
    }
    if rustix::fs::fstatfs(file)?.f_type != TMPFS_MAGIC {
        return Err(BadSegment::NotTmpfs);
    }
    let stat = rustix::fs::fstat(file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(BadSegment::NotSealable);
    }
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    if len == 0 || size != len as u64 {
        return Err(BadSegment::WrongSize {
            expected: len,
            found: size,
        });
    }
    Ok(stat.st_uid)
}

/// Pages that are looked at in one system call, an octet each.
const PAGES_AT_ONCE: usize = 4096;

pub(super) fn sealable_file(name: &str) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    match rustix::fs::memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        // Kernels before 6.3 do not know the flag.
        Err(Errno::INVAL) => Ok(rustix::fs::memfd_create(name, flags)?),
        made => Ok(made?),
    }
}

/// The file system of memfd, as `statfs` names it.
const TMPFS_MAGIC: rustix::fs::FsWord = 0x0102_1994;
