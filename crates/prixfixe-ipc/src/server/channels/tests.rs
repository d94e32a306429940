use std::borrow::Cow;

use super::*;
use crate::call::Call;
use crate::client::channel as client;
use crate::outcome::Outcome;
use crate::sys::Mapping;

const REPLY: usize = 4096;

/// Answers what there is room for; how many.
fn answer_all(server: &mut Channel) -> usize {
    let mut answered = 0;
    while let Some(waiting) = server.next(None).unwrap() {
        let room = waiting.payload.length;
        let ticket = server.take(0, &waiting, &mut vec![0; room]).unwrap();
        let answer = Answer {
            ending: Ending::Completed,
            message_type: 0,
            payload: Cow::Owned(vec![7; REPLY]),
        };
        server.answer(&ticket, answer);
        answered += 1;
    }
    server.show(None);
    answered
}

fn read_all(client: &mut client::Channel) -> usize {
    let mut read = 0;
    let mut buffer = vec![0; REPLY];
    while let Some(reply) = client.next_reply().unwrap() {
        assert_eq!(
            client.finish(&reply, &mut buffer),
            Outcome::Completed(REPLY)
        );
        read += 1;
    }
    read
}

#[test]
fn a_request_that_waits_for_room_is_taken_though_memory_was_given_back_meanwhile() {
    const CALLS: usize = 8;
    let sizes = ChannelSizes::new(16 << 10, 4 << 10, 8).unwrap();
    let segment = Region::new(Mapping::private(sizes.segment()).unwrap());
    let limits = StreamLimits::new(sizes, 1 << 20, 1 << 20);
    let mut server = Channel::new(&segment, sizes, 0, 0, 0, limits);
    let mut client = client::Channel::new(&segment, sizes, 1 << 20);
    for _ in 0..CALLS {
        client.send(&Call::new(b"short"), REPLY).unwrap();
    }
    let mut answered = 0;
    while answered < CALLS {
        let more = answer_all(&mut server);
        assert!(more > 0, "{answered} calls were answered");
        answered += more;
        assert!(
            !server.looks_ready(),
            "there is no room, or nothing to take"
        );
        assert_eq!(read_all(&mut client), more);
        server.give_back();
        assert_eq!(server.looks_ready(), answered < CALLS);
    }
}
