//! Memory that is lent and is not what it has to be, is never asked for, or never comes.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use prixfixe_ipc::raw_peer::{self, RawChannel, RawPeer, RawRecord};
use prixfixe_ipc::{Client, Outcome, SealedMessage};
use rustix::fs::{MemfdFlags, SealFlags};

use super::doorbells::OWN_DOMAIN;
use super::processes::Process;
use super::server_process::ASYNCHRONOUS;
use super::stage::{Stage, await_that, honest_call, small};

/// The shortest that may be lent, in octets.
const LEAST: u32 = 256 << 10;
const ALL: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::WRITE)
    .union(SealFlags::SEAL);

/// A memory file of `octets`, all of them written up to what is usual, with `seals`.
fn memory(octets: u64, flags: MemfdFlags, seals: SealFlags) -> OwnedFd {
    let flags = flags | MemfdFlags::ALLOW_SEALING;
    let file = rustix::fs::memfd_create("hostile", flags).unwrap();
    rustix::fs::ftruncate(&file, octets).unwrap();
    let usual = usize::try_from(octets).unwrap().min(LEAST as usize);
    if !flags.contains(MemfdFlags::HUGETLB) {
        rustix::io::pwrite(&file, &vec![7; usual], 0).unwrap();
    }
    rustix::fs::fcntl_add_seals(&file, seals).unwrap();
    file
}

fn sealed() -> OwnedFd {
    memory(LEAST.into(), MemfdFlags::empty(), ALL)
}

fn lend(peer: &RawPeer, channel: &RawChannel, call: u64, octets: u32, file: &OwnedFd) {
    let message = raw_peer::lend(channel.number, call, octets);
    peer.socket.send(&message, &[file.as_fd()]).unwrap();
}

/// Mappings of lent memory that the server has, and its descriptors.
fn held(server: &Process) -> (usize, usize) {
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", server.id())).unwrap();
    let lent =
        |line: &&str| line.contains("memfd:hostile") || line.contains("prixfixe-ipc-message");
    let open = std::fs::read_dir(format!("/proc/{}/fd", server.id())).unwrap();
    (maps.lines().filter(lent).count(), open.count())
}

#[test]
fn memory_that_is_not_sealed_as_it_has_to_be_ends_the_connection() {
    let mut stage = Stage::new("unsealed");
    stage.bystanders_are_served();
    let before = held(&stage.server);
    let least = u64::from(LEAST);
    let none = MemfdFlags::empty();
    let (reading, writing) = rustix::pipe::pipe().unwrap();
    let on_disk = tempfile::tempfile().unwrap();
    on_disk.set_len(least).unwrap();
    let mut bad = vec![
        ("no seals", memory(least, none, SealFlags::empty())),
        ("writable", memory(least, none, ALL - SealFlags::WRITE)),
        (
            "writable by who has mapped it",
            memory(
                least,
                none,
                (ALL - SealFlags::WRITE) | SealFlags::FUTURE_WRITE,
            ),
        ),
        ("can shrink", memory(least, none, ALL - SealFlags::SHRINK)),
        ("can grow", memory(least, none, ALL - SealFlags::GROW)),
        ("more seals", memory(least, none, ALL - SealFlags::SEAL)),
        ("shorter", memory(least - 1, none, ALL)),
        ("of nothing", memory(0, none, ALL)),
        ("longer", memory(least + 1, none, ALL)),
        ("1 TiB of nothing", memory(1 << 40, none, ALL)),
        ("on disk", on_disk.into()),
        ("a pipe", reading),
        ("its other end", writing),
        ("a device", std::fs::File::open("/dev/zero").unwrap().into()),
        ("a folder", std::fs::File::open("/").unwrap().into()),
    ];
    // Its size is in whole pages of 2 MiB; without any it has the right size and nothing behind it.
    let huge = rustix::fs::memfd_create("hostile", MemfdFlags::HUGETLB | MemfdFlags::ALLOW_SEALING);
    if let Ok(huge) = huge {
        let _ = rustix::fs::ftruncate(&huge, 2 << 20);
        rustix::fs::fcntl_add_seals(&huge, ALL).unwrap();
        bad.push(("huge pages", huge));
    }
    for (name, file) in &bad {
        let (peer, channel) = stage.peer_with_channel();
        let octets = if *name == "huge pages" {
            2 << 20
        } else {
            LEAST
        };
        lend(&peer, &channel, 1, octets, file);
        assert_eq!(stage.next_gone(), "Corrupt(Memory)", "{name}");
    }
    // Shorter than what may be lent.
    let (peer, channel) = stage.peer_with_channel();
    let short = memory(4096, none, ALL);
    lend(&peer, &channel, 1, 4096, &short);
    assert_eq!(stage.next_gone(), "Corrupt(Memory)");
    stage.bystanders_are_served();
    await_that(|| held(&stage.server) == before);
    stage.finish();
}

#[test]
fn memory_of_which_most_is_missing_is_read_as_zeros_and_filled_by_nobody() {
    let stage = Stage::new("sparse");
    let (peer, channel) = stage.peer_with_channel();
    // Within what a message may have, and nothing of it exists.
    let octets = 16 << 20;
    let file = rustix::fs::memfd_create("hostile", MemfdFlags::ALLOW_SEALING).unwrap();
    rustix::fs::ftruncate(&file, octets.into()).unwrap();
    rustix::fs::fcntl_add_seals(&file, ALL).unwrap();
    lend(&peer, &channel, 1, octets, &file);
    let tail = channel.put(0, &RawRecord::lent(1, octets, 100));
    channel.publish(tail);
    peer.doorbell.ring();
    await_that(|| channel.reply_line.read(0) > 0);
    assert_eq!(channel.taken.read(0), 1);
    assert_eq!(rustix::fs::fstat(&file).unwrap().st_blocks, 0);
    honest_call(&peer, &channel, 2, tail);
    stage.finish();
}

/// The server stops at the second piece. Who came later and wants something else was answered by then.
#[cfg(feature = "fault-points")]
#[test]
fn between_two_pieces_that_have_to_be_copied_others_have_their_turn() {
    use prixfixe_ipc::fault_point::{FAULT_VARIABLE, Point};
    use rustix::process::{Pid, Signal, kill_process};

    let fault = format!("{}:2:stop", Point::ServerLent.name());
    let settings = [(FAULT_VARIABLE, fault.as_str())];
    let stage = Stage::without_bystanders("copied-in-turns", &settings);
    let server = Pid::from_raw(i32::try_from(stage.server.id()).unwrap()).unwrap();
    let is_stopped = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", stage.server.id())).unwrap();
        stat.rsplit(')').next().unwrap().starts_with(" T")
    };
    let (peer, channel) = stage.peer_with_channel();
    let other = stage.peer();
    let octets = 16 << 20;
    let file = rustix::fs::memfd_create("hostile", MemfdFlags::ALLOW_SEALING).unwrap();
    rustix::fs::ftruncate(&file, octets.into()).unwrap();
    rustix::fs::fcntl_add_seals(&file, ALL).unwrap();
    // So that it finds all of this at once.
    kill_process(server, Signal::STOP).unwrap();
    await_that(is_stopped);
    for call in [1, 2] {
        lend(&peer, &channel, call, octets, &file);
    }
    other.socket.send(&raw_peer::ping(7), &[]).unwrap();
    kill_process(server, Signal::CONT).unwrap();
    await_that(is_stopped);
    let answer = other.socket.receive(Duration::ZERO).unwrap();
    assert!(answer.is_some(), "two pieces were copied in one turn");
    kill_process(server, Signal::CONT).unwrap();
    stage.finish();
}

#[test]
fn a_thousand_pieces_that_no_record_names_are_not_kept() {
    let mut stage = Stage::new("never-named");
    stage.bystanders_are_served();
    let before = held(&stage.server);
    let file = sealed();
    // One after the other: calls that cannot all be in flight.
    let (peer, channel) = stage.peer_with_channel();
    for call in 1..=8 {
        lend(&peer, &channel, call, LEAST, &file);
    }
    await_that(|| held(&stage.server).0 == 8);
    await_that(|| held(&stage.server).1 == before.1 + 1);
    lend(&peer, &channel, 9, LEAST, &file);
    assert_eq!(stage.next_gone(), "Corrupt(Memory)");
    await_that(|| held(&stage.server) == before);
    // In many channels: more than a client may have lent are refused, and the others kept.
    let peer = stage.peer();
    let channels: Vec<RawChannel> = (0..125).map(|_| peer.open(small()).unwrap()).collect();
    for channel in &channels {
        for call in 1..=8 {
            // The server may have much to read.
            let message = raw_peer::lend(channel.number, call, LEAST);
            while peer.socket.send(&message, &[file.as_fd()]).is_err() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
    // The last was read when this is answered.
    peer.open(small()).unwrap();
    await_that(|| held(&stage.server).1 == before.1 + 1);
    assert_eq!(held(&stage.server).0, 64);
    stage.bystanders_are_served();
    drop(peer);
    assert_eq!(stage.next_gone(), "HungUp");
    await_that(|| held(&stage.server) == before);
    stage.finish();
}

#[test]
fn a_record_that_names_memory_which_never_came_ends_the_connection() {
    for mode in [&[][..], &[(ASYNCHRONOUS, "yes")]] {
        let mut stage = Stage::with("never-came", mode);
        let (peer, channel) = stage.peer_with_channel();
        channel.publish(channel.put(0, &RawRecord::lent(1, LEAST, 100)));
        peer.doorbell.ring();
        assert_eq!(stage.next_gone(), "Corrupt(Memory)");
        // Of another length than it was lent with.
        for octets in [0, LEAST - 1, LEAST + 1, u32::MAX] {
            let (peer, channel) = stage.peer_with_channel();
            lend(&peer, &channel, 1, LEAST, &sealed());
            channel.publish(channel.put(0, &RawRecord::lent(1, octets, 100)));
            peer.doorbell.ring();
            assert_eq!(stage.next_gone(), "Corrupt(Memory)", "{octets}");
        }
        // Lent for another call, or for another's channel, or without descriptor, or with two.
        let (peer, channel) = stage.peer_with_channel();
        lend(&peer, &channel, 2, LEAST, &sealed());
        channel.publish(channel.put(0, &RawRecord::lent(1, LEAST, 100)));
        peer.doorbell.ring();
        assert_eq!(stage.next_gone(), "Corrupt(Memory)");
        let (peer, channel) = stage.peer_with_channel();
        let other = stage.peer();
        lend(&other, &channel, 1, LEAST, &sealed());
        assert_eq!(stage.next_gone(), "Corrupt(Control)");
        let message = raw_peer::lend(channel.number, 1, LEAST);
        peer.socket.send(&message, &[]).unwrap();
        assert_eq!(stage.next_gone(), "Corrupt(Control)");
        let (peer, channel) = stage.peer_with_channel();
        let (one, other) = (sealed(), sealed());
        let message = raw_peer::lend(channel.number, 1, LEAST);
        let both = [one.as_fd(), other.as_fd()];
        peer.socket.send(&message, &both).unwrap();
        assert_eq!(stage.next_gone(), "Descriptors");
        // Twice, and backwards.
        for (first, second) in [(1, 1), (3, 2)] {
            let (peer, channel) = stage.peer_with_channel();
            lend(&peer, &channel, first, LEAST, &one);
            lend(&peer, &channel, second, LEAST, &one);
            assert_eq!(stage.next_gone(), "Corrupt(Memory)");
        }
        stage.bystanders_are_served();
        stage.finish();
    }
}

#[test]
fn a_flag_that_lends_and_says_not_long_is_none() {
    let stage = Stage::new("flags");
    for flags in [4, 5, 7] {
        let (peer, channel) = stage.peer_with_channel();
        lend(&peer, &channel, 1, LEAST, &sealed());
        let mut record = RawRecord::lent(1, LEAST, 100);
        record.tags[0] = flags;
        channel.publish(channel.put(0, &record));
        peer.doorbell.ring();
        assert_eq!(stage.next_gone(), "Corrupt(Header)", "{flags}");
    }
    stage.finish();
}

#[test]
fn memory_for_calls_that_are_over_is_passed_over_but_not_without_end() {
    let stage = Stage::new("too-late");
    let (peer, channel) = stage.peer_with_channel();
    let tail = honest_call(&peer, &channel, 1, 0);
    let file = sealed();
    lend(&peer, &channel, 1, LEAST, &file);
    honest_call(&peer, &channel, 2, tail);
    let mut sent = 0;
    while !peer.socket.is_gone() {
        let message = raw_peer::lend(channel.number, 1, LEAST);
        let _ = peer.socket.send(&message, &[file.as_fd()]);
        sent += 1;
        assert!(sent < 100_000, "the server reads on and on");
    }
    assert_eq!(stage.next_gone(), "Storm");
    stage.finish();
}

#[test]
fn who_is_a_trust_domain_of_its_own_lends_nothing() {
    let stage = Stage::without_bystanders("strangers", OWN_DOMAIN);
    // An honest client sends its sealed message in parts.
    let message = SealedMessage::copy_of(&vec![7; LEAST as usize]).unwrap();
    let mut client = Client::connect(&stage.address).unwrap();
    let mut reply = vec![0; 2 * LEAST as usize];
    let outcome = client.call_into(&message, &mut reply);
    assert!(matches!(outcome, Outcome::Completed(_)), "{outcome:?}");
    // Not before: while it starts, the server opens what it needs.
    let before = held(&stage.server);
    // Another's descriptor never becomes one of the server's.
    let (peer, channel) = stage.peer_with_channel();
    lend(&peer, &channel, 1, LEAST, &sealed());
    assert_eq!(stage.next_gone(), "Corrupt(Control)");
    drop(peer);
    await_that(|| held(&stage.server) == before);
    drop(client);
    stage.finish();
}

#[test]
fn nothing_stays_of_honest_sealed_calls() {
    for mode in [&[][..], &[(ASYNCHRONOUS, "yes")]] {
        let mut stage = Stage::with("nothing-stays", mode);
        stage.bystanders_are_served();
        let before = held(&stage.server);
        let message = SealedMessage::copy_of(&vec![7; 1 << 20]).unwrap();
        let mut client = Client::connect(&stage.address).unwrap();
        let mut reply = vec![0; 2 << 20];
        for _ in 0..200 {
            let outcome = client.call_into(&message, &mut reply);
            assert!(matches!(outcome, Outcome::Completed(_)), "{outcome:?}");
        }
        await_that(|| held(&stage.server) == (before.0, before.1 + 1));
        drop(client);
        await_that(|| held(&stage.server) == before);
        stage.finish();
    }
}
