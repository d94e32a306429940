//! Handshakes that are never finished, and hang-ups in the middle of everything.

use prixfixe_ipc::raw_peer::{self, RawPeer, RawRecord, RawRole};
use prixfixe_ipc::{Client, ConnectError, ConnectRefusal};
use rustix::net::Shutdown;

use super::server_process::{HANDSHAKE_MS, MAX_CLIENTS, MAX_HANDSHAKES};
use super::stage::{PATIENCE, Stage, honest_call, small};

#[test]
fn who_never_says_hello_keeps_others_out_for_the_handshake_timeout_at_most() {
    let mut stage = Stage::with(
        "handshakes",
        &[(MAX_HANDSHAKES, "4"), (HANDSHAKE_MS, "300")],
    );
    let silent: Vec<_> = (0..4).map(|_| stage.socket()).collect();
    // Those who are there are served all the time.
    stage.bystanders_are_served();
    for socket in &silent {
        assert!(socket.wait_gone(PATIENCE));
        assert_eq!(stage.next_gone(), "HandshakeTimeout");
    }
    Client::connect(&stage.address).unwrap();
    stage.finish();
}

#[test]
fn who_finds_no_room_is_told_so() {
    // A timeout that is not over before the test is.
    let stage = Stage::with("room", &[(MAX_HANDSHAKES, "2"), (HANDSHAKE_MS, "600000")]);
    let silent = [stage.socket(), stage.socket()];
    // Often, since the refusal races with the greeting.
    for _ in 0..50 {
        match Client::connect(&stage.address) {
            Err(ConnectError::Refused(ConnectRefusal::Full)) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(stage.next_refused(), "Full");
    }
    drop(silent);
    stage.next_gone();
    Client::connect(&stage.address).unwrap();
    stage.finish();
}

#[test]
fn who_comes_back_finds_his_own_place_free() {
    // The two bystanders and one more.
    let stage = Stage::with("place", &[(MAX_CLIENTS, "3")]);
    for _ in 0..200 {
        let peer = stage.peer();
        // A child that another test starts at this moment has a copy of the socket for a while.
        rustix::net::shutdown(&peer.socket, Shutdown::Both).unwrap();
        drop(peer);
    }
    let full = stage.peer();
    let refused = Client::connect(&stage.address);
    assert!(
        matches!(refused, Err(ConnectError::Refused(ConnectRefusal::Full))),
        "{refused:?}"
    );
    drop(full);
    stage.finish();
}

#[test]
fn hanging_up_in_the_middle_of_anything_harms_nobody() {
    let mut stage = Stage::new("hang-up");
    for role in [RawRole::Blocking, RawRole::Asynchronous] {
        for _ in 0..10 {
            // Before anything is said.
            drop(stage.socket());
            stage.next_gone();
            // With the welcome unread.
            let socket = stage.socket();
            socket
                .send(&raw_peer::hello(prixfixe_ipc::LAYOUT_VERSION, role), &[])
                .unwrap();
            drop(socket);
            stage.next_gone();
            // With a channel unread.
            let peer = RawPeer::connect(&stage.address, role).unwrap();
            peer.socket.send(&raw_peer::open(small()), &[]).unwrap();
            drop(peer);
            stage.next_gone();
            // With more said than is read in one go.
            let peer = RawPeer::connect(&stage.address, role).unwrap();
            for _ in 0..40 {
                let _ = peer.socket.send(&raw_peer::ring(), &[]);
            }
            drop(peer);
            stage.next_gone();
            // With a call half written, one published, one answered and unread.
            let peer = RawPeer::connect(&stage.address, role).unwrap();
            let channel = peer.open(small()).unwrap();
            let tail = honest_call(&peer, &channel, 1, 0);
            let tail = channel.put(tail, &RawRecord::request(2, b"hello", 64));
            channel.publish(tail);
            peer.doorbell.ring();
            channel.put(tail, &RawRecord::request(3, b"hello", 64));
            drop(peer);
            stage.next_gone();
        }
        for how in [Shutdown::Read, Shutdown::Write, Shutdown::Both] {
            let peer = RawPeer::connect(&stage.address, role).unwrap();
            let channel = peer.open(small()).unwrap();
            honest_call(&peer, &channel, 1, 0);
            rustix::net::shutdown(&peer.socket, how).unwrap();
            // Who hears nothing can still be told that he is not heard.
            let _ = peer.socket.send(&raw_peer::open(small()), &[]);
            assert_eq!(stage.next_gone(), "HungUp", "{how:?}");
        }
    }
    stage.bystanders_are_served();
    stage.finish();
}
