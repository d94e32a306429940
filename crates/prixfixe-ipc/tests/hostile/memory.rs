//! What can be done with the descriptors of memory behind the mappings.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use prixfixe_ipc::ChannelSizes;
use prixfixe_ipc::raw_peer::{self, RawChannel, RawRecord};
use rustix::fs::{FallocateFlags, Mode, OFlags};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};

use super::server_process::MAX_SHARED_PER_CLIENT;
use super::stage::{Stage, honest_call, small};

/// The same file, opened anew for reading and writing, as everybody may who has a descriptor.
fn opened_anew(memory: BorrowedFd<'_>) -> rustix::fd::OwnedFd {
    let path = format!("/proc/self/fd/{}", memory.as_raw_fd());
    rustix::fs::open(path, OFlags::RDWR, Mode::empty()).unwrap()
}

#[test]
fn nobody_writes_to_the_server_page_or_changes_a_size() {
    let mut stage = Stage::new("seals");
    let (peer, channel) = stage.peer_with_channel();
    let page = peer.descriptors[0].as_fd();
    for page in [page, opened_anew(page).as_fd()] {
        assert_eq!(rustix::io::pwrite(page, &[1; 8], 128), Err(Errno::PERM));
        assert_eq!(punch(page, 4096), Err(Errno::PERM));
        // SAFETY: the mapping, if there were one, would be at a place of the kernel's choice.
        let mapped = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                4096,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                page,
                0,
            )
        };
        assert_eq!(mapped, Err(Errno::PERM));
    }
    for memory in [
        page,
        peer.descriptors[1].as_fd(),
        channel.descriptor.as_fd(),
    ] {
        for size in [0_u64, 4096, 1 << 40] {
            let size_now = rustix::fs::fstat(memory).unwrap().st_size.cast_unsigned();
            if size != size_now {
                assert_eq!(rustix::fs::ftruncate(memory, size), Err(Errno::PERM));
            }
        }
        let seals = rustix::fs::SealFlags::WRITE;
        assert_eq!(rustix::fs::fcntl_add_seals(memory, seals), Err(Errno::PERM));
    }
    stage.bystanders_are_served();
    stage.finish();
}

#[test]
fn pages_given_back_under_a_call_read_as_zeros() {
    let mut stage = Stage::new("holes");
    for round in 0..50 {
        let (peer, channel) = stage.peer_with_channel();
        let size = channel.segment.len() as u64;
        let tail = honest_call(&peer, &channel, 1, 0);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    punch(channel.descriptor.as_fd(), size).unwrap();
                    punch(peer.descriptors[1].as_fd(), 4096).unwrap();
                }
            });
            let mut tail = tail;
            for number in 2..200 {
                tail = channel.put(tail, &RawRecord::request(number, b"hello", 64));
                channel.publish(tail);
                peer.doorbell.ring();
                if peer.socket.is_gone() {
                    break;
                }
            }
            over.store(true, Ordering::Relaxed);
        });
        if round % 10 == 0 {
            stage.bystanders_are_served();
        }
        let _ = peer.open(small());
    }
    stage.finish();
}

#[test]
fn a_client_that_keeps_all_of_its_memory_touched_costs_no_more_than_its_ceiling() {
    const CEILING: u64 = 4 << 20;
    let ceiling = CEILING.to_string();
    let mut stage = Stage::with("ceiling", &[(MAX_SHARED_PER_CLIENT, &ceiling)]);
    let sizes = ChannelSizes::default();
    let peers = [stage.peer(), stage.peer()];
    for peer in &peers {
        let mut channels = Vec::new();
        while let Ok(channel) = peer.open(sizes) {
            // Rings that are full as far as anybody can see, and are never emptied.
            for place in (4096..channel.segment.len()).step_by(512) {
                channel.segment.write(place, u64::MAX);
            }
            channels.push(channel);
            assert!(channels.len() <= 64, "nobody stops it");
        }
        let blocks =
            |channel: &RawChannel| rustix::fs::fstat(&channel.descriptor).unwrap().st_blocks;
        let used = channels.iter().map(blocks).sum::<i64>().cast_unsigned() * 512;
        assert!(used <= CEILING, "{used} octets");
        assert!(used > CEILING / 2, "only {used} octets: nothing was tried");
        // What is given back can be had again, and is counted again.
        let last = channels.pop().unwrap();
        peer.socket
            .send(&raw_peer::close(last.number), &[])
            .unwrap();
        drop(last);
        assert!(peer.open(sizes).is_ok());
        assert!(peer.open(sizes).is_err());
    }
    stage.bystanders_are_served();
    stage.finish();
}

fn punch(memory: BorrowedFd<'_>, size: u64) -> Result<(), Errno> {
    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(memory, hole, 0, size)
}
