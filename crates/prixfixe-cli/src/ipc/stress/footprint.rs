//! The memory of processes: private, shared, and the tables of both.

use std::io;

use crate::ipc::process::{self, Memory};

/// The memory of one process or of several together, in KiB.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Footprint {
    pub(super) memory: Memory,
    /// What is shared is divided by how many share it.
    pub(super) proportional: u64,
}

impl Footprint {
    pub(super) fn of(pid: u32) -> io::Result<Self> {
        Ok(Self {
            memory: process::memory(pid)?,
            proportional: process::proportional(pid)?,
        })
    }

    pub(super) fn of_all(pids: &[u32]) -> io::Result<Self> {
        let mut sum = Self::default();
        for pid in pids {
            sum = sum.both(Self::of(*pid)?, |one, other| one + other);
        }
        Ok(sum)
    }

    /// The higher figure of both, each by itself.
    pub(super) fn highest(self, other: Self) -> Self {
        self.both(other, u64::max)
    }

    fn both(self, other: Self, of: fn(u64, u64) -> u64) -> Self {
        Self {
            memory: Memory {
                anonymous: of(self.memory.anonymous, other.memory.anonymous),
                shared: of(self.memory.shared, other.memory.shared),
                page_tables: of(self.memory.page_tables, other.memory.page_tables),
            },
            proportional: of(self.proportional, other.proportional),
        }
    }
}
