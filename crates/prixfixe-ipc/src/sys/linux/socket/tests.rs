use std::fs::File;
use std::io::Read as _;
use std::thread;

use super::*;
use crate::address::SocketAccess;
use crate::sys::linux::listener::Listener;

fn receive(socket: &Socket) -> Result<(Message, Received), ReceiveFailure> {
    let mut descriptors = Received::new();
    let message = socket.receive(&mut [0; 16], &mut descriptors)?;
    Ok((message, descriptors))
}

#[test]
fn messages_keep_their_bounds() {
    let (own, peer) = Socket::pair().unwrap();
    let mut buffer = [0; 4];
    let mut none = Received::refusing();
    assert!(matches!(
        own.receive(&mut buffer, &mut none),
        Err(ReceiveFailure::Nothing)
    ));
    peer.send(b"ab", &[]).unwrap();
    peer.send(b"cdefgh", &[]).unwrap();
    let message = own.receive(&mut buffer, &mut none).unwrap();
    assert_eq!((message.length, message.truncated), (2, false));
    assert_eq!(&buffer[..2], b"ab");
    let message = own.receive(&mut buffer, &mut none).unwrap();
    assert_eq!((message.length, message.truncated), (4, true));
    assert_eq!(&buffer, b"cdef");
    assert!(!message.descriptors_lost);
}

#[test]
fn a_message_may_carry_as_many_descriptors_as_the_protocol_needs() {
    let (own, peer) = Socket::pair().unwrap();
    let pipes: Vec<_> = (0..MAX_DESCRIPTORS)
        .map(|_| rustix::pipe::pipe().unwrap())
        .collect();
    let ends: Vec<_> = pipes.iter().map(|(reading, _)| reading.as_fd()).collect();
    peer.send(b"x", &ends).unwrap();
    let (message, mut descriptors) = receive(&own).unwrap();
    assert!(!message.descriptors_lost);
    assert_eq!(descriptors.len(), MAX_DESCRIPTORS);
    for (place, (_, writing)) in pipes.iter().enumerate() {
        let number = u8::try_from(place).unwrap();
        rustix::io::write(writing, &[number]).unwrap();
        let mut got = [9];
        let descriptor = descriptors.take(place).unwrap();
        let flags = rustix::io::fcntl_getfd(&descriptor).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        File::from(descriptor).read_exact(&mut got).unwrap();
        assert_eq!(got, [number]);
    }
    assert!(descriptors.take(0).is_none());
    assert!(descriptors.take(MAX_DESCRIPTORS).is_none());
}

#[test]
fn more_descriptors_are_not_sent() {
    let (own, peer) = Socket::pair().unwrap();
    let ends = [own.as_fd(); MAX_DESCRIPTORS * 2];
    let refused = peer.send(b"x", &ends);
    assert!(matches!(refused, Err(SendFailure::Descriptors(_))));
    assert!(matches!(receive(&own), Err(ReceiveFailure::Nothing)));
}

#[test]
fn more_descriptors_are_not_taken_and_are_reported() {
    let (own, peer) = Socket::pair().unwrap();
    let (reading, writing) = rustix::pipe::pipe().unwrap();
    for count in [MAX_DESCRIPTORS + 1, MAX_DESCRIPTORS + 2, 50] {
        send_raw(&peer, &vec![writing.as_fd(); count]);
        let (message, descriptors) = receive(&own).unwrap();
        assert!(message.descriptors_lost, "{count}");
        assert_eq!(descriptors.len(), MAX_DESCRIPTORS);
    }
    // What was not taken is closed: nobody but us can write any more.
    drop(writing);
    assert_eq!(rustix::io::read(&reading, &mut [0]), Ok(0));
}

#[test]
fn a_server_takes_no_descriptor_at_all() {
    let (own, peer) = Socket::pair().unwrap();
    let (reading, writing) = rustix::pipe::pipe().unwrap();
    peer.send(b"x", &[writing.as_fd()]).unwrap();
    let mut none = Received::refusing();
    let message = own.receive(&mut [0; 2], &mut none).unwrap();
    assert!(message.descriptors_lost);
    assert_eq!(none.len(), 0);
    drop(writing);
    assert_eq!(rustix::io::read(&reading, &mut [0]), Ok(0));
}

#[test]
fn descriptors_not_taken_are_closed_by_the_next_message() {
    let (own, peer) = Socket::pair().unwrap();
    let (reading, writing) = rustix::pipe::pipe().unwrap();
    peer.send(b"x", &[writing.as_fd()]).unwrap();
    drop(writing);
    peer.send(b"y", &[]).unwrap();
    let mut descriptors = Received::new();
    own.receive(&mut [0; 2], &mut descriptors).unwrap();
    own.receive(&mut [0; 2], &mut descriptors).unwrap();
    assert_eq!(descriptors.len(), 0);
    assert_eq!(rustix::io::read(&reading, &mut [0]), Ok(0));
}

#[test]
fn a_peer_that_reads_nothing_does_not_block_the_sender() {
    let (own, _peer) = Socket::pair().unwrap();
    let failure = (0..1_000_000).find_map(|_| own.send(&[0; 64], &[]).err());
    assert!(matches!(failure, Some(SendFailure::Full)));
}

#[test]
fn a_hang_up_is_seen_and_what_came_before_is_not_lost() {
    let (own, peer) = Socket::pair().unwrap();
    assert!(!own.is_gone());
    assert!(!own.wait_readable(Some(Duration::ZERO)).unwrap());
    peer.send(b"last", &[]).unwrap();
    assert!(!own.is_gone());
    drop(peer);
    // A child that another test starts has a copy until it runs its own program.
    while !own.is_gone() {}
    assert!(own.wait_readable(None).unwrap());
    assert_eq!(receive(&own).unwrap().0.length, 4);
    assert!(matches!(receive(&own), Err(ReceiveFailure::Gone)));
    assert!(matches!(own.send(b"x", &[]), Err(SendFailure::Gone)));
}

#[test]
fn a_message_of_nothing_is_the_end() {
    let (own, peer) = Socket::pair().unwrap();
    assert!(matches!(peer.send(b"", &[]), Err(SendFailure::Other(_))));
    rustix::net::send(&peer, &[], SendFlags::empty()).unwrap();
    assert!(matches!(receive(&own), Err(ReceiveFailure::Gone)));
}

#[test]
fn a_wait_ends_with_a_message() {
    let (own, peer) = Socket::pair().unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| own.wait_readable(None).unwrap());
        peer.send(b"x", &[]).unwrap();
        assert!(waiting.join().unwrap());
    });
}

#[test]
fn while_most_was_read_there_is_room_for_as_much_again_and_more() {
    let (own, peer) = Socket::pair().unwrap();
    let mostly_read = || own.wait_mostly_read(Some(Duration::ZERO)).unwrap();
    let send = || own.send(&[0; 64], &[]);
    let mut sent = 0;
    while mostly_read() {
        send().unwrap();
        sent += 1;
    }
    assert!(sent > 0);
    for _ in 0..2 * sent {
        send().unwrap();
    }
    while send().is_ok() {}
    assert!(matches!(send(), Err(SendFailure::Full)));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| own.wait_mostly_read(None).unwrap());
        while receive(&peer).is_ok() {}
        assert!(waiting.join().unwrap());
    });
    assert!(mostly_read());
    // The end is found by whoever sends.
    drop(peer);
    assert!(mostly_read());
}

#[test]
fn the_peer_is_known() {
    let (own, _peer) = Socket::pair().unwrap();
    let peer = own.peer().unwrap();
    assert_eq!(peer.uid, rustix::process::geteuid().as_raw());
    assert_eq!(peer.gid, rustix::process::getegid().as_raw());
    assert_eq!(peer.pid, Some(rustix::process::getpid().as_raw_nonzero()));
}

#[test]
fn each_way_not_to_connect_has_its_name() {
    let soon = Duration::from_millis(1);
    let directory = tempfile::tempdir().unwrap();
    let address = Address::path(directory.path().join("x")).unwrap();
    let nobody = Socket::connect(&address, soon);
    assert!(matches!(nobody, Err(ConnectFailure::NotFound)));

    // Bound and not listening, like the socket of a server that is gone.
    let stale = Socket::unconnected(SocketFlags::CLOEXEC).unwrap();
    let (place, _) = resolve(&address).unwrap();
    rustix::net::bind(&stale, &place).unwrap();
    let refused = Socket::connect(&address, soon);
    assert!(matches!(refused, Err(ConnectFailure::Refused)));

    rustix::net::listen(&stale, 0).unwrap();
    let waiting = Socket::connect(&address, soon).unwrap();
    for timeout in [Duration::ZERO, soon] {
        let busy = Socket::connect(&address, timeout);
        assert!(matches!(busy, Err(ConnectFailure::Busy)));
    }
    let busy = Socket::connect_now(&address);
    assert!(matches!(busy, Err(ConnectFailure::Busy)));
    drop(waiting);
}

#[test]
fn a_full_queue_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let address = Address::path(directory.path().join("x")).unwrap();
    let (place, _) = resolve(&address).unwrap();
    let listening = Socket::unconnected(SocketFlags::CLOEXEC).unwrap();
    rustix::net::bind(&listening, &place).unwrap();
    rustix::net::listen(&listening, 0).unwrap();
    let _first = Socket::connect_now(&address).unwrap();
    thread::scope(|scope| {
        let second = scope.spawn(|| Socket::connect(&address, Duration::MAX));
        let accepted = rustix::net::accept(&listening).unwrap();
        second.join().unwrap().unwrap();
        drop(accepted);
    });
}

#[test]
fn an_abstract_name_can_be_connected_to() {
    let name = format!("prixfixe-test-{}-connect", std::process::id());
    let address = Address::abstract_name(name).unwrap();
    let refused = Socket::connect_now(&address);
    assert!(matches!(refused, Err(ConnectFailure::Refused)));
    let listener = Listener::bind(&address, &SocketAccess::default()).unwrap();
    let client = Socket::connect(&address, Duration::MAX).unwrap();
    let server = listener.accept().unwrap().unwrap();
    client.send(b"x", &[]).unwrap();
    assert_eq!(receive(&server).unwrap().0.length, 1);
}

/// Sends more descriptors than `Socket::send` would.
fn send_raw(socket: &Socket, descriptors: &[BorrowedFd<'_>]) {
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(descriptors.len()))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(descriptors)));
    let slices = [IoSlice::new(b"x")];
    rustix::net::sendmsg(socket, &slices, &mut control, SendFlags::empty()).unwrap();
}
