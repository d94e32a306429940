//! Work is found, or the bit that says so is still there.

use loom::sync::Arc;
use loom::thread;

use super::sleep::Doorbell;
use super::{Model, check_all, ring_memory};
use crate::hints::{Hint, Hints};
use crate::memory::{OwnWord, PeerWord, Region};
use crate::ring::{Consumer, Kind, Producer, RingMemory};
use crate::wake::{Sleeper, Waker};

pub(super) const MODELS: [Model; 2] = [
    Model {
        name: "after the bits are taken, work was seen or its bit is set",
        preemptions: None,
        run: no_work_without_a_bit,
    },
    Model {
        name: "a server that goes by bits, and looks at all before it sleeps, serves all",
        preemptions: Some(2),
        run: a_server_that_goes_by_bits,
    },
];

#[test]
fn hints_hold() {
    check_all(&MODELS);
}

/// A client: publishes, fences with its look at the server, and leaves a hint.
fn call(producer: &mut Producer, waker: &mut Waker, hint: &Hint) -> bool {
    producer.push(Kind::REQUEST, [0; 3], &[], &[]).unwrap();
    producer.publish();
    let sleeps = waker.must_wake();
    hint.set();
    sleeps
}

/// Reads all there is.
fn drain(consumer: &mut Consumer) -> usize {
    let mut read = 0;
    while let Some(record) = consumer.peek().unwrap() {
        consumer.advance(&record);
        read += 1;
    }
    read
}

/// A second call, while a server that does not sleep takes the bit of the first.
fn no_work_without_a_bit() {
    let (memory, bits, page) = (ring_memory(32), Region::zeroed(8), Region::zeroed(8));
    let mut producer = Producer::new(&memory);
    let mut waker = Waker::new(PeerWord::at(&page, 0));
    let hint = Hint::at(&bits, 5);
    assert!(!call(&mut producer, &mut waker, &hint), "nobody sleeps");
    let calling = thread::spawn(move || {
        call(&mut producer, &mut waker, &hint);
    });
    let hints = Hints::new(bits);
    let mut consumer = Consumer::new(&memory, 0);
    let mut read = 0;
    hints.take(64, |index| {
        assert_eq!(index, 5);
        read += drain(&mut consumer);
    });
    calling.join().unwrap();
    assert!(read == 2 || hints.any(64), "work without a bit");
}

/// Two clients with one call each, in one word of bits.
fn a_server_that_goes_by_bits() {
    let (bits, page) = (Region::zeroed(8), Region::zeroed(8));
    let bell = Arc::new(Doorbell::new());
    let client = |memory: &RingMemory, index: usize| {
        let mut producer = Producer::new(memory);
        let mut waker = Waker::new(PeerWord::at(&page, 0));
        let hint = Hint::at(&bits, index);
        let rope = Arc::clone(&bell);
        thread::spawn(move || {
            if call(&mut producer, &mut waker, &hint) {
                rope.ring();
            }
        })
    };
    let rings = [ring_memory(16), ring_memory(16)];
    let clients = [client(&rings[0], 0), client(&rings[1], 1)];
    let mut consumers = [Consumer::new(&rings[0], 0), Consumer::new(&rings[1], 0)];
    let mut sleeper = Sleeper::new(OwnWord::at(&page, 0));
    let hints = Hints::new(bits);
    let mut read = 0;
    while read < 2 {
        let before = read;
        hints.take(2, |index| read += drain(&mut consumers[index]));
        if read > before {
            continue;
        }
        sleeper.announce();
        if consumers.iter().any(Consumer::looks_ready) {
            read += consumers.iter_mut().map(drain).sum::<usize>();
        } else {
            bell.wait();
        }
        sleeper.withdraw();
    }
    for client in clients {
        client.join().unwrap();
    }
}
