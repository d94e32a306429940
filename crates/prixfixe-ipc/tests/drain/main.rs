//! A server that goes away in order: what runs is finished, what waits goes to the successor.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod asynchronous;
mod stage;
mod streams;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use prixfixe_ipc::{
    Address, AsyncClient, Call, Cause, Client, Connector, Executed, Outcome, OwnedReply,
    OwnedRequest, Pool, PoolSettings, Reply, Request, Server, ServerConfig, Statistics,
    SubmitError,
};

use stage::{LONG, SHORT, Stage, address, await_that, bind, by, call_aside, failure, quick, text};

#[test]
fn what_runs_is_finished_and_what_waits_goes_to_the_successor() {
    let address = address("calls");
    let first = Stage::new(&address, "first", 1);
    let connector = Connector::new(address.clone());
    let running = call_aside(&connector, LONG);
    first.await_begun(1);
    let mut caller = connector.client().unwrap();
    let waiting = std::thread::spawn(move || {
        let outcome = text(caller.call(quick()));
        (outcome, caller.statistics().reconnects)
    });
    // It is in the ring, and the server has room for one.
    let observer = Statistics::observe(&address).unwrap();
    await_that(|| {
        let seen = observer.snapshot().unwrap();
        seen.clients.iter().any(|client| client.channels == 2)
    });
    std::thread::sleep(Duration::from_millis(20));

    first.drain(LONG);
    let second = Stage::new(&address, "second", 1);
    assert_eq!(waiting.join().unwrap(), (by("second"), 1));
    assert_eq!((first.begun(), second.begun()), (1, 1));
    assert!(!running.is_finished());
    first.gate.add_permits(1);
    assert_eq!(running.join().unwrap(), by("first"));
    first.server.drain(Duration::ZERO).unwrap();
}

#[test]
fn a_caller_with_the_notice_asks_the_successor_though_his_server_still_runs() {
    let address = address("notice");
    let first = Stage::new(&address, "first", 4);
    let mut client = Client::connect(&address).unwrap();
    assert_eq!(text(client.call(quick())), by("first"));
    let running = call_aside(&Connector::new(address.clone()), LONG);
    first.await_begun(2);
    first.drain(LONG);
    let _second = Stage::new(&address, "second", 4);
    assert_eq!(text(client.call(quick())), by("second"));
    assert_eq!(first.begun(), 2);
    first.gate.add_permits(1);
    assert_eq!(running.join().unwrap(), by("first"));
}

#[test]
fn without_a_successor_a_call_ends_by_its_deadline_and_was_not_executed() {
    let address = address("alone");
    let first = Stage::new(&address, "first", 1);
    let connector = Connector::new(address);
    let running = call_aside(&connector, LONG);
    first.await_begun(1);
    let waiting = call_aside(&connector, 4 * SHORT);
    first.drain(LONG);
    let (_, executed) = failure(&waiting.join().unwrap());
    assert_eq!((executed, first.begun()), (Executed::No, 1));
    let (cause, executed) = failure(&call_with_new_client(&connector));
    assert_eq!((cause, executed), (Cause::Unreachable, Executed::No));
    first.gate.add_permits(1);
    assert_eq!(running.join().unwrap(), by("first"));
}

/// A pool's channel connects with its first call.
fn call_with_new_client(connector: &Connector) -> Outcome<usize> {
    let pool = Pool::with_settings(connector.address().clone(), PoolSettings::default()).unwrap();
    pool.call_into(Call::new(b"x").timeout(SHORT), &mut [0; 64])
}

#[test]
fn long_requests_that_were_not_taken_go_to_the_successor() {
    let address = address("long");
    let first = Stage::new(&address, "first", 1);
    let connector = Connector::new(address.clone());
    let running = call_aside(&connector, LONG);
    first.await_begun(1);
    let waiting = [(); 2].map(|()| {
        let mut client = connector.client().unwrap();
        std::thread::spawn(move || {
            let long = vec![7; 1 << 20];
            text(client.call(Call::new(&long).message_type(1).timeout(LONG)))
        })
    });
    std::thread::sleep(Duration::from_millis(20));
    first.drain(LONG);
    let second = Stage::new(&address, "second", 2);
    // One that was taken as its first part came runs to its end where it is, when there is room for it.
    first.gate.add_permits(1);
    assert_eq!(running.join().unwrap(), by("first"));
    for call in waiting {
        let ended = call.join().unwrap();
        assert!([by("first"), by("second")].contains(&ended), "{ended:?}");
    }
    assert_eq!(first.begun() + second.begun(), 3, "each once");
    first.server.drain(Duration::ZERO).unwrap();
}

#[test]
fn what_still_runs_when_the_time_is_over_may_have_been_executed() {
    let address = address("over");
    let first = Stage::new(&address, "first", 1);
    let connector = Connector::new(address);
    let running = call_aside(&connector, LONG);
    first.await_begun(1);
    first.server.drain(SHORT).unwrap();
    let ended = failure(&running.join().unwrap());
    assert_eq!(ended, (Cause::HungUp, Executed::Maybe));
}

#[test]
fn stopping_ends_a_drain() {
    let address = address("stop");
    let first = Stage::new(&address, "first", 1);
    let running = call_aside(&Connector::new(address), LONG);
    first.await_begun(1);
    first.drain(LONG);
    first.server.stop().unwrap();
    let ended = failure(&running.join().unwrap());
    assert_eq!(ended, (Cause::HungUp, Executed::Maybe));
}

#[test]
fn a_server_without_calls_drains_at_once() {
    let address = address("idle");
    let echo = |request: Request<'_>, reply: &mut Reply<'_>| reply.write(request.payload());
    let server = Server::bind(&address, ServerConfig::default()).unwrap();
    let server = server.spawn(echo).unwrap();
    let mut client = Client::connect(&address).unwrap();
    assert_eq!(text(client.call(b"one")), by("one"));
    // Not the hour that it may take.
    server.drain(Duration::from_secs(3600)).unwrap();
    let successor = bind(&address, &ServerConfig::default());
    let _successor = successor.spawn(echo).unwrap();
    assert_eq!(text(client.call(b"two")), by("two"));
}

#[test]
fn a_pipeline_tells_which_calls_were_not_taken() {
    let address = address("pipeline");
    let first = Stage::new(&address, "first", 1);
    let mut client = Client::connect(&address).unwrap();
    let mut pipeline = client.pipeline().unwrap();
    let running = pipeline.submit(Call::new(b"x").timeout(LONG), 64).unwrap();
    first.await_begun(1);
    let waiting = pipeline.submit(quick(), 64).unwrap();
    first.drain(LONG);
    let mut reply = [0; 64];
    let (name, outcome) = pipeline.receive(&mut reply).unwrap();
    let ended = failure(&outcome);
    assert_eq!(name, waiting);
    assert_eq!(ended, (Cause::ShuttingDown, Executed::No));
    assert_eq!(
        pipeline.submit(quick(), 64),
        Err(SubmitError::Lost(Cause::ShuttingDown))
    );
    first.gate.add_permits(1);
    assert_eq!(
        pipeline.receive(&mut reply),
        Some((running, Outcome::Completed(5)))
    );
    assert_eq!(pipeline.receive(&mut reply), None);
    drop(pipeline);
    let _second = Stage::new(&address, "second", 1);
    let mut pipeline = client.pipeline().unwrap();
    let name = pipeline.submit(quick(), 64).unwrap();
    let received = pipeline.receive(&mut reply);
    assert_eq!(received, Some((name, Outcome::Completed(6))));
}

#[test]
fn a_pool_closes_idle_channels_on_notice_and_never_one_under_a_call() {
    let address = address("pool");
    let first = Stage::new(&address, "first", 4);
    let pool = Pool::connect(&address).unwrap();
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let mut client = pool.client(LONG).unwrap();
            assert_eq!(text(client.call(quick())), by("first"));
            client
        })
        .collect();
    drop(clients);
    std::thread::scope(|scope| {
        let pool = &pool;
        let call = Call::new(b"x").timeout(LONG);
        let running = scope.spawn(move || pool.call_into(call, &mut [0; 64]));
        first.await_begun(4);
        assert_eq!(pool.statistics().open, 3);
        first.drain(LONG);
        await_that(|| pool.statistics().open == 1);
        assert_eq!(pool.statistics().closed_idle, 2);
        let second = Stage::new(&address, "second", 4);
        assert_eq!(pool.call_into(quick(), &mut [0; 64]), Outcome::Completed(6));
        assert!(!running.is_finished());
        first.gate.add_permits(1);
        assert_eq!(running.join().unwrap(), Outcome::Completed(5));
        assert_eq!((first.begun(), second.begun()), (4, 1));
    });
}

#[test]
fn servers_that_follow_each_other_under_load_execute_every_call_once() {
    let address = address("load");
    let executed = Arc::new(AtomicU64::new(0));
    let serve = |address: &Address| {
        let counted = Arc::clone(&executed);
        let handler = move |_: OwnedRequest, mut reply: OwnedReply| {
            counted.fetch_add(1, Ordering::SeqCst);
            async move {
                tokio::task::yield_now().await;
                reply.write(b"done")
            }
        };
        bind(address, &ServerConfig::default())
            .spawn_async(handler)
            .unwrap()
    };
    let mut server = serve(&address);
    let pool = Pool::connect(&address).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let client = runtime.block_on(AsyncClient::connect(&address)).unwrap();
    let over = AtomicBool::new(false);
    let made = AtomicU64::new(0);
    let _last = std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    let call = Call::new(b"x").timeout(LONG);
                    assert_eq!(pool.call_into(call, &mut [0; 8]), Outcome::Completed(4));
                    made.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    let call = Call::new(b"x").timeout(LONG);
                    let outcome = runtime.block_on(client.call_into(call, &mut [0; 8]));
                    assert_eq!(outcome, Outcome::Completed(4));
                    made.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for _ in 0..10 {
            let before = made.load(Ordering::SeqCst);
            await_that(|| made.load(Ordering::SeqCst) >= before + 200);
            server.stopper().drain(LONG);
            let successor = serve(&address);
            server.drain(LONG).unwrap();
            server = successor;
        }
        over.store(true, Ordering::SeqCst);
        // The last calls need it.
        server
    });
    // Not one twice, though none was said to be idempotent, and none was lost.
    assert_eq!(executed.load(Ordering::SeqCst), made.load(Ordering::SeqCst));
}
