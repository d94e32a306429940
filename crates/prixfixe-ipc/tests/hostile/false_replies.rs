//! What a client makes of a server whose replies lie: the end of its call, and it goes on.

use std::os::fd::AsFd as _;
use std::time::Duration;

use prixfixe_ipc::{Call, Cause, ClientOptions, Connector, Corrupt, Outcome, StreamError};

use super::fake_server::{FIXED, FakeServer, OPENED, SEGMENT, sealed, sizes};
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

/// An item of the first stream: 4 octets behind 4 words, whole.
const ITEM: u64 = (1 << 40) + (3 << 32) + 36;
const CREDIT: u64 = (4 << 32) + 32;
/// Octets of their records.
const ITEM_SIZE: u64 = 48;
const CREDIT_SIZE: u64 = 40;

fn record(write: &dyn Fn(u64, u64), at: u64, frame: u64, words: [u64; 4]) {
    write(REPLIES + at, frame);
    for (index, word) in (1..).zip(words) {
        write(REPLIES + at + index * 8, word);
    }
}

const STREAM_LIES: &[Lie] = &[
    (
        "an item of another call",
        |write| {
            record(write, 0, ITEM, [2, 0, 0, 0]);
            write(REPLY_TAIL, ITEM_SIZE);
        },
        Corrupt::Call,
    ),
    (
        "an item for another slot",
        |write| {
            record(write, 0, ITEM, [1, 0, 1 << 32, 0]);
            write(REPLY_TAIL, ITEM_SIZE);
        },
        Corrupt::Call,
    ),
    (
        "an item of no call",
        |write| {
            record(write, 0, ITEM, [0, 0, 0, 0]);
            write(REPLY_TAIL, ITEM_SIZE);
        },
        Corrupt::Call,
    ),
    (
        "a part longer than allowed",
        |write| {
            record(write, 0, ITEM - 36 + 32 + 513, [1, 0, 0, 0]);
            write(REPLY_TAIL, (8 + 32_u64 + 513).next_multiple_of(8));
        },
        Corrupt::Length,
    ),
    (
        "an end, which only clients have",
        |write| {
            record(write, 0, (2 << 40) + (3 << 32) + 32, [1, 0, 0, 0]);
            write(REPLY_TAIL, CREDIT_SIZE);
        },
        Corrupt::Credit,
    ),
    (
        "a head beyond what was written",
        |write| {
            record(write, 0, CREDIT, [0, 1 << 40, 0, 0]);
            write(REPLY_TAIL, CREDIT_SIZE);
        },
        Corrupt::Head,
    ),
    (
        "a credit with a flag",
        |write| {
            record(write, 0, CREDIT + (1 << 40), [1, 0, 0, 8]);
            write(REPLY_TAIL, CREDIT_SIZE);
        },
        Corrupt::Header,
    ),
    (
        "an item behind the reply",
        |write| {
            write(REPLIES, REPLY);
            write(REPLIES + 8, 1);
            record(write, 32, ITEM, [1, 0, 0, 0]);
            write(REPLY_TAIL, 32 + ITEM_SIZE);
        },
        Corrupt::Call,
    ),
    (
        "a credit behind the reply",
        |write| {
            write(REPLIES, REPLY);
            write(REPLIES + 8, 1);
            record(write, 32, CREDIT, [1, 0, 0, 8]);
            write(REPLY_TAIL, 32 + CREDIT_SIZE);
        },
        Corrupt::Call,
    ),
    (
        "items without end, beyond the credit",
        |write| {
            // Seven parts of 512 octets in the ring, and the window is the least: twice one and its keeping.
            for part in 0..7 {
                record(write, part * 552, ITEM - 36 + 32 + 512, [1, 0, 0, 0]);
            }
            write(REPLY_TAIL, 7 * 552);
        },
        Corrupt::Credit,
    ),
];

#[test]
fn lies_about_streams_cut_the_stream_and_not_the_client() {
    let _watchdog = Watchdog::new("client streams");
    for (name, lie, reason) in STREAM_LIES {
        let server = lying(*lie);
        let mut options = ClientOptions::default();
        options.sizes = sizes();
        options.stream_window = 0;
        let connector = Connector::with_options(server.address.clone(), options);
        let mut client = connector.client().unwrap();
        let call = Call::new(b"hello").timeout(Duration::from_secs(60));
        let mut stream = client.stream(call).unwrap();
        let mut item = Vec::new();
        let cut = loop {
            match stream.receive(&mut item) {
                Ok(true) => {}
                // What came before the lie may be fetched.
                Ok(false) => break None,
                Err(error) => break Some(error),
            }
        };
        assert!(
            matches!(cut, None | Some(StreamError::HungUp)),
            "{name}: {cut:?}"
        );
        match stream.reply(&mut [0; 64]) {
            Outcome::Failed(failure) => {
                assert_eq!(failure.cause, Cause::Corrupt(*reason), "{name}");
            }
            // The reply came before the lie.
            Outcome::Completed(0) if name.ends_with("behind the reply") => {}
            other => panic!("{name}: {other:?}"),
        }
        // The connection is lost, and the fake has no other.
        let again = client.call(Call::new(b"again").timeout(Duration::from_millis(1)));
        assert!(matches!(again, Outcome::Failed(_)), "{name}: {again:?}");
        drop(client);
    }
}

#[test]
fn lies_in_the_reply_ring_end_the_call_and_not_the_client() {
    let _watchdog = Watchdog::new("client replies");
    for (name, lie, reason) in LIES {
        let server = lying(*lie);
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

/// A server that tells a lie once it has a request.
fn lying(lie: fn(&dyn Fn(u64, u64))) -> FakeServer {
    FakeServer::start(move |client| {
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
    })
}
