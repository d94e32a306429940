//! Nobody sleeps on work, and nobody is woken for nothing.

use loom::sync::Arc;
use loom::thread;

use super::sleep::{Doorbell, Futex};
use super::{Model, check_all, ring_memory};
use crate::memory::{OwnWord, PeerWord, Region};
use crate::ring::{Consumer, Kind, Producer, RingMemory};
use crate::wake::{Sleeper, Waker};

pub(super) const MODELS: [Model; 4] = [
    Model {
        name: "who sleeps on a tail is woken",
        preemptions: Some(3),
        run: a_sleeper_on_a_tail_is_woken,
    },
    Model {
        name: "who sleeps in a poller is woken, once for each sleep",
        preemptions: Some(4),
        run: a_sleeper_in_a_poller_is_woken,
    },
    Model {
        name: "a server that two clients call is woken",
        preemptions: Some(2),
        run: a_server_of_two_is_woken,
    },
    Model {
        name: "who waits for room is woken when there is some",
        preemptions: None,
        run: who_waits_for_room_is_woken,
    },
];

#[test]
fn wakes_hold() {
    check_all(&MODELS);
}

/// The word in which a sleeper announces itself, for both sides.
fn announcement() -> (Sleeper, Waker) {
    let word = Region::zeroed(8);
    (
        Sleeper::new(OwnWord::at(&word, 0)),
        Waker::new(PeerWord::at(&word, 0)),
    )
}

fn publish_one(producer: &mut Producer) {
    producer.push(Kind::REQUEST, [0; 3], &[], &[]).unwrap();
    assert!(producer.publish());
}

/// Reads one record if there is one.
fn read_one(consumer: &mut Consumer) -> bool {
    let record = consumer.peek().unwrap();
    if let Some(record) = record {
        consumer.advance(&record);
    }
    record.is_some()
}

/// A blocking client and its server, two replies.
fn a_sleeper_on_a_tail_is_woken() {
    let memory = ring_memory(32);
    let (mut sleeper, mut waker) = announcement();
    let futex = Arc::new(Futex::new());
    let queue = Arc::clone(&futex);
    let mut producer = Producer::new(&memory);
    let waking = thread::spawn(move || {
        for _ in 0..2 {
            publish_one(&mut producer);
            waker.wake_queued(|| queue.wake());
        }
    });
    let mut consumer = Consumer::new(&memory, 0);
    let mut read = 0;
    while read < 2 {
        if read_one(&mut consumer) {
            read += 1;
            continue;
        }
        sleeper.announce();
        if !consumer.looks_ready() {
            let (tail, seen) = consumer.tail_word();
            futex.wait(tail, seen);
        }
        sleeper.withdraw();
    }
    waking.join().unwrap();
}

/// A server, or an asynchronous client, and one who calls it twice.
fn a_sleeper_in_a_poller_is_woken() {
    let memory = ring_memory(32);
    let (mut sleeper, mut waker) = announcement();
    let bell = Arc::new(Doorbell::new());
    let rope = Arc::clone(&bell);
    let mut producer = Producer::new(&memory);
    let waking = thread::spawn(move || {
        let mut wakes = 0;
        for _ in 0..2 {
            publish_one(&mut producer);
            if waker.must_wake() {
                rope.ring();
                wakes += 1;
            }
        }
        wakes
    });
    let mut consumer = Consumer::new(&memory, 0);
    let (mut read, mut announced) = (0, 0);
    while read < 2 {
        if read_one(&mut consumer) {
            read += 1;
            continue;
        }
        sleeper.announce();
        announced += 1;
        if !consumer.looks_ready() {
            bell.wait();
        }
        sleeper.withdraw();
    }
    let wakes = waking.join().unwrap();
    assert!(wakes <= announced, "woken twice for one sleep");
}

/// Two clients with one call each; the server looks at both tails before it sleeps.
fn a_server_of_two_is_woken() {
    let page = Region::zeroed(8);
    let mut sleeper = Sleeper::new(OwnWord::at(&page, 0));
    let bell = Arc::new(Doorbell::new());
    let client = |memory: &RingMemory| {
        let mut producer = Producer::new(memory);
        let mut waker = Waker::new(PeerWord::at(&page, 0));
        let rope = Arc::clone(&bell);
        thread::spawn(move || {
            publish_one(&mut producer);
            if waker.must_wake() {
                rope.ring();
            }
        })
    };
    let rings = [ring_memory(16), ring_memory(16)];
    let clients = [client(&rings[0]), client(&rings[1])];
    let mut consumers = [Consumer::new(&rings[0], 0), Consumer::new(&rings[1], 0)];
    let mut read = 0;
    while read < 2 {
        let served: usize = consumers
            .iter_mut()
            .map(|consumer| usize::from(read_one(consumer)))
            .sum();
        read += served;
        if served > 0 {
            continue;
        }
        sleeper.announce();
        if !consumers.iter().any(Consumer::looks_ready) {
            bell.wait();
        }
        sleeper.withdraw();
    }
    for client in clients {
        client.join().unwrap();
    }
}

/// A server whose client has to read a reply before the next can be promised.
fn who_waits_for_room_is_woken() {
    let memory = ring_memory(16);
    let (mut sleeper, mut waker) = announcement();
    let bell = Arc::new(Doorbell::new());
    let rope = Arc::clone(&bell);
    let mut producer = Producer::new(&memory);
    publish_one(&mut producer);
    publish_one(&mut producer);
    let reader = memory.clone();
    let reading = thread::spawn(move || {
        let mut consumer = Consumer::new(&reader, 0);
        for _ in 0..2 {
            assert!(read_one(&mut consumer));
        }
        consumer.publish_head();
        if waker.must_wake() {
            rope.ring();
        }
    });
    while producer.push(Kind::REPLY, [0; 3], &[], &[]).is_err() {
        producer.refresh_head().unwrap();
        if producer.used() == 0 {
            continue;
        }
        sleeper.announce();
        if !producer.head_moved() {
            bell.wait();
        }
        sleeper.withdraw();
    }
    reading.join().unwrap();
}
