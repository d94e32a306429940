//! What a store is told when it is opened.

use std::path::PathBuf;

use super::fault::Fault;

/// Where a store keeps its data and how careful it is with the disk.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// The data folder; made, for its owner only, if it does not exist.
    pub path: PathBuf,
    /// How much of the disk must stay free for new messages to be taken.
    pub min_free_disk: MinFreeDisk,
    /// Only for tests that prove that they would notice a missing sync.
    #[doc(hidden)]
    pub durability: Durability,
    /// Only for crash tests: where this process is to die.
    #[doc(hidden)]
    pub fault: Option<Fault>,
}

impl StoreSettings {
    /// The defaults, with the data in `path`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            min_free_disk: MinFreeDisk::default(),
            durability: Durability::Full,
            fault: None,
        }
    }
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self::at(DEFAULT_FOLDER)
    }
}

/// How much of the disk must stay free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MinFreeDisk {
    /// The smaller of 1 GiB and 5 % of the file system.
    #[default]
    Auto,
    /// No floor: messages are taken until the file system itself refuses.
    Off,
    /// This many bytes.
    Bytes(u64),
}

impl MinFreeDisk {
    /// The floor in bytes on a file system of `total` bytes.
    pub(crate) fn floor(self, total: u64) -> u64 {
        match self {
            Self::Auto => AUTO_FLOOR_BYTES.min(total / AUTO_FLOOR_FRACTION),
            Self::Off => 0,
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// Whether a commit waits for the disk.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// It does. Nothing else is a store.
    #[default]
    Full,
    /// It does not, and a power cut loses accepted mail.
    Off,
}

const DEFAULT_FOLDER: &str = "./prixfixe-data";
/// One GiB: enough for an operator to notice and act before anything else on the disk fails.
const AUTO_FLOOR_BYTES: u64 = 1 << 30;
/// One twentieth, 5 %, where a GiB would be too much of a small disk.
const AUTO_FLOOR_FRACTION: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_automatic_floor_is_the_smaller_of_the_two() {
        assert_eq!(MinFreeDisk::Auto.floor(1 << 40), 1 << 30);
        assert_eq!(MinFreeDisk::Auto.floor(1 << 30), (1 << 30) / 20);
        assert_eq!(MinFreeDisk::Off.floor(1 << 40), 0);
        assert_eq!(MinFreeDisk::Bytes(7).floor(1 << 40), 7);
    }
}
