//! A client has no descriptors to send: whoever does is dropped, and nothing is left open.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use prixfixe_ipc::raw_peer::{self, RawRole};

use super::stage::{PATIENCE, Stage, small};

fn of_all_kinds() -> Vec<OwnedFd> {
    let (reading, writing) = rustix::pipe::pipe().unwrap();
    vec![
        reading,
        writing,
        rustix::event::eventfd(0, rustix::event::EventfdFlags::empty()).unwrap(),
        rustix::fs::memfd_create("hostile", rustix::fs::MemfdFlags::ALLOW_SEALING).unwrap(),
        std::fs::File::open("/dev/null").unwrap().into(),
    ]
}

/// Descriptors that the server has open.
fn open_at(stage: &Stage) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", stage.server.id()))
        .unwrap()
        .count()
}

#[test]
fn descriptors_that_nobody_asked_for_end_the_connection() {
    let mut stage = Stage::new("descriptors");
    stage.bystanders_are_served();
    let before = open_at(&stage);
    let kinds = of_all_kinds();
    let borrowed: Vec<BorrowedFd<'_>> = kinds.iter().map(AsFd::as_fd).collect();
    for count in 1..=borrowed.len() {
        let greeting = stage.socket();
        let hello = raw_peer::hello(prixfixe_ipc::LAYOUT_VERSION, RawRole::Blocking);
        greeting.send(&hello, &borrowed[..count]).unwrap();
        assert!(greeting.wait_gone(PATIENCE));
        assert_eq!(stage.next_gone(), "Descriptors");

        let peer = stage.peer();
        peer.socket
            .send(&raw_peer::ring(), &borrowed[count - 1..])
            .unwrap();
        assert_eq!(stage.next_gone(), "Descriptors");

        let (peer, channel) = stage.peer_with_channel();
        let message = raw_peer::close(channel.number);
        peer.socket.send(&message, &borrowed[..count]).unwrap();
        assert_eq!(stage.next_gone(), "Descriptors");
        // A message that is none, with descriptors.
        let peer = stage.peer();
        peer.open(small()).unwrap();
        peer.socket.send(&[1; 100], &borrowed[..count]).unwrap();
        assert_eq!(stage.next_gone(), "Descriptors");
    }
    stage.bystanders_are_served();
    assert_eq!(open_at(&stage), before, "descriptors are left open");
    stage.finish();
}
