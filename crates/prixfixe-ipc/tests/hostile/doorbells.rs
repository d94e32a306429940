//! Stealing rings, storms of them, hints wiped out, descriptors turned round: within one trust domain
//! calls may become slow, but each is completed; with a domain for each client nobody notices.

use std::os::fd::{AsFd as _, AsRawFd as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use prixfixe_ipc::Statistics;
use prixfixe_ipc::raw_peer::{self, RawChannel, RawPeer};
use rustix::fs::{Mode, OFlags};

use super::server_process::PER_CLIENT;
use super::stage::{PATIENCE, Stage, honest_call, small};

pub(crate) const OWN_DOMAIN: &[(&str, &str)] = &[(PER_CLIENT, "1")];
/// How often the bystanders have to show that they are served while it goes on.
const PROOFS: usize = 3;

/// Does `deed` over and over until the bystanders have been served.
fn during(stage: &mut Stage, deed: impl Fn() + Sync) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                deed();
            }
        });
        for _ in 0..PROOFS {
            stage.bystanders_are_served();
        }
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn wiping_out_all_hints_stops_nobody() {
    let mut stage = Stage::new("wipe");
    let peer = stage.peer();
    let _channels: Vec<RawChannel> = (0..80).map(|_| peer.open(small()).unwrap()).collect();
    during(&mut stage, || {
        for offset in (0..64).step_by(8) {
            peer.hints.write(offset, 0);
        }
    });
    stage.finish();
}

#[test]
fn reading_the_doorbell_steals_no_ring() {
    let mut stage = Stage::new("steal");
    let peer = stage.peer();
    during(&mut stage, || {
        peer.doorbell.drain();
    });
    stage.finish();
}

#[test]
fn a_storm_of_rings_wakes_the_server_now_and_then_only() {
    /// Rings that come sooner after each other are a storm, and it hears nothing of that.
    const APART: Duration = Duration::from_micros(30);
    /// What it puts up with before, and the looks at which its time is counted.
    const SLEEPS_BESIDES: u128 = 2000;
    let stage = Stage::without_bystanders("awake", OWN_DOMAIN);
    let peer = stage.peer();
    let statistics = Statistics::observe(&stage.address).unwrap();
    let sleeps = || statistics.snapshot().unwrap().server.sleeps;
    let (before, start) = (sleeps(), Instant::now());
    while start.elapsed() < Duration::from_secs(1) {
        peer.doorbell.ring();
    }
    let sleeps = u128::from(sleeps() - before);
    let most = start.elapsed().as_micros() / APART.as_micros() + SLEEPS_BESIDES;
    assert!(sleeps <= most, "it slept {sleeps} times, {most} would do");
    // Who has stormed is heard again.
    let channel = peer.open(small()).unwrap();
    honest_call(&peer, &channel, 1, 0);
    stage.finish();
}

#[test]
fn a_storm_of_rings_stops_nobody() {
    let mut stage = Stage::new("rings");
    let peer = stage.peer();
    during(&mut stage, || peer.doorbell.ring());
    stage.finish();
}

#[test]
fn a_storm_of_messages_stops_nobody_and_ends_with_who_makes_it() {
    let mut stage = Stage::new("messages");
    let peer = stage.peer();
    during(&mut stage, || {
        // A full socket is the end of what one peer can do.
        let _ = peer.socket.send(&raw_peer::ring(), &[]);
    });
    assert_eq!(stage.next_gone(), "Storm");
    stage.finish();
}

#[test]
fn a_storm_of_pings_ends_with_who_makes_it() {
    let mut stage = Stage::new("pings");
    let peer = stage.peer();
    let mut answered = 0;
    while peer.socket.send(&raw_peer::ping(answered), &[]).is_ok()
        && matches!(peer.socket.receive(PATIENCE), Ok(Some(_)))
    {
        answered += 1;
        assert!(answered < 1_000_000, "the server goes on answering");
    }
    assert_eq!(stage.next_gone(), "Storm");
    assert!(answered >= 64, "{answered} are no storm");
    stage.bystanders_are_served();
    stage.finish();
}

#[test]
fn who_pings_and_does_not_listen_is_dropped() {
    let stage = Stage::new("deaf");
    let peer = stage.peer();
    for number in 0..64 {
        // The end of what it can do comes before.
        let _ = peer.socket.send(&raw_peer::ping(number), &[]);
    }
    assert_eq!(stage.next_gone(), "Unread");
    stage.finish();
}

#[test]
fn a_full_doorbell_costs_time_and_no_call() {
    let mut stage = Stage::new("full");
    let peer = stage.peer();
    during(&mut stage, || peer.doorbell.add(u64::MAX - 1));
    stage.finish();
}

#[test]
fn a_full_doorbell_that_makes_others_wait_does_so_only_until_the_server_looks() {
    let mut stage = Stage::new("waiting");
    let peer = stage.peer();
    let bell = peer.doorbell.as_fd();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let flags = |flags| rustix::fs::fcntl_setfl(bell, flags).unwrap();
            while !over.load(Ordering::Relaxed) {
                flags(OFlags::NONBLOCK);
                peer.doorbell.drain();
                let filled = rustix::io::write(bell, &(u64::MAX - 1).to_ne_bytes()).is_ok();
                // From here on a ring waits for room.
                flags(OFlags::empty());
                // Time for somebody to ring, which is what this is about.
                std::thread::sleep(Duration::from_millis(u64::from(filled)));
            }
        });
        for _ in 0..PROOFS {
            stage.bystanders_are_served();
        }
        over.store(true, Ordering::Relaxed);
    });
    stage.finish();
}

/// Makes everything that the peer got wait for room, and takes all room away.
fn turn_round(peer: &RawPeer) {
    // While it does not wait yet. The counter holds less than this, for nobody else rings here.
    peer.doorbell.drain();
    peer.doorbell.add(u64::MAX - 1);
    for descriptor in &peer.descriptors {
        // Of memory nobody has to wait for room; of the doorbell and the pipe he has to now.
        let _ = rustix::fs::fcntl_setfl(descriptor, OFlags::empty());
    }
    let path = format!("/proc/self/fd/{}", peer.descriptors[4].as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::NONBLOCK;
    let pipe = rustix::fs::open(path, flags, Mode::empty()).unwrap();
    while rustix::io::write(&pipe, &[0; 512]).is_ok() {}
}

#[test]
fn descriptors_that_wait_and_are_full_do_not_stop_the_server() {
    let mut stage = Stage::with("blocking", OWN_DOMAIN);
    let peer = stage.asynchronous_peer();
    let channel = peer.open(small()).unwrap();
    turn_round(&peer);
    // It says that it sleeps, so each reply would be a wake into a full pipe.
    let link_page = peer.link_page.as_ref().unwrap();
    let mut tail = 0;
    for number in 1..=20 {
        link_page.write(RawPeer::LINK_SLEEPING, 2 * number + 1);
        let before = channel.reply_line.read(0);
        tail = channel.put(tail, &raw_peer::RawRecord::request(number, b"hello", 64));
        channel.publish(tail);
        // The doorbell would not come back.
        peer.socket.send(&raw_peer::ring(), &[]).unwrap();
        super::stage::await_that(|| channel.reply_line.read(0) != before);
    }
    stage.bystanders_are_served();
    drop((peer, channel));
    assert_eq!(stage.next_gone(), "HungUp");
    stage.finish();
}

#[test]
fn with_a_domain_of_its_own_a_thief_steals_from_himself() {
    let mut stage = Stage::with("own", OWN_DOMAIN);
    let peer = stage.peer();
    let before = peer.doorbell.drain();
    assert!(!before, "nobody else rings here");
    during(&mut stage, || {
        assert!(!peer.doorbell.drain(), "nobody else rings here");
        for offset in (0..64).step_by(8) {
            assert_eq!(peer.hints.read(offset), 0, "nobody else leaves hints here");
        }
    });
    stage.finish();
}
