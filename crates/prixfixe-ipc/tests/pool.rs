//! A pool of channels under many threads.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::num::NonZeroU16;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;

use prixfixe_ipc::{
    Address, Call, Cause, ClientKind, Executed, Failure, Outcome, Pool, PoolSettings,
    PoolStatistics, Refusal, Reply, Request, RunningServer, Server, ServerConfig, Statistics,
    workload,
};

const THREADS: u64 = 24;
/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

fn address(name: &str) -> Address {
    Address::abstract_name(format!("prixfixe-pool-{name}-{}", std::process::id())).unwrap()
}

/// A server whose replies follow from the bytes that it was sent.
fn serve(address: &Address) -> RunningServer {
    let server = Server::bind(address, ServerConfig::default()).unwrap();
    server.spawn(answer).unwrap()
}

fn answer(request: Request<'_>, reply: &mut Reply<'_>) -> Result<(), Refusal> {
    let length = request.payload().len();
    let digest = workload::digest(request.payload());
    workload::fill(reply.extend(length)?, 1, digest);
    Ok(())
}

fn pool(address: &Address, channels: u16, idle_timeout: Duration) -> Pool {
    let mut settings = PoolSettings::default();
    settings.max_channels = NonZeroU16::new(channels).unwrap();
    settings.idle_timeout = idle_timeout;
    Pool::with_settings(address.clone(), settings).unwrap()
}

/// Makes call number `number` of `caller` and checks that the reply is the one to it.
fn ask(pool: &Pool, caller: u64, number: u64, idempotent: bool) -> Result<(), Failure> {
    let mut payload = [0; 200];
    let length = 8 + usize::try_from((caller + number) % 190).unwrap();
    workload::fill(&mut payload[..length], caller, number);
    let mut call = Call::new(&payload[..length]).timeout(LONG);
    if idempotent {
        call = call.idempotent();
    }
    let mut reply = [0; 200];
    match pool.call_into(call, &mut reply) {
        Outcome::Completed(got) => {
            let mut expected = vec![0; length];
            workload::fill(&mut expected, 1, workload::digest(&payload[..length]));
            assert_eq!(reply[..got], expected, "caller {caller}, call {number}");
            Ok(())
        }
        Outcome::Refused(refusal) => panic!("{refusal}"),
        Outcome::Failed(failure) => Err(failure),
    }
}

/// Waits until it is so.
fn await_that(pool: &Pool, so: impl Fn(&PoolStatistics) -> bool) {
    while !so(&pool.statistics()) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn many_threads_on_few_channels_get_their_own_replies() {
    let address = address("many");
    let _server = serve(&address);
    let pool = pool(&address, 3, Duration::MAX);
    std::thread::scope(|scope| {
        for caller in 0..THREADS {
            let pool = &pool;
            scope.spawn(move || {
                for number in 0..300 {
                    ask(pool, caller, number, false).unwrap();
                }
            });
        }
    });
    let statistics = pool.statistics();
    assert!(statistics.open <= 3, "{statistics:?}");
    assert_eq!(
        (statistics.opened, statistics.waiting),
        (statistics.open as u64, 0)
    );
    let seen = Statistics::observe(&address).unwrap().snapshot().unwrap();
    let calls: u64 = seen.clients.iter().map(|client| client.calls).sum();
    assert_eq!(calls, THREADS * 300);
}

#[test]
fn one_caller_at_a_time_needs_one_channel() {
    let address = address("one");
    let _server = serve(&address);
    let pool = Pool::connect(&address).unwrap();
    for caller in 0..THREADS {
        let pool = pool.clone();
        let thread = std::thread::spawn(move || ask(&pool, caller, 0, false));
        thread.join().unwrap().unwrap();
    }
    assert_eq!((pool.statistics().open, pool.statistics().opened), (1, 1));
}

#[test]
fn callers_at_the_same_time_have_a_channel_each_up_to_the_most() {
    let address = address("grow");
    let _server = serve(&address);
    let pool = pool(&address, 4, Duration::MAX);
    let held: Vec<_> = (0..4)
        .map(|_| {
            let mut client = pool.client(LONG).unwrap();
            let length = client.call(b"x").map(<[u8]>::len);
            assert_eq!(length, Outcome::Completed(1));
            client
        })
        .collect();
    assert_eq!(pool.statistics().open, 4);
    assert!(pool.client(Duration::ZERO).is_err());
    drop(held);
    assert!(pool.client(LONG).is_ok());
}

#[test]
fn who_gets_no_channel_in_time_was_not_executed() {
    let address = address("busy");
    let executed = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&executed);
    let server = Server::bind(&address, ServerConfig::default()).unwrap();
    let handler = move |_: Request<'_>, _: &mut Reply<'_>| {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok(())
    };
    let _server = server.spawn(handler).unwrap();
    let pool = pool(&address, 1, Duration::MAX);
    let held = pool.client(LONG).unwrap();
    let call = Call::new(b"x").timeout(Duration::from_millis(30));
    let failed = Failure {
        cause: Cause::NoFreeChannel,
        executed: Executed::No,
    };
    assert_eq!(pool.call_into(call, &mut []), Outcome::Failed(failed));
    drop(held);
    assert_eq!(executed.load(Ordering::SeqCst), 0);
    let call = call.timeout(LONG);
    assert_eq!(pool.call_into(call, &mut []), Outcome::Completed(0));
}

#[test]
fn a_server_that_goes_and_comes_back_under_load_costs_no_call() {
    let address = address("restart");
    let mut server = serve(&address);
    let pool = pool(&address, 4, Duration::from_millis(20));
    let over = AtomicBool::new(false);
    let made = AtomicU64::new(0);
    let _last = std::thread::scope(|scope| {
        for caller in 0..8 {
            let (pool, over, made) = (&pool, &over, &made);
            scope.spawn(move || {
                let mut number = 0;
                while !over.load(Ordering::SeqCst) {
                    ask(pool, caller, number, true).unwrap();
                    made.fetch_add(1, Ordering::SeqCst);
                    number += 1;
                }
            });
        }
        for _ in 0..10 {
            // Some calls with each server.
            let before = made.load(Ordering::SeqCst);
            while made.load(Ordering::SeqCst) < before + 100 {
                std::thread::sleep(Duration::from_millis(1));
            }
            server.stop().unwrap();
            server = serve(&address);
        }
        over.store(true, Ordering::SeqCst);
        // The last calls need it.
        server
    });
    assert!(made.load(Ordering::SeqCst) >= 1000);
}

#[test]
fn idle_channels_are_closed_when_the_server_goes() {
    let address = address("gone");
    let server = serve(&address);
    let pool = pool(&address, 4, Duration::MAX);
    let held: Vec<_> = (0..4)
        .map(|_| {
            let mut client = pool.client(LONG).unwrap();
            client.call(b"x").map(drop).completed().unwrap();
            client
        })
        .collect();
    drop(held);
    assert_eq!(pool.statistics().open, 4);
    server.stop().unwrap();
    await_that(&pool, |statistics| statistics.open == 0);
    assert_eq!(pool.statistics().closed_idle, 4);

    let _successor = serve(&address);
    ask(&pool, 1, 1, false).unwrap();
    assert_eq!((pool.statistics().open, pool.statistics().opened), (1, 5));
}

#[test]
fn channels_that_nobody_uses_are_closed_and_opened_again() {
    let address = address("idle");
    let _server = serve(&address);
    let pool = pool(&address, 4, Duration::from_millis(20));
    for round in 1..=3 {
        ask(&pool, 1, round, false).unwrap();
        await_that(&pool, |statistics| statistics.open == 0);
        assert_eq!(pool.statistics().opened, round);
        assert_eq!(pool.statistics().closed_idle, round);
    }
}

#[test]
fn a_channel_under_a_call_is_not_idle_however_long_it_takes() {
    let address = address("long");
    let (started, start) = mpsc::channel();
    let (finish, finished) = mpsc::channel::<()>();
    let server = Server::bind(&address, ServerConfig::default()).unwrap();
    let handler = move |_: Request<'_>, reply: &mut Reply<'_>| {
        started.send(()).unwrap();
        finished.recv().unwrap();
        reply.write(b"late")
    };
    let _server = server.spawn(handler).unwrap();
    let pool = pool(&address, 2, Duration::from_millis(5));
    std::thread::scope(|scope| {
        let call = scope.spawn(|| pool.call_into(b"x", &mut [0; 4]));
        start.recv().unwrap();
        // Many times the idle timeout.
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(pool.statistics().open, 1);
        assert_eq!(pool.statistics().closed_idle, 0);
        finish.send(()).unwrap();
        assert_eq!(call.join().unwrap(), Outcome::Completed(4));
    });
}

#[test]
fn a_caller_that_panics_with_a_channel_leaves_it_to_others() {
    let address = address("panic");
    let _server = serve(&address);
    let pool = pool(&address, 1, Duration::MAX);
    let panicking = std::thread::spawn({
        let pool = pool.clone();
        move || {
            let mut client = pool.client(LONG).unwrap();
            client.call(b"x").map(drop).completed().unwrap();
            std::panic::resume_unwind(Box::new("on purpose"));
        }
    });
    assert!(panicking.join().is_err());
    ask(&pool, 1, 1, false).unwrap();
    assert_eq!(pool.statistics().opened, 1);
}

#[test]
fn without_a_server_calls_end_by_their_deadline_and_nothing_stays_open() {
    let address = address("none");
    let pool = pool(&address, 2, Duration::MAX);
    let barrier = Barrier::new(6);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                barrier.wait();
                let call = Call::new(b"x").timeout(Duration::from_millis(60));
                let Outcome::Failed(failure) = pool.call_into(call, &mut []) else {
                    panic!("nobody is there to answer");
                };
                assert_eq!(failure.executed, Executed::No);
                assert!(matches!(
                    failure.cause,
                    Cause::Unreachable | Cause::NoFreeChannel
                ));
            });
        }
    });
    assert_eq!(pool.statistics().open, 0);
    assert!(Pool::connect(&address).is_err());
}

#[test]
fn a_pool_that_is_dropped_closes_its_connection() {
    let address = address("drop");
    let _server = serve(&address);
    let statistics = Statistics::observe(&address).unwrap();
    let pool = Pool::connect(&address).unwrap();
    ask(&pool, 1, 1, false).unwrap();
    let connected = || {
        let snapshot = statistics.snapshot().unwrap();
        let mut clients = snapshot.clients.iter();
        clients.any(|client| client.kind == ClientKind::Blocking)
    };
    assert!(connected());
    drop(pool);
    while connected() {
        std::thread::sleep(Duration::from_millis(1));
    }
}
