use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::OFlags;

use super::*;

fn size() -> usize {
    rustix::param::page_size() * 2
}

fn word(mapping: &Mapping) -> &AtomicU64 {
    // SAFETY: a mapping is page aligned, and lives as long as the reference.
    unsafe { mapping.base().cast().as_ref() }
}

/// A memory file of `len` octets with `seals`.
fn file(len: usize, seals: SealFlags) -> OwnedFd {
    let file = sealable_file("test").unwrap();
    rustix::fs::ftruncate(&file, len as u64).unwrap();
    rustix::fs::fcntl_add_seals(&file, seals).unwrap();
    file
}

#[test]
fn what_one_writes_the_other_reads() {
    for sharing in [Sharing::PeerWrites, Sharing::PeerReads] {
        let (own, memfd) = Mapping::create("test", size(), sharing).unwrap();
        let peer = Mapping::accept(memfd, size(), sharing).unwrap();
        assert_eq!((own.len(), peer.len()), (size(), size()));
        assert_ne!(own.base(), peer.base());
        word(&own).store(7, Ordering::Relaxed);
        assert_eq!(word(&peer).load(Ordering::Relaxed), 7);
        if sharing == Sharing::PeerWrites {
            word(&peer).store(8, Ordering::Relaxed);
            assert_eq!(word(&own).load(Ordering::Relaxed), 8);
        }
    }
}

#[test]
fn the_size_cannot_be_changed_nor_a_seal_added() {
    let (_own, memfd) = Mapping::create("test", size(), Sharing::PeerWrites).unwrap();
    for len in [0, size() - 1, size() + 1] {
        assert_eq!(
            rustix::fs::ftruncate(&memfd, len as u64),
            Err(Errno::PERM),
            "{len}"
        );
    }
    let sealed = rustix::fs::fcntl_add_seals(&memfd, SealFlags::WRITE);
    assert_eq!(sealed, Err(Errno::PERM));
}

#[test]
fn whoever_only_reads_can_make_no_writable_mapping_and_write_nothing() {
    let (own, memfd) = Mapping::create("test", size(), Sharing::PeerReads).unwrap();
    let writable = Mapping::of_file(memfd.as_fd(), size(), ProtFlags::READ | ProtFlags::WRITE);
    assert_eq!(
        Errno::from_io_error(&writable.unwrap_err()),
        Some(Errno::PERM)
    );
    assert_eq!(rustix::io::pwrite(&memfd, b"x", 0), Err(Errno::PERM));
    let reopened = rustix::fs::open(
        format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&memfd)),
        OFlags::RDWR,
        rustix::fs::Mode::empty(),
    );
    let writable = Mapping::of_file(
        reopened.unwrap().as_fd(),
        size(),
        ProtFlags::READ | ProtFlags::WRITE,
    );
    assert!(writable.is_err());

    let peer = Mapping::accept(memfd, size(), Sharing::PeerReads).unwrap();
    // SAFETY: the range is the mapping of `peer`; nothing is written.
    let raised = unsafe {
        rustix::mm::mprotect(
            peer.base().as_ptr().cast(),
            peer.len(),
            rustix::mm::MprotectFlags::READ | rustix::mm::MprotectFlags::WRITE,
        )
    };
    assert_eq!(raised, Err(Errno::ACCESS));
    word(&own).store(1, Ordering::Relaxed);
    assert_eq!(word(&peer).load(Ordering::Relaxed), 1);
}

#[test]
fn every_seal_is_asked_for() {
    for sharing in [Sharing::PeerWrites, Sharing::PeerReads] {
        let needed = sharing.seals();
        for missing in needed.iter() {
            let refused = Mapping::accept(file(size(), needed - missing), size(), sharing);
            let expected = needed - missing;
            assert!(
                matches!(refused, Err(BadSegment::SealsMissing { found, .. })
                    if found & needed.bits() == expected.bits()),
                "{missing:?}: {refused:?}"
            );
        }
        Mapping::accept(file(size(), needed), size(), sharing).unwrap();
    }
}

#[test]
fn any_other_size_is_refused() {
    let page = rustix::param::page_size();
    for len in [0, 1, size() - page, size() - 1, size() + 1, size() + page] {
        let refused = Mapping::accept(
            file(len, Sharing::PeerWrites.seals()),
            size(),
            Sharing::PeerWrites,
        );
        assert!(
            matches!(refused, Err(BadSegment::WrongSize { found, .. }) if found == len as u64),
            "{len}: {refused:?}"
        );
    }
    let empty = file(0, Sharing::PeerWrites.seals());
    let refused = Mapping::accept(empty, 0, Sharing::PeerWrites);
    assert!(matches!(refused, Err(BadSegment::WrongSize { .. })));
}

#[test]
fn what_is_no_memory_file_is_refused() {
    let (pipe, _) = rustix::pipe::pipe().unwrap();
    let others: [OwnedFd; 4] = [
        pipe,
        rustix::event::eventfd(0, rustix::event::EventfdFlags::empty()).unwrap(),
        File::open("/dev/zero").unwrap().into(),
        File::open("/proc/self/maps").unwrap().into(),
    ];
    for other in others {
        let refused = Mapping::accept(other, size(), Sharing::PeerWrites);
        assert!(
            matches!(refused, Err(BadSegment::NotSealable)),
            "{refused:?}"
        );
    }
    // On a disk it cannot be sealed; on tmpfs it could be, and is not.
    let on_disk = tempfile::tempfile().unwrap();
    on_disk.set_len(size() as u64).unwrap();
    let refused = Mapping::accept(on_disk.into(), size(), Sharing::PeerWrites);
    assert!(matches!(
        refused,
        Err(BadSegment::NotSealable | BadSegment::SealsMissing { .. })
    ));
}

#[test]
fn huge_pages_are_refused() {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING | MemfdFlags::HUGETLB;
    // Kernels without huge pages have nothing to refuse.
    let Ok(huge) = rustix::fs::memfd_create("test", flags) else {
        return;
    };
    let len = 1 << 21;
    if rustix::fs::ftruncate(&huge, len as u64).is_err() {
        return;
    }
    rustix::fs::fcntl_add_seals(&huge, Sharing::PeerWrites.seals()).unwrap();
    let refused = Mapping::accept(huge, len, Sharing::PeerWrites);
    assert!(matches!(refused, Err(BadSegment::NotTmpfs)), "{refused:?}");
}

#[test]
fn a_size_that_is_not_whole_pages_is_refused() {
    for len in [0, 1, rustix::param::page_size() + 1] {
        let made = Mapping::create("test", len, Sharing::PeerWrites);
        assert_eq!(made.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}

#[test]
fn a_forked_child_has_no_mapping() {
    let (shared, _memfd) = Mapping::create("test", size(), Sharing::PeerWrites).unwrap();
    for mapping in [shared, Mapping::private(size()).unwrap()] {
        assert!(is_mapped(&mapping).is_ok());
        let mut child = Command::new("true");
        let in_child = move || match is_mapped(&mapping) {
            Err(Errno::NOMEM) => Ok(()),
            _ => Err(io::ErrorKind::AlreadyExists.into()),
        };
        // SAFETY: the closure makes one system call and allocates nothing.
        unsafe { child.pre_exec(in_child) };
        assert!(child.status().unwrap().success());
    }
}

#[test]
fn a_forked_child_unmaps_nothing_that_came_to_lie_there() {
    let mut mapping = Some(Mapping::private(size()).unwrap());
    let mut child = Command::new("true");
    let in_child = move || {
        let mapping = mapping.take().ok_or(Errno::INVAL)?;
        let (base, len) = (mapping.base().as_ptr().cast(), mapping.len());
        let flags = MapFlags::PRIVATE | MapFlags::FIXED_NOREPLACE;
        // SAFETY: a forked child has nothing in this range.
        unsafe { rustix::mm::mmap_anonymous(base, len, ProtFlags::READ, flags) }?;
        drop(mapping);
        // SAFETY: the advice is what every mapping has to begin with.
        Ok(unsafe { rustix::mm::madvise(base, len, Advice::Normal) }?)
    };
    // SAFETY: the closure makes system calls and allocates nothing.
    unsafe { child.pre_exec(in_child) };
    assert!(child.status().unwrap().success());
}

fn is_mapped(mapping: &Mapping) -> Result<(), Errno> {
    // SAFETY: the advice is what every mapping has to begin with.
    unsafe {
        rustix::mm::madvise(
            mapping.base().as_ptr().cast(),
            mapping.len(),
            Advice::Normal,
        )
    }
}

#[test]
fn what_is_given_back_reads_as_zeros_for_all_and_costs_nothing() {
    let page = rustix::param::page_size();
    let (own, memfd) = Mapping::create("test", 4 * page, Sharing::PeerWrites).unwrap();
    let blocks = memfd.try_clone().unwrap();
    let octets = || {
        rustix::fs::fstat(&blocks)
            .unwrap()
            .st_blocks
            .cast_unsigned()
            * 512
    };
    let peer = Mapping::accept(memfd, 4 * page, Sharing::PeerWrites).unwrap();
    let at = |mapping: &Mapping, number: usize| {
        let base: *const AtomicU64 = mapping.base().as_ptr().cast();
        // SAFETY: each of the four pages begins with a word, and both mappings outlive the call.
        unsafe { &*base.byte_add(number * page) }.load(Ordering::Relaxed)
    };
    for number in 0..4 {
        let base: *mut AtomicU64 = own.base().as_ptr().cast();
        // SAFETY: as above.
        unsafe { &*base.byte_add(number * page) }.store(7, Ordering::Relaxed);
    }
    assert_eq!(octets(), 4 * page as u64);
    // Whole pages alone: the second and the third.
    own.give_back(8, 3 * page - 8);
    assert_eq!(octets(), 2 * page as u64);
    assert_eq!([0, 1, 2, 3].map(|number| at(&peer, number)), [7, 0, 0, 7]);
    own.give_back(0, usize::MAX);
    assert_eq!([0, 1, 2, 3].map(|number| at(&own, number)), [0; 4]);
    own.give_back(4 * page, 0);
    own.give_back(usize::MAX - page, 1);
}
