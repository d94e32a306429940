//! Messages that are none, come at the wrong time, or ask for too much.

use prixfixe_ipc::ChannelSizes;
use prixfixe_ipc::raw_peer::{self, RawMessage, RawSocket};

use super::server_process::MAX_CHANNELS_PER_CLIENT;
use super::stage::{PATIENCE, Stage, small};

const MAGIC: &[u8; 8] = b"PRIXIPC\0";

fn words(words: [u64; 8]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn word(message: &RawMessage, index: usize) -> u64 {
    u64::from_le_bytes(message.bytes[index * 8..][..8].try_into().unwrap())
}

fn hello(version: u64) -> Vec<u8> {
    words([1, u64::from_le_bytes(*MAGIC), version, 0, 0, 0, 0, 0])
}

fn answer(socket: &RawSocket) -> RawMessage {
    socket.receive(PATIENCE).unwrap().unwrap()
}

const REFUSED: u64 = 0x103;
const CURRENT: u64 = prixfixe_ipc::LAYOUT_VERSION as u64;

#[test]
fn another_version_is_told_both_numbers() {
    let stage = Stage::new("version");
    for version in [0, CURRENT - 1, CURRENT + 1, u64::from(u32::MAX)] {
        let socket = stage.socket();
        socket.send(&hello(version), &[]).unwrap();
        let refused = answer(&socket);
        assert_eq!(word(&refused, 0), REFUSED);
        assert_eq!(
            [2, 3, 4].map(|index| word(&refused, index)),
            [0, CURRENT, version]
        );
        assert!(refused.descriptors.is_empty());
        assert!(socket.wait_gone(PATIENCE));
        assert!(stage.next_refused().starts_with("Version"));
        stage.next_gone();
    }
    stage.finish();
}

#[test]
fn a_greeting_that_is_none_ends_the_connection() {
    let stage = Stage::new("greeting");
    let magic = u64::from_le_bytes(*MAGIC);
    let greetings = [
        vec![0],
        vec![0; 63],
        vec![0; 64],
        vec![0xff; 64],
        vec![0; 65],
        hello(CURRENT)[..63].to_vec(),
        [hello(CURRENT), vec![0]].concat(),
        [hello(CURRENT), vec![0; 4096]].concat(),
        words([1, magic ^ 1, 1, 0, 0, 0, 0, 0]),
        hello(1 << 32),
        words([2, 4096, 1024, 8, 0, 0, 0, 0]),
        raw_peer::open(small()).to_vec(),
        raw_peer::close(0).to_vec(),
        raw_peer::ring().to_vec(),
        raw_peer::ping(1).to_vec(),
        words([0x101, magic, 4096, 4096, 4096, 1024, 8, 0]),
    ];
    for greeting in greetings {
        let socket = stage.socket();
        socket.send(&greeting, &[]).unwrap();
        assert!(socket.wait_gone(PATIENCE));
        assert_eq!(stage.next_gone(), "Corrupt(Control)", "{greeting:?}");
    }
    stage.finish();
}

#[test]
fn a_message_that_is_none_ends_the_connection() {
    let mut stage = Stage::new("control");
    let messages = [
        vec![0; 64],
        vec![1],
        vec![0; 65],
        hello(CURRENT),
        words([2, 4096, 1024, 8, 1, 0, 0, 0]),
        // Sizes that cannot be.
        words([2, 0, 0, 0, 0, 0, 0, 0]),
        words([2, 4097, 1024, 8, 0, 0, 0, 0]),
        words([2, 1 << 31, 1024, 8, 0, 0, 0, 0]),
        words([2, 1 << 63, 1024, 8, 0, 0, 0, 0]),
        words([2, 4096, 1025, 8, 0, 0, 0, 0]),
        words([2, 4096, u64::MAX, 8, 0, 0, 0, 0]),
        words([2, 4096, 1024, 0, 0, 0, 0, 0]),
        words([2, 4096, 1024, 1025, 0, 0, 0, 0]),
        words([2, 4096, 1024, 1 << 16, 0, 0, 0, 0]),
        words([3, u64::MAX, 0, 0, 0, 0, 0, 0]),
        words([3, 0, 1, 0, 0, 0, 0, 0]),
        words([4, 1, 0, 0, 0, 0, 0, 0]),
        words([5, 1, 1, 0, 0, 0, 0, 0]),
        words([7, 0, 0, 0, 0, 0, 0, 0]),
        // Lent memory without any, and such for a channel of nobody's.
        words([6, 0, 1, 256 << 10, 0, 0, 0, 0]),
        words([6, u64::MAX, 1, 256 << 10, 0, 0, 0, 0]),
        words([6, 0, 1, 1 << 32, 0, 0, 0, 0]),
        words([6, 0, 1, 256 << 10, 1, 0, 0, 0]),
        // A message of the server's.
        words([0x102, 0, 0, 4096, 1024, 8, 0, 0]),
    ];
    for message in messages {
        let peer = stage.peer();
        peer.socket.send(&message, &[]).unwrap();
        assert!(peer.socket.wait_gone(PATIENCE));
        assert_eq!(stage.next_gone(), "Corrupt(Control)", "{message:?}");
    }
    stage.bystanders_are_served();
    // A message of nothing looks like the end.
    let peer = stage.peer();
    rustix::net::send(&peer.socket, &[], rustix::net::SendFlags::empty()).unwrap();
    assert_eq!(stage.next_gone(), "HungUp");
    stage.finish();
}

#[test]
fn closing_a_channel_of_somebody_else_ends_the_connection() {
    let mut stage = Stage::new("close");
    let (peer, channel) = stage.peer_with_channel();
    // The bystanders' channels are the first of all.
    for number in [0, 1, channel.number + 1, u32::MAX] {
        let other = stage.peer();
        other.socket.send(&raw_peer::close(number), &[]).unwrap();
        assert_eq!(stage.next_gone(), "Corrupt(Control)", "{number}");
    }
    let thief = stage.peer();
    thief
        .socket
        .send(&raw_peer::close(channel.number), &[])
        .unwrap();
    assert_eq!(stage.next_gone(), "Corrupt(Control)");
    super::stage::honest_call(&peer, &channel, 1, 0);
    // One's own only once.
    peer.socket
        .send(&raw_peer::close(channel.number), &[])
        .unwrap();
    peer.socket
        .send(&raw_peer::close(channel.number), &[])
        .unwrap();
    assert_eq!(stage.next_gone(), "Corrupt(Control)");
    stage.bystanders_are_served();
    stage.finish();
}

#[test]
fn who_asks_for_too_much_is_refused_and_may_ask_for_less() {
    let stage = Stage::with("sizes", &[(MAX_CHANNELS_PER_CLIENT, "3")]);
    let peer = stage.peer();
    let refused = |message: &[u8]| {
        peer.socket.send(message, &[]).unwrap();
        let answer = answer(&peer.socket);
        assert_eq!(word(&answer, 0), REFUSED);
        word(&answer, 2)
    };
    // The server allows 256 KiB, 64 KiB and 32.
    for (ring, payload, in_flight) in [
        (64 << 20, 1024, 1),
        (512 << 10, 1024, 1),
        (256 << 10, 64 << 10, 33),
        (256 << 10, 64 << 10, 1024),
    ] {
        let sizes = ChannelSizes::new(ring, payload, in_flight).unwrap();
        assert_eq!(refused(&raw_peer::open(sizes)), 4);
    }
    let channels = [(); 3].map(|()| peer.open(small()).unwrap());
    peer.socket.send(&raw_peer::open(small()), &[]).unwrap();
    assert_eq!(
        word(&answer(&peer.socket), 2),
        2,
        "as many channels as may be"
    );
    peer.socket
        .send(&raw_peer::close(channels[0].number), &[])
        .unwrap();
    peer.open(small()).unwrap();
    stage.finish();
}

#[test]
fn who_lets_answers_lie_is_dropped_before_they_are_many() {
    let stage = Stage::new("answers");
    let peer = stage.peer();
    let mut asked = 0;
    while peer.socket.send(&raw_peer::open(small()), &[]).is_ok() {
        asked += 1;
        assert!(asked < 1000, "the server goes on answering");
        // Until this one is answered, or the connection is over: each answer is sent before the next
        // message is read, and the queue of messages is not what this is about.
        std::thread::yield_now();
    }
    assert_eq!(stage.next_gone(), "Unread");
    let mut unread = 0;
    let mut hung_up = 0;
    // That the server hung up on what it did not read is reported once before what it had said.
    while hung_up < 2 {
        match peer.socket.receive(PATIENCE) {
            Ok(answer) => unread += answer.unwrap().descriptors.len(),
            Err(_) => hung_up += 1,
        }
    }
    assert!(
        (1..=16).contains(&unread),
        "{unread} descriptors lay unread"
    );
    stage.finish();
}

#[test]
fn an_observer_can_do_nothing_else() {
    let stage = Stage::new("observer");
    let observer = u64::from_le_bytes(*MAGIC);
    let messages = [
        raw_peer::open(small()),
        raw_peer::ring(),
        raw_peer::ping(1),
        raw_peer::close(0),
    ];
    for message in messages {
        let socket = stage.socket();
        socket
            .send(&words([1, observer, CURRENT, 2, 0, 0, 0, 0]), &[])
            .unwrap();
        assert_eq!(answer(&socket).descriptors.len(), 1);
        socket.send(&message, &[]).unwrap();
        assert_eq!(stage.next_gone(), "Corrupt(Control)");
    }
    stage.finish();
}
