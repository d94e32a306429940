//! What a hostile peer gives a server to read.

use std::os::fd::OwnedFd;
use std::sync::OnceLock;

use rustix::fs::{MemfdFlags, SealFlags};

/// The shortest request that may be lent, in octets.
pub(crate) const LEAST_LENT: u32 = 256 << 10;
/// The longest message of the server that takes what is lent, in octets: only a little more.
pub(crate) const MAX_LENT: u32 = LEAST_LENT + 4096;

/// What a peer may lend, what it may not, and how long each is, or says it is.
pub(crate) fn things() -> &'static [(u32, OwnedFd)] {
    static THINGS: OnceLock<Vec<(u32, OwnedFd)>> = OnceLock::new();
    THINGS.get_or_init(|| {
        let all = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
        let least = LEAST_LENT as usize;
        let (reading, writing) = rustix::pipe::pipe().unwrap();
        let event = rustix::event::eventfd(0, rustix::event::EventfdFlags::empty()).unwrap();
        vec![
            (LEAST_LENT, memory(least, least, all)),
            (MAX_LENT, memory(MAX_LENT as usize, MAX_LENT as usize, all)),
            // All of it, or its end, is missing.
            (LEAST_LENT, memory(least, 0, all)),
            (MAX_LENT, memory(MAX_LENT as usize, least, all)),
            (LEAST_LENT, memory(least, least, SealFlags::empty())),
            (LEAST_LENT, memory(least, least, all - SealFlags::WRITE)),
            (
                LEAST_LENT,
                memory(
                    least,
                    least,
                    all - SealFlags::WRITE | SealFlags::FUTURE_WRITE,
                ),
            ),
            (LEAST_LENT, memory(least, least, all - SealFlags::SHRINK)),
            (LEAST_LENT, memory(least - 1, 1, all)),
            (LEAST_LENT, memory(least + 1, 1, all)),
            (4096, memory(4096, 4096, all)),
            (MAX_LENT + 1, memory(MAX_LENT as usize + 1, 1, all)),
            (LEAST_LENT, reading),
            (LEAST_LENT, writing),
            (LEAST_LENT, event),
            (LEAST_LENT, std::fs::File::open("/dev/zero").unwrap().into()),
        ]
    })
}

/// A file in memory of `octets`, of which `written` are there, with `seals`.
fn memory(octets: usize, written: usize, seals: SealFlags) -> OwnedFd {
    let file = rustix::fs::memfd_create("hostile", MemfdFlags::ALLOW_SEALING).unwrap();
    rustix::fs::ftruncate(&file, octets as u64).unwrap();
    let done = rustix::io::pwrite(&file, &vec![7; written], 0).unwrap();
    assert_eq!(done, written);
    rustix::fs::fcntl_add_seals(&file, seals).unwrap();
    file
}
