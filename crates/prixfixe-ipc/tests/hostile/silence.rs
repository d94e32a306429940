//! A peer that reads no replies is left alone: the server neither waits for it nor looks at it again
//! and again.

use std::time::{Duration, Instant};

use prixfixe_ipc::raw_peer::{RawPeer, RawRecord};

use super::lies::fill_reply_ring;
use super::stage::{Stage, await_that};

#[test]
fn replies_that_nobody_reads_cost_the_server_nothing() {
    let mut stage = Stage::without_bystanders("unread", &[]);
    let peers: Vec<_> = (0..8).map(|_| stage.peer_with_channel()).collect();
    for (peer, channel) in &peers {
        fill_reply_ring(peer, channel);
    }
    let (peer, channel) = &peers[0];
    await_that(|| peer.server_page.read(RawPeer::SERVER_SLEEPING) & 1 == 1);
    let share = busy_share(stage.server.id());
    assert!(
        share < 0.2,
        "the server is busy {share} of its time with nothing"
    );

    stage.let_bystanders_in();
    stage.bystanders_are_served();
    // Who reads at last is served at last.
    let taken = channel.taken.read(0);
    let read = channel.reply_line.read(0);
    channel.reply_head.write(0, read);
    peer.doorbell.ring();
    await_that(|| channel.taken.read(0) == taken + 1);
    stage.finish();
}

#[test]
fn rings_and_messages_without_work_let_the_server_sleep_again() {
    let stage = Stage::without_bystanders("idle", &[]);
    let peers: Vec<_> = (0..100).map(|_| stage.peer_with_channel()).collect();
    for (peer, channel) in &peers {
        // A record that is not published is not there.
        channel.put(0, &RawRecord::request(1, b"hello", 64));
        channel.sleeping.write(0, u64::MAX);
        peer.hints.write(0, u64::MAX);
        peer.doorbell.ring();
    }
    await_that(|| peers[0].0.server_page.read(RawPeer::SERVER_SLEEPING) & 1 == 1);
    let share = busy_share(stage.server.id());
    assert!(
        share < 0.2,
        "the server is busy {share} of its time with nothing"
    );
    stage.finish();
}

/// Which part of a while a process was running. Whoever else wants the processors can only make it
/// less, and one that spins has all or half of it.
pub(crate) fn busy_share(process: u32) -> f64 {
    let while_lasts = Duration::from_millis(1000);
    let (before, start) = (ticks(process), Instant::now());
    std::thread::sleep(while_lasts);
    let (ticks, time) = (ticks(process) - before, start.elapsed());
    let per_second = rustix::param::clock_ticks_per_second();
    ticks as f64 / per_second as f64 / time.as_secs_f64()
}

/// Ticks of the clock for which a process has run.
pub(crate) fn ticks(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // Its name may contain anything; behind it the fields are counted from 3.
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let field = |number: usize| fields[number - 3].parse::<u64>().unwrap();
    field(14) + field(15)
}
