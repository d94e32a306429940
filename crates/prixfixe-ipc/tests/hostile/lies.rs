//! Lies in one place at a time, each on a connection of its own: the server names the lie and the
//! liar, drops him, and goes on.

use prixfixe_ipc::raw_peer::{RawChannel, RawPeer, RawRecord};

use super::stage::{Stage, honest_call};

const RING: u64 = 4096;

/// What the liar does after `calls` honest calls that end at `tail`, and what he is dropped for.
type Lie = (&'static str, fn(&RawChannel, u64), &'static str);

fn put_and_publish(channel: &RawChannel, tail: u64, record: &RawRecord) {
    let after = channel.put(tail, record);
    channel.publish(after);
}

fn spoilt(channel: &RawChannel, tail: u64, spoil: impl FnOnce(&mut RawRecord)) {
    // The one honest call before was number 1.
    let mut record = RawRecord::request(2, b"hello", 64);
    spoil(&mut record);
    put_and_publish(channel, tail, &record);
}

/// A record with as many octets of content as `length` says, all there and published.
fn of_length(channel: &RawChannel, tail: u64, length: u32) {
    spoilt(channel, tail, |record| record.length = length);
}

const LIES: &[Lie] = &[
    ("tail by one octet", |c, tail| c.publish(tail + 1), "Tail"),
    ("tail by seven", |c, tail| c.publish(tail + 7), "Tail"),
    ("tail moved back", |c, tail| c.publish(tail - 8), "Tail"),
    ("tail at zero", |c, _| c.publish(0), "Tail"),
    (
        "tail a lap and a word ahead",
        |c, tail| c.publish(tail + RING + 8),
        "Tail",
    ),
    ("the greatest tail", |c, _| c.publish(u64::MAX), "Tail"),
    (
        "the greatest even tail",
        |c, _| c.publish(u64::MAX - 7),
        "Tail",
    ),
    ("tail at half of all", |c, _| c.publish(1 << 63), "Tail"),
    (
        "tail below 2^32 ahead",
        |c, tail| c.publish(tail + (1 << 32)),
        "Tail",
    ),
    (
        "a start inside a lap",
        |c, tail| {
            c.request_line.write(8, tail + 8);
            c.publish(tail + 72);
        },
        "Start",
    ),
    (
        "a start a lap ahead",
        |c, tail| {
            c.request_line.write(8, 2 * RING);
            c.publish(tail + 2 * RING);
        },
        "Start",
    ),
    (
        "a start beyond the tail",
        |c, tail| {
            c.request_line.write(8, RING);
            c.publish(tail + 64);
        },
        "Start",
    ),
    (
        "the greatest start",
        |c, tail| {
            c.request_line.write(8, u64::MAX);
            c.publish(tail + 64);
        },
        "Start",
    ),
    (
        "the last lap as start",
        |c, _| {
            c.request_line.write(8, u64::MAX - (RING - 1));
            c.publish(u64::MAX - 7);
        },
        "Start",
    ),
    (
        "nothing behind the start",
        |c, _| {
            c.request_line.write(8, RING);
            c.publish(RING);
        },
        "Tail",
    ),
    ("no content", |c, tail| of_length(c, tail, 0), "Length"),
    (
        "a header cut short",
        |c, tail| of_length(c, tail, 55),
        "Length",
    ),
    (
        "the greatest length",
        |c, tail| {
            c.put(
                tail,
                &RawRecord {
                    length: u32::MAX,
                    ..RawRecord::request(2, b"", 64)
                },
            );
            c.publish(tail + 64);
        },
        "Length",
    ),
    (
        "a length beyond the tail",
        |c, tail| {
            c.put(
                tail,
                &RawRecord {
                    length: 128,
                    ..RawRecord::request(2, b"", 64)
                },
            );
            c.publish(tail + 64);
        },
        "Length",
    ),
    (
        "content longer than agreed",
        |c, tail| of_length(c, tail, 1024 + 15 * 8 + 1),
        "Length",
    ),
    (
        "payload longer than agreed",
        |c, tail| of_length(c, tail, 1024 + 7 * 8 + 1),
        "Length",
    ),
    (
        "a skip that does not reach the end",
        |c, tail| {
            spoilt(c, tail, |record| record.kind = 0);
        },
        "Length",
    ),
    (
        "a skip as the last record",
        |c, tail| {
            let left = RING - tail;
            let skip = RawRecord {
                length: (left - 8) as u32,
                kind: 0,
                tags: [0; 3],
                words: vec![],
            };
            put_and_publish(c, tail, &skip);
        },
        "Length",
    ),
    (
        "a reply among requests",
        |c, tail| spoilt(c, tail, |record| record.kind = 2),
        "Header",
    ),
    (
        "an item of a call that was not made",
        |c, tail| spoilt(c, tail, |record| record.kind = 3),
        "Call",
    ),
    (
        "a credit with a payload",
        |c, tail| spoilt(c, tail, |record| record.kind = 4),
        "Header",
    ),
    (
        "a kind of the future",
        |c, tail| spoilt(c, tail, |record| record.kind = 6),
        "Header",
    ),
    (
        "the last kind",
        |c, tail| spoilt(c, tail, |record| record.kind = 255),
        "Header",
    ),
    (
        "a stream without its word",
        |c, tail| spoilt(c, tail, |record| record.tags[0] = 1),
        "Header",
    ),
    (
        "a stream that is a long message, too",
        |c, tail| {
            spoilt(c, tail, |record| {
                record.tags = [3, 0, 1];
                record.words.push(0);
                record.length += 8;
            });
        },
        "Header",
    ),
    (
        "a flag of the future",
        |c, tail| spoilt(c, tail, |record| record.tags[0] = 4),
        "Header",
    ),
    (
        "the last flag",
        |c, tail| spoilt(c, tail, |record| record.tags[0] = 0x80),
        "Header",
    ),
    (
        "nine extension words",
        |c, tail| spoilt(c, tail, |record| record.tags[2] = 9),
        "Header",
    ),
    (
        "255 extension words",
        |c, tail| spoilt(c, tail, |record| record.tags[2] = 255),
        "Header",
    ),
    (
        "an extension that is not there",
        |c, tail| {
            spoilt(c, tail, |record| record.tags[2] = 1);
        },
        "Length",
    ),
    (
        "call zero",
        |c, tail| spoilt(c, tail, |record| record.words[0] = 0),
        "Call",
    ),
    (
        "a call twice",
        |c, tail| spoilt(c, tail, |record| record.words[0] = 1),
        "Call",
    ),
    (
        "a call left out",
        |c, tail| spoilt(c, tail, |record| record.words[0] = 3),
        "Call",
    ),
    (
        "the last call",
        |c, tail| spoilt(c, tail, |record| record.words[0] = u64::MAX),
        "Call",
    ),
    (
        "a head beyond what was written",
        |c, tail| {
            let written = c.reply_line.read(0);
            spoilt(c, tail, |record| record.words[6] = written + 8);
        },
        "Head",
    ),
    (
        "the greatest head",
        |c, tail| spoilt(c, tail, |record| record.words[6] = u64::MAX),
        "Head",
    ),
];

#[test]
fn each_lie_is_named_and_costs_the_liar_alone() {
    let mut stage = Stage::new("lies");
    for (name, lie, reason) in LIES {
        let (peer, channel) = stage.peer_with_channel();
        let tail = honest_call(&peer, &channel, 1, 0);
        lie(&channel, tail);
        peer.doorbell.ring();
        assert_eq!(stage.next_gone(), format!("Corrupt({reason})"), "{name}");
        assert!(peer.socket.wait_gone(super::stage::PATIENCE), "{name}");
    }
    stage.bystanders_are_served();
    stage.finish();
}

#[test]
fn a_skip_after_a_skip_is_a_lie() {
    let stage = Stage::new("skips");
    let (peer, channel) = stage.peer_with_channel();
    let tail = honest_call(&peer, &channel, 1, 0);
    let skip = |length: u64| RawRecord {
        length: (length - 8) as u32,
        kind: 0,
        tags: [0; 3],
        words: vec![],
    };
    // The second one is no longer than what the consumer has given back.
    let lap = channel.put(tail, &skip(RING - tail));
    assert_eq!(lap, RING);
    channel.put(lap, &skip(RING));
    channel.publish(lap + tail);
    peer.doorbell.ring();
    assert_eq!(stage.next_gone(), "Corrupt(Length)");
    stage.finish();
}

#[test]
fn a_head_that_lies_while_the_server_waits_for_room_is_found() {
    let stage = Stage::new("head");
    for head in [u64::MAX, 1 << 40, 1] {
        let (peer, channel) = stage.peer_with_channel();
        let last = fill_reply_ring(&peer, &channel);
        channel.reply_head.write(0, head);
        peer.doorbell.ring();
        if head == 1 {
            // A lie that nobody can tell from the truth, and that helps nobody: one octet is no room.
            peer.doorbell.ring();
            drop(peer);
            assert_eq!(stage.next_gone(), "HungUp");
        } else {
            assert_eq!(stage.next_gone(), "Corrupt(Head)", "{head}");
        }
        assert!(channel.taken.read(0) < last);
    }
    stage.finish();
}

/// Sends requests and reads no replies until the server takes no more. Returns the number of the last
/// request, which is not taken.
pub(crate) fn fill_reply_ring(peer: &RawPeer, channel: &RawChannel) -> u64 {
    let mut tail = 0;
    for number in 1..=FIT + 1 {
        tail = channel.put(tail, &RawRecord::request(number, &[7; 900], 1024));
        channel.publish(tail);
        peer.doorbell.ring();
        super::stage::await_that(|| number > FIT || channel.taken.read(0) == number);
    }
    FIT + 1
}

/// Replies of 936 octets that the server writes to a page before it cannot promise one of 1,056, with
/// as much again for what may be lost at the end of the ring.
const FIT: u64 = 3;

#[test]
fn a_record_across_the_end_of_the_ring_is_a_lie() {
    let stage = Stage::new("across");
    let (peer, channel) = stage.peer_with_channel();
    let mut tail = 0;
    let mut number = 0;
    while tail + 72 <= RING {
        number += 1;
        tail = honest_call(&peer, &channel, number, tail);
    }
    assert_eq!(RING - tail, 64);
    put_and_publish(
        &channel,
        tail,
        &RawRecord::request(number + 1, b"hello", 64),
    );
    peer.doorbell.ring();
    assert_eq!(stage.next_gone(), "Corrupt(Length)");
    stage.finish();
}

#[test]
fn what_only_looks_like_a_lie_is_served() {
    let stage = Stage::new("odd");
    let (peer, channel) = stage.peer_with_channel();
    let mut tail = honest_call(&peer, &channel, 1, 0);
    let taken = |number| super::stage::await_that(|| channel.taken.read(0) == number);
    let odd: &[fn(&mut RawRecord)] = &[
        // Extension words are passed over.
        |record| {
            record.tags[2] = 8;
            let header = record.words.split_off(7);
            record.words.extend([u64::MAX; 8]);
            record.words.extend(header);
            record.length += 64;
        },
        // A limit beyond the largest reply.
        |record| record.words[5] = u64::from(u32::MAX) << 32,
        // Reserved bits of the cancel word, and a slot of the client's own fancy.
        |record| record.words[1] = u64::MAX - 1,
        // Taken back.
        |record| record.words[1] = 1,
        |record| record.words[2] = u64::MAX,
        |record| record.tags[1] = 255,
        // No room for a reply at all.
        |record| record.words[5] = 0,
    ];
    for (number, spoil) in (2..).zip(odd) {
        let mut record = RawRecord::request(number, b"hello", 64);
        spoil(&mut record);
        tail = channel.put(tail, &record);
        channel.publish(tail);
        peer.doorbell.ring();
        taken(number);
    }
    // Beginning anew at the first line.
    channel.request_line.write(8, RING);
    let calls = odd.len() as u64 + 2;
    honest_call(&peer, &channel, calls, RING);
    assert!(!peer.socket.is_gone());
    drop(peer);
    assert_eq!(stage.next_gone(), "HungUp");
    stage.finish();
}
