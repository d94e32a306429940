//! What a running server is short of: descriptors, memory, disk; and the end of that.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::stress::mounts;

/// A limit of a running process, lowered.
pub(super) struct Limit {
    pid: Pid,
    resource: Resource,
    before: Rlimit,
}

impl Limit {
    /// So many more descriptors than it has open.
    pub(super) fn descriptors(pid: Option<u32>, more: u64) -> io::Result<Self> {
        let pid = known(pid)?;
        let open = fs::read_dir(format!("/proc/{}/fd", pid.as_raw_nonzero()))?.count() as u64;
        Self::lower(pid, Resource::Nofile, open + more)
    }

    /// So much more memory than it has that each of the bodies under way can take what
    /// `docs/durability.md` says.
    pub(super) fn memory(pid: Option<u32>, bodies: usize) -> io::Result<Self> {
        let pid = known(pid)?;
        let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero()))?;
        let data = status.lines().find_map(|line| line.strip_prefix("VmData:"));
        let data = data.and_then(|data| data.split_whitespace().next()?.parse::<u64>().ok());
        let data = data
            .ok_or_else(|| io::Error::other("/proc does not say how much memory the server has"))?;
        let limit = (data << 10) + bodies as u64 * BODY_OCTETS + SPARE_OCTETS;
        Self::lower(pid, Resource::Data, limit)
    }

    fn lower(pid: Pid, resource: Resource, most: u64) -> io::Result<Self> {
        let lowered = |maximum| Rlimit {
            current: Some(most),
            maximum,
        };
        let before = rustix::process::getrlimit(resource);
        // The server was started by this process and has its limits.
        let before = prlimit(Some(pid), resource, lowered(before.maximum))?;
        Ok(Self {
            pid,
            resource,
            before,
        })
    }

    /// As it was.
    pub(super) fn lift(self) -> io::Result<()> {
        match prlimit(Some(self.pid), self.resource, self.before) {
            // A server that has ended needs no limit; its end is told elsewhere.
            Ok(_) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// The most memory of a body on its way into the store, and its connection's buffers.
const BODY_OCTETS: u64 = (512 + 128) << 10;
/// For everything else: arenas of an allocator, the store's caches, the healthy connections.
const SPARE_OCTETS: u64 = 64 << 20;

fn known(pid: Option<u32>) -> io::Result<Pid> {
    pid.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?))
        .ok_or_else(|| io::Error::other("the server has ended"))
}

/// A disk that can be filled, and emptied, while a server has its store on it.
pub(super) enum FullDisk {
    /// A file system of its own in memory; for root.
    Mounted {
        /// Where.
        at: PathBuf,
    },
    /// A file that takes so much room that less is left than the server wants to have.
    Ballast {
        /// The file.
        file: PathBuf,
        /// `store.min_free_disk`.
        least_octets: u64,
    },
}

/// The size of a file system of its own when it is full, and when it is relieved.
const FULL: &str = "size=24m";
const RELIEVED: &str = "size=256m";
/// How much a ballast takes: other programs may use the disk meanwhile.
const BALLAST_OCTETS: u64 = 1 << 30;

impl FullDisk {
    /// Prepares one for a server with its folder there.
    pub(super) fn prepare(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let at = folder.to_owned();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", FULL, mounts::SOURCE])
            .arg(&at)
            .output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Ok(Self::Mounted { at });
        }
        let free = rustix::fs::statvfs(folder)?;
        let free = free.f_bavail * free.f_frsize;
        if free < 2 * BALLAST_OCTETS {
            return Err(io::Error::other(
                "filling a disk takes root, or 2 GiB that are free",
            ));
        }
        Ok(Self::Ballast {
            file: folder.join("ballast"),
            least_octets: free - BALLAST_OCTETS / 2,
        })
    }

    /// The setting of the server that it decides.
    pub(super) const SETTING: &'static str = "store.min_free_disk=";

    /// What it decides.
    pub(super) fn setting(&self) -> String {
        let name = Self::SETTING;
        match self {
            // The store shall meet the end of the disk itself.
            Self::Mounted { .. } => format!("{name}off"),
            Self::Ballast { least_octets, .. } => format!("{name}{least_octets}B"),
        }
    }

    /// From now on it is full, or will soon be.
    pub(super) fn fill(&self) -> io::Result<()> {
        match self {
            Self::Mounted { .. } => Ok(()),
            Self::Ballast { file, .. } => {
                let file = File::create(file)?;
                let flags = rustix::fs::FallocateFlags::empty();
                Ok(rustix::fs::fallocate(file, flags, 0, BALLAST_OCTETS)?)
            }
        }
    }

    /// There is room again.
    pub(super) fn relieve(&self) -> io::Result<()> {
        match self {
            Self::Mounted { at } => {
                let options = format!("remount,{RELIEVED}");
                let grown = Command::new("mount")
                    .args(["-o", &options])
                    .arg(at)
                    .output()?;
                if !grown.status.success() {
                    let said = String::from_utf8_lossy(&grown.stderr).into_owned();
                    return Err(io::Error::other(said));
                }
                Ok(())
            }
            Self::Ballast { file, .. } => fs::remove_file(file),
        }
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        match self {
            // `prixfixe stress clean` and the next run try again.
            Self::Mounted { at } => drop(mounts::unmount(at)),
            Self::Ballast { file, .. } => drop(fs::remove_file(file)),
        }
    }
}
