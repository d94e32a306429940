use std::task::Waker;

use super::*;
use crate::record::{ItemFlags, StreamHeader};
use crate::sys::Mapping;

#[test]
fn a_writer_that_waits_for_room_is_told_though_memory_was_given_back_meanwhile() {
    let sizes = ChannelSizes::new(32 << 10, 4 << 10, 8).unwrap();
    let segment = Region::new(Mapping::private(sizes.segment()).unwrap());
    let mut client = Channel::new(&segment, sizes, 1 << 20);
    let opening = Opening::Stream { credit: 1 << 20 };
    let call = client.send_in_parts(&Call::new(b"items"), b"items", 0, opening, u64::MAX);
    let call = call.unwrap();
    let item = vec![7; 1 << 20];
    let mut sent = 0;
    while let PartSent::Written(octets) = client.send_part(call, &item, sent).unwrap() {
        sent += octets;
        client.publish();
    }
    client.streams().wakers(call).unwrap().writer = Some(Waker::noop().clone());
    // The server reads it all and says so, and the client hears of it by two ways.
    let memory = ChannelMemory::new(&segment, sizes);
    let mut requests = Consumer::new(&memory.requests, sizes.max_request_content());
    while let Some(record) = requests.peek().unwrap() {
        requests.advance(&record);
    }
    assert!(client.has_grown() && requests.publish_head());
    client.give_back();
    let credit = StreamHeader {
        call: 0,
        head: requests.head(),
        slot: 0,
        limit: 0,
    };
    let tags = ItemFlags::default().tags();
    let mut replies = Producer::new(&memory.replies);
    replies
        .push_control(Kind::CREDIT, tags, &credit.to_words())
        .unwrap();
    replies.publish();
    let arrival = client.next_arrival().unwrap();
    assert!(matches!(arrival, Some(Arrival::Stream)));
    let told = client.streams().next_due();
    assert!(told.is_some_and(|waiting| waiting.writer.is_some()));
}
