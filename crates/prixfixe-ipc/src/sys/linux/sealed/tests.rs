use std::os::unix::fs::FileExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::fs::{FallocateFlags, MemfdFlags};

use super::*;

fn len() -> usize {
    rustix::param::page_size() * 20
}

/// A memory file of `len` octets, of which `written` are there, with `seals`.
fn file(len: usize, written: usize, seals: SealFlags) -> OwnedFd {
    let file = sealable_file("test").unwrap();
    rustix::fs::ftruncate(&file, len as u64).unwrap();
    let file = std::fs::File::from(file);
    file.write_all_at(&vec![7; written], 0).unwrap();
    rustix::fs::fcntl_add_seals(&file, seals).unwrap();
    file.into()
}

fn content(file: &SealedFile, len: usize) -> Vec<u8> {
    let mut bytes = vec![1; len];
    file.read(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_file_whose_pages_are_all_there_is_mapped() {
    let file = SealedFile::accept(file(len(), len(), SEALS), len()).unwrap();
    let mapping = file.map().unwrap().unwrap();
    assert_eq!(mapping.mapping().len(), len());
    assert_eq!(content(&file, len()), vec![7; len()]);
}

#[test]
fn a_draft_that_was_sealed_is_mapped_by_others_though_nothing_was_written() {
    let own = DraftFile::create(len() - 1).unwrap().seal().unwrap();
    let peer = SealedFile::accept(own.file.try_clone().unwrap(), len() - 1).unwrap();
    assert!(peer.map().unwrap().is_some());
    assert_eq!(content(&peer, len() - 1), vec![0; len() - 1]);
}

#[test]
fn a_file_with_holes_is_read_and_not_mapped() {
    for written in [0, 1, len() - rustix::param::page_size()] {
        let file = SealedFile::accept(file(len(), written, SEALS), len()).unwrap();
        assert!(file.map().unwrap().is_none(), "{written}");
        let expected = [vec![7; written], vec![0; len() - written]].concat();
        assert_eq!(content(&file, len()), expected);
        let blocks = rustix::fs::fstat(&file.file).unwrap().st_blocks;
        assert!(
            usize::try_from(blocks).unwrap() * 512 < len(),
            "holes were filled for it"
        );
    }
}

#[test]
fn pages_behind_the_end_stand_for_no_hole() {
    let sparse = file(len(), 0, SealFlags::empty());
    let (end, keep) = (len() as u64, FallocateFlags::KEEP_SIZE);
    rustix::fs::fallocate(&sparse, keep, end, end).unwrap();
    rustix::fs::fcntl_add_seals(&sparse, SEALS).unwrap();
    let file = SealedFile::accept(sparse, len()).unwrap();
    assert!(file.map().unwrap().is_none());
}

#[test]
fn every_seal_is_asked_for_and_none_stands_for_another() {
    for missing in SEALS.iter() {
        let seals = (SEALS - missing) | SealFlags::FUTURE_WRITE;
        let refused = SealedFile::accept(file(len(), len(), seals), len());
        assert!(
            matches!(refused, Err(BadSegment::SealsMissing { .. })),
            "{missing:?}: {refused:?}"
        );
    }
}

#[test]
fn another_size_and_huge_pages_are_refused() {
    for wrong in [1, len() - 1, len() + 1, 1 << 40] {
        let refused = SealedFile::accept(file(wrong, 1, SEALS), len());
        assert!(
            matches!(refused, Err(BadSegment::WrongSize { found, .. }) if found == wrong as u64),
            "{wrong}: {refused:?}"
        );
    }
    let huge = 2 << 20;
    let flags = MemfdFlags::ALLOW_SEALING | MemfdFlags::HUGETLB | MemfdFlags::HUGE_2MB;
    let file = rustix::fs::memfd_create("test", flags).unwrap();
    // Of that size where there is a page of it; it is refused in any case.
    let _ = rustix::fs::ftruncate(&file, huge as u64);
    rustix::fs::fcntl_add_seals(&file, SEALS).unwrap();
    let refused = SealedFile::accept(file, huge);
    assert!(matches!(refused, Err(BadSegment::NotTmpfs)), "{refused:?}");
}

#[test]
fn what_can_still_be_written_is_not_sealed() {
    let file = sealable_file("test").unwrap();
    rustix::fs::ftruncate(&file, len() as u64).unwrap();
    let writable = Mapping::of_file(file.as_fd(), len(), ProtFlags::READ | ProtFlags::WRITE);
    assert_eq!(rustix::fs::fcntl_add_seals(&file, SEALS), Err(Errno::BUSY));
    drop(writable);
    rustix::fs::fcntl_add_seals(&file, SEALS).unwrap();
}

#[test]
fn a_forked_child_has_no_draft_of_its_parent_s_to_seal_or_to_write() {
    let mut draft = Some(DraftFile::create(len()).unwrap());
    let mut child = Command::new("true");
    let in_child = move || match draft.take().map(DraftFile::seal) {
        Some(Err((_, None))) => Ok(()),
        _ => Err(io::ErrorKind::AlreadyExists.into()),
    };
    // SAFETY: the closure makes system calls and allocates nothing.
    unsafe { child.pre_exec(in_child) };
    assert!(child.status().unwrap().success());
}
