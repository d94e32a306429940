//! A client without manners: corrupt records, lies about positions, messages that are none, and noise
//! all over its memory. Each costs it its own connection, and nobody else anything.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use clap::Args;
use prixfixe_ipc::ChannelSizes;
use prixfixe_ipc::raw_peer::{self, RawChannel, RawPeer, RawRecord, RawRole};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::cli::Outcome;
use crate::ipc::in_words;
use crate::ipc::parent::{begin, say};
use crate::ipc::stress::setting::address;

/// A client without manners: does everything that it knows once, and says what became of it.
#[derive(Debug, Args)]
pub(in crate::ipc) struct Hostile {
    address: String,
    seed: u64,
}

/// What became of one deed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Deed {
    pub(super) name: String,
    pub(super) end: End,
}

/// How the server took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum End {
    /// It closed the connection.
    Dropped,
    /// It did not, although it should have.
    Kept,
    /// The deed breaks no rule that the server can see.
    Borne,
    /// There was no connection to begin with.
    Unconnected,
}

impl Hostile {
    /// Does it all, each on a connection of its own.
    pub(in crate::ipc) fn run(self) -> io::Result<Outcome> {
        begin()?;
        let address = address(&self.address).map_err(|error| in_words(&error))?;
        let mut dice = StdRng::seed_from_u64(self.seed);
        let mut deeds = Vec::new();
        let mut over = |name: &str, must_end: bool, done: io::Result<RawPeer>| {
            let end = match done {
                Err(_) => End::Unconnected,
                Ok(_) if !must_end => End::Borne,
                Ok(peer) if peer.socket.wait_gone(PATIENCE) => End::Dropped,
                Ok(_) => End::Kept,
            };
            deeds.push(Deed {
                name: name.to_owned(),
                end,
            });
        };
        for (name, lie) in LIES {
            let told = connected(&address).and_then(|(peer, channel)| {
                let tail = honest_call(&peer, &channel)?;
                lie(&channel, tail);
                peer.doorbell.ring();
                // A doorbell is a hint; this cannot be overheard. It fails where the end came first.
                let _ = peer.socket.send(&raw_peer::ring(), &[]);
                Ok(peer)
            });
            over(name, true, told);
        }
        let garbage = connected(&address).and_then(|(peer, _)| {
            peer.socket.send(&[0xff; 64], &[])?;
            Ok(peer)
        });
        over("a control message that is none", true, garbage);
        let descriptor = connected(&address).and_then(|(peer, _)| {
            let file = File::open("/dev/null")?;
            peer.socket.send(&raw_peer::ring(), &[file.as_fd()])?;
            Ok(peer)
        });
        over("a descriptor", true, descriptor);
        let scribbled = connected(&address).map(|(peer, channel)| {
            scribble(&peer, &channel, &mut dice);
            peer
        });
        over("noise all over the channel", false, scribbled);
        let wiped = connected(&address).map(|(peer, _channel)| {
            for offset in (0..peer.hints.len()).step_by(8) {
                peer.hints.write(offset, 0);
            }
            peer.doorbell.drain();
            peer
        });
        over("wiped hints and a stolen ring", false, wiped);
        say(&serde_json::to_string(&deeds)?)?;
        Ok(Outcome::Done)
    }
}

fn connected(address: &prixfixe_ipc::Address) -> io::Result<(RawPeer, RawChannel)> {
    let peer = RawPeer::connect(address, RawRole::Blocking)?;
    let sizes = ChannelSizes::new(RING, MAX_PAYLOAD, 8).map_err(io::Error::other)?;
    let channel = peer.open(sizes)?;
    Ok((peer, channel))
}

/// A call as everybody makes it, of a type that nobody executes; returns the tail behind it.
fn honest_call(peer: &RawPeer, channel: &RawChannel) -> io::Result<u64> {
    let record = RawRecord::request(1, &[], 64);
    let tail = channel.put(0, &record);
    channel.publish(tail);
    peer.doorbell.ring();
    peer.socket.send(&raw_peer::ring(), &[])?;
    let began = std::time::Instant::now();
    while channel.reply_line.read(0) == 0 {
        if began.elapsed() > PATIENCE || peer.socket.is_gone() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    Ok(tail)
}

/// Words from the dice at places from the dice, published as requests now and then.
fn scribble(peer: &RawPeer, channel: &RawChannel, dice: &mut StdRng) {
    let words = channel.segment.len() / 8;
    for stroke in 0..STROKES {
        let word = if dice.random_bool(0.5) {
            dice.random()
        } else {
            dice.random_range(0..2 * u64::from(RING))
        };
        channel.segment.write(8 * dice.random_range(0..words), word);
        if stroke % 64 == 0 {
            channel.publish(dice.random_range(0..u64::from(RING)) & !7);
            peer.doorbell.ring();
        }
    }
}

/// What a liar does behind an honest call that ends at this tail.
type Lie = (&'static str, fn(&RawChannel, u64));

const LIES: [Lie; 10] = [
    ("a tail within a word", |channel, tail| {
        channel.publish(tail + 1);
    }),
    ("a tail moved back", |channel, tail| {
        channel.publish(tail - 8);
    }),
    ("a tail beyond the ring", |channel, tail| {
        channel.publish(tail + u64::from(RING) + 8);
    }),
    ("the greatest tail", |channel, _| channel.publish(u64::MAX)),
    ("a start inside a lap", |channel, tail| {
        channel.request_line.write(8, tail + 8);
        channel.publish(tail + 72);
    }),
    ("no content", |channel, tail| {
        spoilt(channel, tail, |record| record.length = 0);
    }),
    ("the greatest length", |channel, tail| {
        let record = RawRecord {
            length: u32::MAX,
            ..RawRecord::request(2, b"", 64)
        };
        channel.put(tail, &record);
        channel.publish(tail + 64);
    }),
    ("a reply among requests", |channel, tail| {
        spoilt(channel, tail, |record| record.kind = 2);
    }),
    ("a kind of the future", |channel, tail| {
        spoilt(channel, tail, |record| record.kind = 3);
    }),
    ("a flag that is none", |channel, tail| {
        spoilt(channel, tail, |record| record.tags[0] = 0x80);
    }),
];

fn spoilt(channel: &RawChannel, tail: u64, spoil: impl FnOnce(&mut RawRecord)) {
    let mut record = RawRecord::request(2, b"hello", 64);
    spoil(&mut record);
    let after = channel.put(tail, &record);
    channel.publish(after);
}

/// The smallest ring, so that noise hits something.
const RING: u32 = 4096;
const MAX_PAYLOAD: u32 = 1024;
/// Words of noise.
const STROKES: u32 = 4096;
/// For the server to close a connection: far beyond any.
const PATIENCE: Duration = Duration::from_secs(10);
