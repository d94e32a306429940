//! How much of the disk is left.

use std::io;
use std::path::PathBuf;

use super::settings::MinFreeDisk;

/// The file system that holds a data folder.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    folder: PathBuf,
    minimum: MinFreeDisk,
}

/// What a file system has left, and what must be left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DiskSpace {
    pub(crate) free_bytes: u64,
    pub(crate) floor_bytes: u64,
}

impl Disk {
    pub(crate) fn new(folder: PathBuf, minimum: MinFreeDisk) -> Self {
        Self { folder, minimum }
    }

    /// Asks the kernel; takes about a microsecond on a local file system.
    pub(crate) fn space(&self) -> io::Result<DiskSpace> {
        let found = rustix::fs::statvfs(&self.folder)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Ok(DiskSpace {
            free_bytes: bytes(found.f_bavail),
            floor_bytes: self.minimum.floor(bytes(found.f_blocks)),
        })
    }
}

impl DiskSpace {
    /// Whether new messages must be refused, given the bytes that the database file has free
    /// inside: it does not shrink, so mail that was deleted makes room there only.
    pub(crate) fn is_low(self, reusable_bytes: u64) -> bool {
        self.free_bytes.saturating_add(reusable_bytes) < self.floor_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_is_low_below_the_floor_only() {
        let space = |free_bytes| DiskSpace {
            free_bytes,
            floor_bytes: 100,
        };
        assert!(space(99).is_low(0));
        assert!(!space(100).is_low(0));
        assert!(!space(90).is_low(10), "deleted mail makes room");
    }

    #[test]
    fn the_floor_follows_the_setting() {
        let off = Disk::new(std::env::temp_dir(), MinFreeDisk::Off)
            .space()
            .unwrap();
        assert_eq!(off.floor_bytes, 0);
        let all = Disk::new(std::env::temp_dir(), MinFreeDisk::Bytes(u64::MAX))
            .space()
            .unwrap();
        assert!(all.is_low(0));
    }
}
