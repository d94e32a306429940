//! Lies and storms around streams: more than there is credit for, items of calls that are over or were
//! never made, credits and stops without end, streams that are opened and left alone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prixfixe_ipc::ChannelSizes;
use prixfixe_ipc::raw_peer::{RawChannel, RawPeer, RawRecord};

use super::server_process::{ASYNCHRONOUS, FLOOD, TAKE};
use super::silence::busy_share;
use super::stage::{Chance, PATIENCE, Stage, await_that, small};
use super::writer::{REPLY, Writer};

const ENDS_ITEM: u8 = 1;
const ENDS_STREAM: u8 = 2;
const MANY: u64 = u64::MAX / 2;

fn stage(name: &'static str) -> Stage {
    Stage::with(name, &[(ASYNCHRONOUS, "1")])
}

/// What the liar writes while stream 1 is open, and what he is dropped for.
type Lie = (&'static str, fn(&mut Writer<'_>), &'static str);

const LIES: &[Lie] = &[
    (
        "a part longer than allowed",
        |writer| {
            writer.write(&RawRecord::item(1, &[1; 513], ENDS_ITEM));
        },
        "Length",
    ),
    (
        "an item of a call that was not made",
        |writer| {
            writer.write(&RawRecord::item(2, b"item", ENDS_ITEM));
        },
        "Call",
    ),
    (
        "a credit for the last call of all",
        |writer| {
            writer.write(&RawRecord::credit(u64::MAX, 1));
        },
        "Call",
    ),
    (
        "an item after the end",
        |writer| {
            writer.put(&RawRecord::item(1, b"", ENDS_STREAM));
            writer.write(&RawRecord::item(1, b"more", ENDS_ITEM));
        },
        "Credit",
    ),
    (
        "two ends",
        |writer| {
            writer.put(&RawRecord::item(1, b"", ENDS_STREAM));
            writer.write(&RawRecord::item(1, b"", ENDS_STREAM));
        },
        "Credit",
    ),
    (
        "an item with a flag of the future",
        |writer| {
            writer.write(&RawRecord::item(1, b"item", 4));
        },
        "Header",
    ),
    (
        "a stop with a flag",
        |writer| {
            let mut record = RawRecord::stop(1, 0);
            record.tags[0] = ENDS_ITEM;
            writer.write(&record);
        },
        "Header",
    ),
    (
        "a credit that is cut short",
        |writer| {
            let mut record = RawRecord::credit(1, 1);
            record.length = 24;
            writer.write(&record);
        },
        "Length",
    ),
    (
        "a head beyond what was written",
        |writer| {
            let mut record = RawRecord::credit(1, 1);
            record.words[1] = u64::MAX;
            writer.write(&record);
        },
        "Head",
    ),
    (
        "a head beyond what was written, in a credit for nobody",
        |writer| {
            let mut record = RawRecord::credit(0, 0);
            record.words[1] = 1 << 40;
            writer.write(&record);
        },
        "Head",
    ),
];

#[test]
fn each_lie_about_a_stream_is_named_and_costs_the_liar_alone() {
    let mut stage = stage("stream-lies");
    for (name, lie, reason) in LIES {
        let (peer, channel) = stage.peer_with_channel();
        let mut writer = Writer::new(&peer, &channel);
        let call = writer.open(TAKE, MANY);
        writer.credit(call);
        lie(&mut writer);
        assert_eq!(stage.next_gone(), format!("Corrupt({reason})"), "{name}");
        assert!(peer.socket.wait_gone(PATIENCE), "{name}");
    }
    stage.bystanders_are_served();
    stage.finish();
}

/// A request of `total` octets that follow in parts.
fn long_request(call: u64, total: u32) -> RawRecord {
    RawRecord::long(call, b"", total, 0, 0)
}

#[test]
fn lies_about_a_long_request_are_named() {
    type Parts = &'static [(&'static [u8], u8)];
    let lies: [(&str, u32, Parts, &str); 4] = [
        ("an empty part", 1000, &[(b"", ENDS_ITEM)], "Credit"),
        (
            "more than announced",
            1000,
            &[(&[1; 512], 0), (&[1; 512], ENDS_ITEM)],
            "Credit",
        ),
        (
            "a part after the last",
            512,
            &[(&[1; 512], ENDS_ITEM), (b"1", ENDS_ITEM)],
            "Credit",
        ),
        (
            "a part longer than allowed",
            1000,
            &[(&[1; 513], 0)],
            "Length",
        ),
    ];
    let mut stage = stage("long-lies");
    for (name, total, parts, reason) in lies {
        let (peer, channel) = stage.peer_with_channel();
        let mut writer = Writer::new(&peer, &channel);
        // Published together: what is read in one go cannot be late.
        writer.put(&long_request(1, total));
        let (last, before) = parts.split_last().unwrap();
        for (part, flags) in before {
            writer.put(&RawRecord::item(1, part, *flags));
        }
        writer.write(&RawRecord::item(1, last.0, last.1));
        assert_eq!(stage.next_gone(), format!("Corrupt({reason})"), "{name}");
    }
    stage.bystanders_are_served();
    stage.finish();
}

#[test]
fn a_long_request_beyond_the_limit_is_refused_and_its_parts_are_passed_over() {
    let stage = stage("long-beyond");
    let (peer, channel) = stage.peer_with_channel();
    let mut writer = Writer::new(&peer, &channel);
    for call in 1..=20 {
        assert!(writer.write(&long_request(call, u32::MAX)));
        assert!(writer.write(&RawRecord::item(call, &[1; 512], 0)));
        let (kind, words) = writer.next();
        assert_eq!((kind, words[0]), (REPLY, call));
    }
    writer.calls = 20;
    let call = writer.open(TAKE, 0);
    writer.credit(call);
    stage.finish();
}

#[test]
fn more_than_the_credit_is_a_lie_before_the_first_and_after_the_last() {
    let stage = stage("more");
    // Before any credit came: a handler that never fetches would have it pile up.
    let (peer, channel) = stage.peer_with_channel();
    let mut writer = Writer::new(&peer, &channel);
    writer.calls = 1;
    let mut opening = RawRecord::stream(1, b"", MANY);
    opening.words[5] |= u64::from(FLOOD);
    writer.write(&opening);
    // The window, whatever it is, is less than this.
    while writer.write(&RawRecord::item(1, &[1; 512], ENDS_ITEM)) {
        assert!(writer.tail < 1 << 22, "4 MiB that nobody fetches");
    }
    assert_eq!(stage.next_gone(), "Corrupt(Credit)");
    stage.finish();
}

#[test]
fn what_only_looks_like_a_lie_about_a_stream_is_passed_over() {
    let stage = stage("stream-odd");
    let (peer, channel) = stage.peer_with_channel();
    let mut writer = Writer::new(&peer, &channel);
    let call = writer.open(TAKE, 0);
    writer.credit(call);
    // Credits that fall, rise to the most there is, and say what was said.
    for limit in [100, 50, u64::MAX, 0, u64::MAX] {
        assert!(writer.write(&RawRecord::credit(call, limit)));
    }
    // In another slot: the number of the call says whose it is.
    let mut item = RawRecord::item(call, b"item", ENDS_ITEM);
    item.words[2] = 7 << 32;
    assert!(writer.write(&item));
    // For nobody, from a client.
    assert!(writer.write(&RawRecord::credit(0, 0)));
    assert!(writer.write(&RawRecord::item(0, b"item", ENDS_ITEM)));
    assert!(writer.write(&RawRecord::stop(0, 1)));
    // An end in the middle of an item: the handler refuses the call.
    assert!(writer.write(&RawRecord::item(call, b"half", ENDS_STREAM)));
    let (kind, words) = loop {
        let (kind, words) = writer.next();
        if kind == REPLY {
            break (kind, words);
        }
    };
    assert_eq!((kind, words[0]), (REPLY, call));
    // What comes for it now was on its way.
    for record in [
        RawRecord::item(call, b"late", ENDS_ITEM),
        RawRecord::item(call, b"", ENDS_STREAM),
        RawRecord::credit(call, 1),
        RawRecord::stop(call, 1),
    ] {
        assert!(writer.write(&record));
    }
    let again = writer.open(TAKE, 0);
    writer.credit(again);
    stage.finish();
}

/// Writes credits that say nothing new, until that is `over`.
pub(crate) fn storm_of_credits(peer: &RawPeer, over: &AtomicBool) {
    let channel = peer.open(small()).unwrap();
    let mut writer = Writer::new(peer, &channel);
    let call = writer.open(TAKE, 0);
    while !over.load(Ordering::Relaxed) {
        assert!(writer.write(&RawRecord::credit(call, 1)));
        if channel.reply_line.read(0) - writer.head > 2048 {
            writer.next();
        }
    }
}

/// Has the server send streams that are never read, until that is `over`.
pub(crate) fn stalled(peer: &RawPeer, over: &AtomicBool) {
    let channel = peer.open(many_streams()).unwrap();
    let mut writer = Writer::new(peer, &channel);
    for _ in 0..PER_CLIENT {
        writer.open(FLOOD, MANY);
    }
    while !over.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_storm_of_records_costs_the_others_nothing() {
    let mut stage = stage("stream-storm");
    let (peer, channel) = stage.peer_with_channel();
    let mut writer = Writer::new(&peer, &channel);
    let call = writer.open(TAKE, 0);
    let mut granted = writer.credit(call);
    let mut sent = 0;
    let mut chance = Chance(5);
    for step in 0..30_000 {
        let record = match chance.below(4) {
            0 => RawRecord::credit(call, chance.next()),
            1 => RawRecord::credit(0, 0),
            2 => RawRecord::stop(0, 0),
            // Empty ones cost credit, too, or they could fill the memory.
            _ => {
                while granted < sent + 8 {
                    granted = granted.max(writer.credit(call));
                }
                sent += 8;
                RawRecord::item(call, b"", ENDS_ITEM)
            }
        };
        assert!(writer.write(&record), "{step}");
        // Of what the server writes only credits are waited for; the rest has to have room.
        let written = channel.reply_line.read(0);
        if written - writer.head > 2048 {
            writer.next();
        }
        if step % 5_000 == 0 {
            stage.bystanders_are_served();
        }
    }
    stage.bystanders_are_served();
    stage.finish();
}

#[test]
fn who_never_reads_credits_keeps_the_room_of_promised_replies() {
    let stage = stage("unread-credits");
    let (peer, channel) = stage.peer_with_channel();
    let mut writer = Writer::new(&peer, &channel);
    // A second stream: its reply is promised, and is to be there whatever the first one causes.
    let waiting = writer.open(TAKE, 0);
    let storm = writer.open(TAKE, 0);
    // Each eighth of the ring that is read makes the server tell so, in a ring that is never read.
    for _ in 0..10_000 {
        assert!(writer.write(&RawRecord::credit(storm, 1)));
    }
    // The handler answers, and nothing has been read.
    let written = channel.reply_line.read(0);
    assert!(writer.write(&RawRecord::item(waiting, b"", ENDS_STREAM)));
    await_that(|| channel.reply_line.read(0) != written);
    while writer.next().0 != REPLY {}
    assert!(!peer.socket.is_gone());
    stage.finish();
}

/// As many streams as the settings of the server let a client process have.
const PER_CLIENT: u64 = 32;

fn many_streams() -> ChannelSizes {
    ChannelSizes::new(1 << 17, 1024, 32).unwrap()
}

/// Opens streams that wait for items that never come, or for room that nobody makes. Returns how many
/// were refused.
fn open_and_leave_alone(peer: &RawPeer, channel: &RawChannel, kind: u32, count: u64) -> usize {
    let mut writer = Writer::new(peer, channel);
    for _ in 0..count {
        writer.open(kind, MANY);
    }
    await_that(|| channel.taken.read(0) == count);
    let last = writer.open(0, 0);
    // It is answered behind them, in any case.
    let mut refused = 0;
    loop {
        if let (REPLY, [call, ..]) = writer.next() {
            if call == last {
                return refused;
            }
            refused += 1;
        }
    }
}

#[test]
fn streams_that_are_opened_and_left_alone_leave_handlers_to_others() {
    let mut stage = stage("left-alone");
    let peers: Vec<RawPeer> = (0..4).map(|_| stage.peer()).collect();
    let channels = peers.iter().map(|peer| peer.open(many_streams()).unwrap());
    let channels: Vec<RawChannel> = channels.collect();
    for (index, (peer, channel)) in peers.iter().zip(&channels).enumerate() {
        let kind = if index % 2 == 0 { TAKE } else { FLOOD };
        let mut writer = Writer::new(peer, channel);
        for _ in 0..PER_CLIENT {
            writer.open(kind, MANY);
        }
        await_that(|| channel.taken.read(0) == PER_CLIENT);
    }
    stage.bystanders_are_served();
    drop((peers, channels));
    // What they had is free again.
    let peer = stage.peer();
    let channel = peer.open(many_streams()).unwrap();
    assert_eq!(open_and_leave_alone(&peer, &channel, TAKE, PER_CLIENT), 0);
    stage.finish();
}

#[test]
fn a_client_has_no_more_streams_than_it_may_over_all_its_channels() {
    let stage = stage("all-channels");
    let peer = stage.peer();
    let first = peer.open(many_streams()).unwrap();
    let second = peer.open(many_streams()).unwrap();
    assert_eq!(open_and_leave_alone(&peer, &first, TAKE, PER_CLIENT), 0);
    assert_eq!(open_and_leave_alone(&peer, &second, TAKE, 5), 5);
    stage.finish();
}

#[test]
fn stalled_streams_cost_the_server_nothing() {
    let stage = Stage::without_bystanders("stalled-streams", &[(ASYNCHRONOUS, "1")]);
    let peers: Vec<_> = (0..8).map(|_| stage.peer_with_channel()).collect();
    for (peer, channel) in &peers {
        let mut writer = Writer::new(peer, channel);
        for kind in [FLOOD, TAKE, FLOOD] {
            writer.open(kind, MANY);
        }
        await_that(|| channel.taken.read(0) == 3);
    }
    await_that(|| peers[0].0.server_page.read(RawPeer::SERVER_SLEEPING) & 1 == 1);
    let share = busy_share(stage.server.id());
    assert!(
        share < 0.2,
        "the server is busy {share} of its time with nothing"
    );
    stage.finish();
}
