//! Pings: whether the server's loop turns.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use prixfixe_ipc::{
    Address, AsyncClient, Call, Cause, Client, Connector, Outcome, OwnedReply, OwnedRequest, Pool,
    Reply, Request, Server, ServerConfig,
};
use tokio::sync::Semaphore;

/// Longer than anything takes that does not hang.
const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(100);

fn address(name: &str) -> Address {
    Address::abstract_name(format!("prixfixe-ping-{name}-{}", std::process::id())).unwrap()
}

fn bind(address: &Address) -> Server {
    Server::bind(address, ServerConfig::default()).unwrap()
}

fn echo(request: Request<'_>, reply: &mut Reply<'_>) -> Result<(), prixfixe_ipc::Refusal> {
    reply.write(request.payload())
}

#[test]
fn every_kind_of_client_has_an_answer() {
    let address = address("kinds");
    let _server = bind(&address).spawn(echo).unwrap();
    assert!(Client::connect(&address).unwrap().ping(LONG).unwrap() < LONG);
    assert!(Connector::new(address.clone()).ping(LONG).unwrap() < LONG);
    let pool = Pool::connect(&address).unwrap();
    assert!(pool.ping(LONG).unwrap() < LONG);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let took = runtime.block_on(async {
        let client = AsyncClient::connect(&address).await.unwrap();
        client.ping(LONG).await.unwrap()
    });
    assert!(took < LONG);
}

#[test]
fn a_server_that_can_run_no_more_calls_answers() {
    let address = address("full");
    let mut config = ServerConfig::default();
    config.max_running = NonZeroUsize::MIN;
    let gate = Arc::new(Semaphore::new(0));
    let gated = Arc::clone(&gate);
    let handler = move |_: OwnedRequest, mut reply: OwnedReply| {
        let gate = Arc::clone(&gated);
        async move {
            gate.acquire().await.unwrap().forget();
            reply.write(b"done")
        }
    };
    let server = Server::bind(&address, config).unwrap();
    let server = server.spawn_async(handler).unwrap();
    let connector = Connector::new(address);
    let clients = [(); 3].map(|()| connector.client().unwrap());
    let calls = clients.map(|mut client| {
        std::thread::spawn(move || {
            let call = Call::new(b"x").timeout(LONG);
            client.call(call).map(<[u8]>::len)
        })
    });
    connector.ping(LONG).unwrap();
    gate.add_permits(3);
    for call in calls {
        assert_eq!(call.join().unwrap(), Outcome::Completed(4));
    }
    server.stop().unwrap();
}

#[test]
fn a_server_whose_handler_does_not_return_has_no_answer_and_has_one_again_later() {
    let address = address("stuck");
    let (started, start) = mpsc::channel();
    let (finish, finished) = mpsc::channel::<()>();
    let handler = move |request: Request<'_>, reply: &mut Reply<'_>| {
        started.send(()).unwrap();
        finished.recv().unwrap();
        reply.write(request.payload())
    };
    let _server = bind(&address).spawn(handler).unwrap();
    let connector = Connector::new(address);
    let mut client = connector.client().unwrap();
    std::thread::scope(|scope| {
        let call = scope.spawn(|| client.call(Call::new(b"x").timeout(LONG)).map(<[u8]>::len));
        start.recv().unwrap();
        for _ in 0..3 {
            assert_eq!(connector.ping(SHORT), Err(Cause::Deadline));
        }
        finish.send(()).unwrap();
        assert_eq!(call.join().unwrap(), Outcome::Completed(1));
    });
    // The late answers to those before are not taken for the one to this, nor for a channel.
    connector.client().unwrap();
    connector.ping(LONG).unwrap();
    assert_eq!(client.statistics().reconnects, 0);
}

#[test]
fn pings_find_the_next_server_and_end_by_their_time_where_there_is_none() {
    let address = address("next");
    let server = bind(&address).spawn(echo).unwrap();
    let client = Client::connect(&address).unwrap();
    client.ping(LONG).unwrap();
    server.stop().unwrap();
    assert_eq!(client.ping(SHORT), Err(Cause::Unreachable));
    let _successor = bind(&address).spawn(echo).unwrap();
    client.ping(LONG).unwrap();
}

#[test]
fn calls_in_flight_are_not_disturbed_by_pings() {
    let address = address("calls");
    let server = bind(&address).spawn(echo).unwrap();
    let connector = Connector::new(address);
    let mut client = connector.client().unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let pinging = scope.spawn(|| {
            let mut pings = 0;
            while !over.load(Ordering::SeqCst) || pings < 3 {
                connector.ping(LONG).unwrap();
                pings += 1;
            }
        });
        for number in 0..20_000_u64 {
            let payload = number.to_le_bytes();
            assert_eq!(client.call(&payload), Outcome::Completed(&payload[..]));
        }
        over.store(true, Ordering::SeqCst);
        pinging.join().unwrap();
    });
    let statistics = client.statistics();
    assert_eq!((statistics.woke_late, statistics.reconnects), (0, 0));
    server.stop().unwrap();
}

#[test]
fn who_pings_in_a_loop_is_no_storm() {
    let address = address("loop");
    let server = bind(&address).spawn(echo).unwrap();
    let connector = Connector::new(address);
    let mut client = connector.client().unwrap();
    client.call(b"x").map(drop).completed().unwrap();
    std::thread::scope(|scope| {
        // Both over the connection that they share: more than a server takes in a second.
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..60 {
                    connector.ping(LONG).unwrap();
                }
            });
        }
    });
    client.call(b"x").map(drop).completed().unwrap();
    assert_eq!(client.statistics().reconnects, 0);
    server.stop().unwrap();
}
