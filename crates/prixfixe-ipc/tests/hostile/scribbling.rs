//! Every word of every mapping that a peer gets, with every kind of value: one at a time for the
//! words that steer, in a storm for all of them. Nothing is expected of the peer's own connection; the
//! server must live, and everybody else be served.

use std::sync::atomic::{AtomicBool, Ordering};

use prixfixe_ipc::raw_peer::{RawChannel, RawMemory, RawPeer, RawRecord};

use super::stage::{Chance, Stage, await_that, honest_call, small};

/// Octets of the header of a segment.
const HEADER: usize = 4096;
/// The offsets of all words that either side writes; between them nobody does.
const WORDS: [usize; 8] = [128, 136, 256, 264, 384, 392, 512, 640];

fn values(chance: &mut Chance) -> [u64; 8] {
    let any = chance.next();
    [
        0,
        1,
        8,
        4096,
        u64::MAX,
        u64::MAX - 7,
        any,
        (any % 8192) & !7,
    ]
}

#[test]
fn each_steering_word_with_each_value() {
    let mut stage = Stage::new("words");
    let mut chance = Chance(1);
    for offset in WORDS {
        for value in values(&mut chance) {
            for in_flight in [false, true] {
                let (peer, channel) = stage.peer_with_channel();
                let tail = honest_call(&peer, &channel, 1, 0);
                if in_flight {
                    channel.put(tail, &RawRecord::request(2, b"hello", 64));
                    channel.publish(tail + 72);
                    peer.doorbell.ring();
                }
                channel.segment.write(offset, value);
                peer.doorbell.ring();
                // A next message is a point by which the server has looked, if it has not hung up.
                let _ = peer.open(small());
            }
        }
    }
    stage.bystanders_are_served();
    stage.finish();
}

#[test]
fn words_that_nobody_reads_change_nothing() {
    let stage = Stage::new("reserved");
    let (peer, channel) = stage.peer_with_channel();
    let mut chance = Chance(2);
    let mut tail = 0;
    for number in 1..=8 {
        let value = values(&mut chance)[number as usize - 1];
        for offset in (0..HEADER)
            .step_by(8)
            .filter(|offset| !WORDS.contains(offset))
        {
            channel.segment.write(offset, value);
        }
        // The server's own words, too: it never reads them back.
        for offset in [256, 264, 392] {
            channel.segment.write(offset, value);
        }
        tail = honest_call(&peer, &channel, number, tail);
    }
    stage.finish();
}

#[test]
fn a_storm_over_rings_and_headers_while_calls_are_in_flight() {
    let mut stage = Stage::new("storm");
    let mut chance = Chance(3);
    for round in 0..rounds() {
        let peer = if round % 2 == 0 {
            stage.peer()
        } else {
            stage.asynchronous_peer()
        };
        let channels = [peer.open(small()).unwrap(), peer.open(small()).unwrap()];
        let tails = [0, 1].map(|index| honest_call(&peer, &channels[index], 1, 0));
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for (channel, tail) in channels.iter().zip(tails) {
                let seed = chance.next();
                let (peer, over) = (&peer, &over);
                scope.spawn(move || keep_calling(peer, channel, tail, seed, over));
            }
            // The header less often, since almost any value there ends the connection.
            for step in 0..2000 {
                let channel = &channels[chance.below(2)];
                scribble(&channel.requests, &mut chance);
                scribble(&channel.replies, &mut chance);
                if let Some(page) = &peer.link_page {
                    scribble(page, &mut chance);
                }
                if step % 500 == 499 {
                    scribble(&channel.segment, &mut chance);
                    channel.segment.write(WORDS[chance.below(8)], chance.next());
                }
                if peer.socket.is_gone() {
                    break;
                }
            }
            over.store(true, Ordering::Relaxed);
        });
        if round % 8 == 0 {
            stage.bystanders_are_served();
        }
    }
    stage.finish();
}

/// Calls on and on, in a ring that somebody else scribbles over.
fn keep_calling(peer: &RawPeer, channel: &RawChannel, mut tail: u64, seed: u64, over: &AtomicBool) {
    let mut chance = Chance(seed);
    let payload = [3; 200];
    for number in 2.. {
        if over.load(Ordering::Relaxed) || peer.socket.is_gone() {
            return;
        }
        let left = 4096 - tail % 4096;
        if left < 264 {
            tail += left;
            channel.request_line.write(8, tail);
        }
        let length = chance.below(200);
        tail = channel.put(tail, &RawRecord::request(number, &payload[..length], 300));
        channel.publish(tail);
        channel.sleeping.write(0, number * 2 + 1);
        peer.doorbell.ring();
        await_that(|| {
            let written = channel.reply_line.read(0);
            channel.reply_head.write(0, written);
            channel.taken.read(0) >= number || over.load(Ordering::Relaxed) || peer.socket.is_gone()
        });
    }
}

fn scribble(memory: &RawMemory, chance: &mut Chance) {
    let place = chance.below(memory.len() / 8) * 8;
    let value = values(chance)[chance.below(8)];
    memory.write(place, value);
}

fn rounds() -> u32 {
    if std::env::var_os("PRIXFIXE_LONG").is_some() {
        2000
    } else {
        60
    }
}

#[test]
fn hints_that_belong_to_nobody_are_passed_over() {
    let mut stage = Stage::new("hints");
    let peer = stage.peer();
    // So many channels that hints are in use.
    let channels: Vec<RawChannel> = (0..70).map(|_| peer.open(small()).unwrap()).collect();
    for value in [u64::MAX, 0, 1 << 63, 0xaaaa_aaaa_aaaa_aaaa] {
        for offset in (0..peer.hints.len()).step_by(8) {
            peer.hints.write(offset, value);
        }
        peer.doorbell.ring();
        stage.bystanders_are_served();
    }
    for channel in &channels {
        honest_call(&peer, channel, 1, 0);
    }
    stage.finish();
}
