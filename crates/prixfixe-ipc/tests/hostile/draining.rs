//! What a client without manners gets from a server that drains.

use std::sync::Arc;
use std::time::Duration;

use prixfixe_ipc::raw_peer::{self, RawPeer, RawRecord, RawRole, RawSocket};
use prixfixe_ipc::{OwnedReply, OwnedRequest, Server, ServerConfig};

use super::processes::Watchdog;
use super::stage::{PATIENCE, address, await_that, small};

const REFUSED: u64 = 0x103;
const DRAINING: u64 = 0x104;
const SHUTTING_DOWN: u64 = 5;

fn word(bytes: &[u8], index: usize) -> u64 {
    u64::from_le_bytes(bytes[index * 8..][..8].try_into().unwrap())
}

#[test]
fn who_goes_on_calling_a_server_that_drains_is_told_every_time_and_holds_nothing_up() {
    let _watchdog = Watchdog::new("draining");
    let address = address("draining");
    let gate = Arc::new(tokio_free::Gate::default());
    let opened = Arc::clone(&gate);
    let handler = move |_: OwnedRequest, mut reply: OwnedReply| {
        let gate = Arc::clone(&opened);
        async move {
            gate.pass().await;
            reply.write(b"done")
        }
    };
    let server = Server::bind(&address, ServerConfig::default()).unwrap();
    let server = server.spawn_async(handler).unwrap();
    let greeting = RawSocket::connect(&address).unwrap();
    let peer = RawPeer::connect(&address, RawRole::Blocking).unwrap();
    let channel = peer.open(small()).unwrap();
    let tail = channel.put(0, &RawRecord::request(1, b"hello", 64));
    channel.publish(tail);
    peer.doorbell.ring();
    await_that(|| channel.taken.read(0) == 1);

    server.stopper().drain(Duration::from_secs(3600));
    let notice = peer.socket.receive(PATIENCE).unwrap().unwrap();
    assert_eq!(word(&notice.bytes, 0), DRAINING);
    assert_eq!(peer.server_page.read(RawPeer::ADVICE) & 2, 2);
    let refusal = greeting.receive(PATIENCE).unwrap().unwrap();
    assert_eq!(
        [0, 2].map(|index| word(&refusal.bytes, index)),
        [REFUSED, SHUTTING_DOWN]
    );
    assert!(RawSocket::connect(&address).is_err());

    for _ in 0..3 {
        peer.socket.send(&raw_peer::open(small()), &[]).unwrap();
        let refusal = peer.socket.receive(PATIENCE).unwrap().unwrap();
        assert_eq!(
            [0, 2].map(|index| word(&refusal.bytes, index)),
            [REFUSED, SHUTTING_DOWN]
        );
        assert!(refusal.descriptors.is_empty());
    }
    let mut tail = tail;
    for number in 2..20 {
        tail = channel.put(tail, &RawRecord::request(number, b"hello", 64));
        channel.publish(tail);
        peer.doorbell.ring();
        // Told first, counted then.
        await_that(|| channel.taken.read(0) == number);
        await_that(|| channel.request_head.read(0) == tail);
    }
    // Calls of no execution have replies of no payload: frame, header of three words.
    assert_eq!(channel.reply_line.read(0), 18 * 32);
    assert_eq!(channel.replies.read(0) >> 48 & 0xff, 2);
    gate.open();
    server.drain(Duration::ZERO).unwrap();
    assert!(peer.socket.wait_gone(PATIENCE));
    assert_eq!(channel.reply_line.read(0), 18 * 32 + 32 + 8);
}

/// A gate for futures, without a runtime.
mod tokio_free {
    use std::future::poll_fn;
    use std::sync::Mutex;
    use std::task::{Poll, Waker};

    #[derive(Default)]
    pub(super) struct Gate(Mutex<(bool, Vec<Waker>)>);

    impl Gate {
        pub(super) fn open(&self) {
            let mut state = self.0.lock().unwrap();
            state.0 = true;
            for waker in state.1.drain(..) {
                waker.wake();
            }
        }

        pub(super) async fn pass(&self) {
            poll_fn(|context| {
                let mut state = self.0.lock().unwrap();
                if state.0 {
                    return Poll::Ready(());
                }
                state.1.push(context.waker().clone());
                Poll::Pending
            })
            .await;
        }
    }
}
