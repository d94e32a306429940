//! A call that its client has for not executed is not executed.

use loom::thread;

use super::{Model, check_all, ring_memory};
use crate::claim::{Canceller, Executed, Taker};
use crate::memory::{OwnWord, PeerWord, Region, WORD};
use crate::ring::{Consumer, Kind, Producer};

pub(super) const MODELS: [Model; 3] = [
    Model {
        name: "a call is executed, or certainly not, or its client knows neither",
        preemptions: None,
        run: taken_or_taken_back,
    },
    Model {
        name: "who sees a call taken sees the replies before it",
        preemptions: None,
        run: replies_before_are_seen,
    },
    Model {
        name: "a call that is passed over is known not to be executed, and its record stands",
        preemptions: None,
        run: passed_over,
    },
];

/// As in a request: the second word of the content.
const CANCEL_INDEX: usize = 1;

#[test]
fn claims_hold() {
    check_all(&MODELS);
}

/// The client takes its call back while the server takes it.
fn taken_or_taken_back() {
    let memory = ring_memory(32);
    let taken = Region::zeroed(8);
    let mut producer = Producer::new(&memory);
    let call = 1;
    let position = producer
        .push(Kind::REQUEST, [0; 3], &[call, 0], &[])
        .unwrap();
    producer.publish();
    let taker = Taker::new(OwnWord::at(&taken, 0));
    let serving = thread::spawn(move || {
        let mut consumer = Consumer::new(&memory, 16);
        let record = consumer.peek().unwrap()?;
        Some(taker.take(call, || consumer.content_word(&record, CANCEL_INDEX)))
    });
    let canceller = Canceller::new(PeerWord::at(&taken, 0));
    let end = canceller.cancel(call, || {
        (producer.content_word(position, CANCEL_INDEX * WORD), 0)
    });
    let executes = serving.join().unwrap();
    match end {
        Executed::No => assert_ne!(executes, Some(true), "executed, and certainly not"),
        Executed::Maybe => assert!(executes.is_some(), "not taken, and perhaps executed"),
    }
}

/// A call that cannot be taken back may have been answered: replies are drained before the client
/// says what it does not know.
fn replies_before_are_seen() {
    let replies = ring_memory(16);
    let taken = Region::zeroed(8);
    let taker = Taker::new(OwnWord::at(&taken, 0));
    let mut producer = Producer::new(&replies);
    let serving = thread::spawn(move || {
        assert!(taker.take(1, || 0));
        producer.push(Kind::REPLY, [0; 3], &[], &[]).unwrap();
        producer.publish();
        taker.take(2, || 0);
    });
    let canceller = Canceller::new(PeerWord::at(&taken, 0));
    let cancel_word = Region::zeroed(8);
    let end = canceller.cancel(2, || (OwnWord::at(&cancel_word, 0), 0));
    if end == Executed::Maybe {
        let mut consumer = Consumer::new(&replies, 0);
        assert!(consumer.peek().unwrap().is_some(), "a reply is overlooked");
    }
    serving.join().unwrap();
}

/// A server that drains passes over a call that its client takes back.
fn passed_over() {
    let (requests, replies) = (ring_memory(32), ring_memory(16));
    let taken = Region::zeroed(8);
    let mut producer = Producer::new(&requests);
    let call = 1;
    let pushed = producer.push(Kind::REQUEST, [0; 3], &[call, 0], &[]);
    let position = pushed.unwrap();
    producer.publish();
    let taker = Taker::new(OwnWord::at(&taken, 0));
    let mut consumer = Consumer::new(&requests, 16);
    let mut answers = Producer::new(&replies);
    let serving = thread::spawn(move || {
        let record = consumer.peek().unwrap().unwrap();
        answers.push(Kind::REPLY, [0; 3], &[], &[]).unwrap();
        answers.publish();
        taker.pass(call);
        consumer.advance(&record);
        consumer.publish_head();
    });
    producer.refresh_head().unwrap();
    let place_is_free = producer.used() == 0;
    let canceller = Canceller::new(PeerWord::at(&taken, 0));
    let end = canceller.cancel(call, || {
        assert!(!place_is_free, "what stands there now is marked");
        (producer.content_word(position, CANCEL_INDEX * WORD), 0)
    });
    if end == Executed::Maybe {
        let mut answers = Consumer::new(&replies, 0);
        assert!(
            answers.peek().unwrap().is_some(),
            "that it was not taken is overlooked"
        );
    }
    serving.join().unwrap();
}
