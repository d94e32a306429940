//! What a client makes of a server whose replies lie: the end of its call, and it goes on.

use std::os::fd::AsFd as _;
use std::time::Duration;

use prixfixe_ipc::{Call, Cause, Corrupt, Outcome};

use super::fake_server::{FIXED, FakeServer, OPENED, SEGMENT, sealed};
use super::processes::Watchdog;

/// What a server writes for the first call, at which the client finds it out.
type Lie = (&'static str, fn(&dyn Fn(u64, u64)), Corrupt);

/// Offsets in the segment.
const REPLY_TAIL: u64 = 384;
const REPLY_START: u64 = 392;
const REPLIES: u64 = 8192;
/// A reply without payload: 24 octets of content, of kind 2, completed.
const REPLY: u64 = (2 << 32) + 24;

const LIES: &[Lie] = &[
    (
        "tail by one octet",
        |write| write(REPLY_TAIL, 1),
        Corrupt::Tail,
    ),
    (
        "the greatest tail",
        |write| write(REPLY_TAIL, u64::MAX),
        Corrupt::Tail,
    ),
    (
        "a start inside a lap",
        |write| {
            write(REPLY_START, 8);
            write(REPLY_TAIL, 32);
        },
        Corrupt::Start,
    ),
    ("no record", |write| write(REPLY_TAIL, 32), Corrupt::Length),
    (
        "a request",
        |write| {
            write(REPLIES, (1 << 32) + 24);
            write(REPLIES + 8, 1);
            write(REPLY_TAIL, 32);
        },
        Corrupt::Header,
    ),
    (
        "an ending of the future",
        |write| {
            write(REPLIES, REPLY | 3 << 48);
            write(REPLIES + 8, 1);
            write(REPLY_TAIL, 32);
        },
        Corrupt::Header,
    ),
    (
        "a length of 4 GiB",
        |write| {
            write(REPLIES, (2 << 32) + 0xffff_ffff);
            write(REPLY_TAIL, 32);
        },
        Corrupt::Length,
    ),
    (
        "another call",
        |write| {
            write(REPLIES, REPLY);
            write(REPLIES + 8, 2);
            write(REPLY_TAIL, 32);
        },
        Corrupt::Call,
    ),
    (
        "a slot that is not there",
        |write| {
            write(REPLIES, REPLY);
            write(REPLIES + 8, 1);
            write(REPLIES + 24, 0xffff << 32);
            write(REPLY_TAIL, 32);
        },
        Corrupt::Call,
    ),
    (
        "a head beyond what was written",
        |write| {
            write(REPLIES, REPLY);
            write(REPLIES + 8, 1);
            write(REPLIES + 16, 1 << 40);
            write(REPLY_TAIL, 32);
        },
        Corrupt::Head,
    ),
];

#[test]
fn lies_in_the_reply_ring_end_the_call_and_not_the_client() {
    let _watchdog = Watchdog::new("client replies");
    for (name, lie, reason) in LIES {
        let server = FakeServer::start(move |client| {
            let _kept = client.welcome();
            client.hear();
            let segment = sealed(SEGMENT, FIXED);
            let opened = [OPENED, 0, 0, 4096, 1024, 8, 0, 0];
            client.say(opened, &[segment.as_fd()]);
            // By writing to the file: the same pages.
            let read = |offset: u64| {
                let mut word = [0; 8];
                rustix::io::pread(&segment, &mut word, offset).unwrap();
                u64::from_ne_bytes(word)
            };
            while read(128) == 0 {
                std::thread::yield_now();
            }
            lie(&|offset, value: u64| {
                rustix::io::pwrite(&segment, &value.to_ne_bytes(), offset).unwrap();
            });
            while client.hear().is_some() {}
        });
        let mut client = server.connector(60_000).client().unwrap();
        let outcome = client.call(Call::new(b"hello").timeout(Duration::from_secs(60)));
        match outcome {
            Outcome::Failed(failure) => {
                assert_eq!(failure.cause, Cause::Corrupt(*reason), "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
        drop(client);
    }
}
