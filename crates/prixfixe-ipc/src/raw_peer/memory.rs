//! Shared memory to be read and written at will.

use std::fmt;

use crate::memory::Region;
use crate::sync::Ordering;

/// A range of shared memory. Offsets are octets and multiples of eight.
#[derive(Clone)]
pub struct RawMemory {
    region: Region,
    writable: bool,
}

impl RawMemory {
    pub(super) fn new(region: Region) -> Self {
        Self {
            region,
            writable: true,
        }
    }

    pub(super) fn read_only(region: Region) -> Self {
        Self {
            region,
            writable: false,
        }
    }

    /// Octets.
    #[expect(clippy::len_without_is_empty, reason = "a mapping is never empty")]
    pub fn len(&self) -> usize {
        self.region.len()
    }

    /// The word at `offset`.
    ///
    /// # Panics
    /// When it does not lie within the memory.
    pub fn read(&self, offset: usize) -> u64 {
        // Acquire: a test that sees a position may read what stands before it.
        self.region.word(offset).load(Ordering::Acquire)
    }

    /// Sets the word at `offset`.
    ///
    /// # Panics
    /// When it does not lie within the memory, or the memory can only be read.
    pub fn write(&self, offset: usize, value: u64) {
        assert!(self.writable, "this memory is mapped for reading alone");
        // SeqCst: a test that writes and then looks whether the server sleeps has no fence of its own
        // between the two; the exchange that this is on x86-64 does for one.
        self.region.word(offset).store(value, Ordering::SeqCst);
    }

    /// Copies octets out, from `offset` on.
    ///
    /// # Panics
    /// When they do not lie within the memory.
    pub fn read_octets(&self, offset: usize, to: &mut [u8]) {
        self.region.copy_out(offset, to);
    }
}

impl fmt::Debug for RawMemory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RawMemory")
            .field("len", &self.len())
            .field("writable", &self.writable)
            .finish_non_exhaustive()
    }
}
