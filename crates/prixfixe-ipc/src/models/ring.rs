//! Records arrive whole, once and in order, and nothing is written where something is still read.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use loom::thread;

use super::{Model, check_all, ring_memory};
use crate::memory::WORD;
use crate::ring::{Consumer, Kind, Producer, RingMemory};

pub(super) const MODELS: [Model; 4] = [
    Model {
        name: "records wrap, start again, and arrive whole",
        preemptions: Some(3),
        run: records_wrap_and_start_again,
    },
    Model {
        name: "nothing is written over what is read",
        preemptions: None,
        run: room_is_used_again,
    },
    Model {
        name: "a head that comes with a reply is as good as one of its own",
        preemptions: None,
        run: room_is_known_by_a_reply,
    },
    Model {
        name: "nothing is given back that is still read",
        preemptions: None,
        run: memory_is_given_back,
    },
];

/// Frame and two words.
const RECORD: u64 = 24;

/// Outside the model: what happened in some of its courses.
static SKIPS: AtomicUsize = AtomicUsize::new(0);
static RESTARTS: AtomicUsize = AtomicUsize::new(0);
static GIVEN_BACK: AtomicUsize = AtomicUsize::new(0);

#[test]
fn rings_hold() {
    check_all(&MODELS);
    assert!(SKIPS.load(Relaxed) > 0, "no course had a skip record");
    assert!(RESTARTS.load(Relaxed) > 0, "no course started again");
    assert!(GIVEN_BACK.load(Relaxed) > 0, "no course gave anything back");
}

/// Two of three records fit, and the third has to go round the end, where a skip record is written, or
/// starts at the first line, when all was read.
fn records_wrap_and_start_again() {
    let memory = ring_memory(64);
    let reader = memory.clone();
    let reading = thread::spawn(move || {
        let mut consumer = Consumer::new(&reader, 16);
        let mut read = 0;
        for _ in 0..2 {
            read += read_one(&mut consumer, read + 1);
        }
        (consumer, read)
    });
    let mut producer = Producer::new(&memory);
    let mut written = 0;
    for _ in 0..3 {
        written += write_one(&mut producer, written + 1);
        let used = producer.used();
        if written == 3 {
            let skipped = used == 64;
            (if skipped { &SKIPS } else { &RESTARTS }).fetch_add(1, Relaxed);
        }
    }
    let (mut consumer, mut read) = reading.join().unwrap();
    while read < written {
        assert_eq!(read_one(&mut consumer, read + 1), 1, "a record is missing");
        read += 1;
    }
    assert_eq!(read_one(&mut consumer, read + 1), 0, "one record too many");
}

/// One record fits at a time.
fn room_is_used_again() {
    let memory = ring_memory(32);
    let reader = memory.clone();
    let reading = thread::spawn(move || {
        let mut consumer = Consumer::new(&reader, 16);
        let first = read_one(&mut consumer, 1);
        read_one(&mut consumer, first + 1);
    });
    let mut producer = Producer::new(&memory);
    let first = write_one(&mut producer, 1);
    assert_eq!(first, 1);
    write_one(&mut producer, 2);
    reading.join().unwrap();
}

/// Two records reach beyond what is kept. They are given back where both are read, and then there is a
/// third.
fn memory_is_given_back() {
    let memory = ring_memory(64);
    let reader = memory.clone();
    let reading = thread::spawn(move || {
        let mut consumer = Consumer::new(&reader, 16);
        let mut read = 0;
        for _ in 0..2 {
            read += read_one(&mut consumer, read + 1);
        }
        (consumer, read)
    });
    let mut producer = Producer::new(&memory);
    assert_eq!(write_one(&mut producer, 1), 1);
    assert_eq!(write_one(&mut producer, 2), 1);
    for _ in 0..2 {
        producer.give_back().unwrap();
    }
    if producer.used() == 0 {
        GIVEN_BACK.fetch_add(1, Relaxed);
    }
    let third = write_one(&mut producer, 3);
    let (mut consumer, mut read) = reading.join().unwrap();
    while read < 2 + third {
        assert_eq!(read_one(&mut consumer, read + 1), 1, "a record is missing");
        read += 1;
    }
}

/// The producer of requests learns from a reply how far they were read, as the client does.
fn room_is_known_by_a_reply() {
    let (requests, replies) = (ring_memory(32), ring_memory(32));
    let mut producer = Producer::new(&requests);
    assert_eq!(write_one(&mut producer, 1), 1);
    let (server_requests, server_replies) = (requests.clone(), replies.clone());
    let serving = thread::spawn(move || serve_one(&server_requests, &server_replies));
    let mut consumer = Consumer::new(&replies, 16);
    if let Some(reply) = consumer.peek().unwrap() {
        let head = consumer.content_word(&reply, 0);
        producer.note_head(head).unwrap();
        push(&mut producer, 2);
    }
    serving.join().unwrap();
}

fn serve_one(requests: &RingMemory, replies: &RingMemory) {
    let mut consumer = Consumer::new(requests, 16);
    assert_eq!(read_quietly(&mut consumer, 1), 1);
    let mut producer = Producer::new(replies);
    let head = [consumer.head()];
    producer.push(Kind::REPLY, [0; 3], &head, &[]).unwrap();
    producer.publish();
}

/// Writes and publishes a record of `number`s if there is room. Returns how many were written.
fn write_one(producer: &mut Producer, number: u64) -> u64 {
    if !push(producer, number) {
        producer.refresh_head().unwrap();
        if !push(producer, number) {
            return 0;
        }
    }
    assert!(producer.publish());
    1
}

fn push(producer: &mut Producer, number: u64) -> bool {
    let payload = [number.to_ne_bytes(), number.to_ne_bytes()].concat();
    producer.push(Kind::REQUEST, [0; 3], &[], &payload).is_ok()
}

/// Reads a record if there is one, which must be of `number`s, and gives its room back. Returns how
/// many were read.
fn read_one(consumer: &mut Consumer, number: u64) -> u64 {
    let read = read_quietly(consumer, number);
    consumer.publish_head();
    read
}

fn read_quietly(consumer: &mut Consumer, number: u64) -> u64 {
    let Some(record) = consumer.peek().unwrap() else {
        return 0;
    };
    let mut payload = [0; 2 * WORD];
    consumer.copy_out(&record, 0, &mut payload);
    consumer.advance(&record);
    assert_eq!(u64::from(record.frame.length()) + WORD as u64, RECORD);
    for word in payload.chunks(WORD) {
        assert_eq!(word, number.to_ne_bytes(), "a torn or an old record");
    }
    1
}
