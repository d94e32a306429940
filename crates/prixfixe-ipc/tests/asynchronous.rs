//! Asynchronous clients, of handlers that answer at once and of handlers that wait.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use prixfixe_ipc::{
    Address, AsyncClient, AsyncConnector, Call, Cause, ChannelSizes, ClientOptions, Executed,
    Outcome, OwnedReply, OwnedRequest, Refusal, Reply, Request, RunningServer, Server,
    ServerConfig, workload,
};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, Semaphore, watch};

/// Longer than anything takes that does not hang.
const WATCHDOG: Duration = Duration::from_secs(60);

fn runtimes() -> [(&'static str, Runtime); 2] {
    let one = Builder::new_current_thread().enable_all().build().unwrap();
    let many = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    [("current_thread", one), ("multi_thread", many)]
}

/// Runs `test` on a runtime of each kind, each under a watchdog.
fn on_each_runtime<F: Future<Output = ()>>(test: impl Fn(String) -> F) {
    for (kind, runtime) in runtimes() {
        let name = format!("{kind}-{:?}", std::thread::current().id());
        let ended = runtime.block_on(async { tokio::time::timeout(WATCHDOG, test(name)).await });
        ended.expect("the test hangs");
    }
}

fn address(name: &str) -> Address {
    Address::abstract_name(format!("prixfixe-async-{name}-{}", std::process::id())).unwrap()
}

fn serve(name: &str) -> (Address, RunningServer) {
    let address = address(name);
    let server = Server::bind(&address, ServerConfig::default()).unwrap();
    let running = server.spawn(answer).unwrap();
    (address, running)
}

/// Answers with the payload that belongs to the digest of the request's.
fn answer(request: Request<'_>, reply: &mut Reply<'_>) -> Result<(), Refusal> {
    match request.message_type() {
        0 => reply.write(request.payload()),
        1 => Err(Refusal::Busy),
        2 => panic!("as asked"),
        3 => {
            let length = request.payload().len();
            let digest = workload::digest(request.payload());
            workload::fill(reply.extend(length)?, 1, digest);
            reply.set_message_type(33);
            Ok(())
        }
        _ => Err(Refusal::UnknownType),
    }
}

/// Makes a call with a payload of its own and sees that the reply belongs to it.
async fn ask(client: &AsyncClient, caller: u64, number: u64) {
    let mut payload = vec![0; 8 + (number * 37 % 3000) as usize];
    workload::fill(&mut payload, caller, number);
    let mut expected = vec![0; payload.len()];
    workload::fill(&mut expected, 1, workload::digest(&payload));
    let call = Call::new(&payload).message_type(3);
    if number.is_multiple_of(2) {
        let mut reply = vec![0; payload.len()];
        let outcome = client.call_into(call, &mut reply).await;
        assert_eq!(outcome, Outcome::Completed(expected.len()));
        assert_eq!(reply, expected);
    } else {
        let reply = client.call(call).await.completed().unwrap();
        assert_eq!((&*reply, reply.message_type()), (&expected[..], 33));
    }
}

#[test]
fn a_thousand_calls_at_once_get_their_own_replies_over_one_client() {
    on_each_runtime(|name| async move {
        let (address, _server) = serve(&name);
        let client = AsyncClient::connect(&address).await.unwrap();
        let calls: Vec<_> = (0..1000)
            .map(|number| {
                let client = client.clone();
                tokio::spawn(async move { ask(&client, 7, number).await })
            })
            .collect();
        for call in calls {
            call.await.unwrap();
        }
        assert_eq!(client.statistics().woke_late, 0);
    });
}

#[test]
fn many_clients_share_a_connector_with_one_call_in_flight_and_with_many() {
    on_each_runtime(|name| async move {
        let (address, _server) = serve(&name);
        let connector = AsyncConnector::new(address);
        let mut tasks = Vec::new();
        for caller in 0..20 {
            let lanes = if caller % 5 == 2 { 32 } else { 1 };
            let client = connector.client().await.unwrap();
            for lane in 0..lanes {
                let client = client.clone();
                tasks.push(tokio::spawn(async move {
                    for number in 0..200 {
                        ask(&client, caller, lane * 200 + number).await;
                    }
                }));
            }
        }
        for task in tasks {
            task.await.unwrap();
        }
        // A reply that the driver passed over before it slept would have waited for this.
        assert_eq!(connector.statistics().woke_late, 0);
    });
}

#[test]
fn refusals_and_panics_are_answers_and_what_does_not_fit_is_refused() {
    on_each_runtime(|name| async move {
        let (address, _server) = serve(&name);
        let client = AsyncClient::connect(&address).await.unwrap();
        for (message_type, refusal) in [
            (1, Refusal::Busy),
            (2, Refusal::HandlerPanicked),
            (9, Refusal::UnknownType),
        ] {
            let call = Call::new(b"x").message_type(message_type);
            let outcome = client.call(call).await.map(|_| ());
            assert_eq!(outcome, Outcome::Refused(refusal));
        }
        let too_long = vec![0; 65_537];
        let outcome = client.call(&too_long).await.map(|_| ());
        assert_eq!(outcome, Outcome::Refused(Refusal::TooLarge));
        let mut small = [0; 4];
        let outcome = client.call_into(b"hello", &mut small).await;
        assert_eq!(outcome, Outcome::Refused(Refusal::TooLarge));
        let outcome = client.call_into(b"four", &mut small).await;
        assert_eq!((outcome, &small), (Outcome::Completed(4), b"four"));
    });
}

/// An asynchronous server whose calls of type 1 wait until they are let go, one by one, and whose calls
/// of type 5 until their round is over; it counts what it began.
struct Held {
    address: Address,
    gate: Arc<Semaphore>,
    round: watch::Sender<u64>,
    begun: Arc<AtomicU64>,
    server: RunningServer,
}

impl Held {
    fn new(name: &str, max_running: usize) -> Self {
        let address = address(name);
        let mut config = ServerConfig::default();
        config.max_running = max_running.try_into().unwrap();
        let server = Server::bind(&address, config).unwrap();
        let gate = Arc::new(Semaphore::new(0));
        let begun = Arc::new(AtomicU64::new(0));
        let (round, rounds) = watch::channel(0);
        let (held, counted) = (Arc::clone(&gate), Arc::clone(&begun));
        let handler = move |request: OwnedRequest, mut reply: OwnedReply| {
            counted.fetch_add(1, Ordering::SeqCst);
            let held = Arc::clone(&held);
            let mut rounds = rounds.clone();
            async move {
                match request.message_type() {
                    1 => held.acquire().await.unwrap().forget(),
                    2 => panic!("as asked"),
                    3 => {
                        held.acquire().await.unwrap().forget();
                        panic!("as asked, later")
                    }
                    4 => return Err(Refusal::Busy),
                    5 => {
                        let round = u64::from_le_bytes(request.payload().try_into().unwrap());
                        rounds.wait_for(|now| *now > round).await.unwrap();
                    }
                    _ => {}
                }
                reply.write(request.payload())
            }
        };
        let server = server.spawn_async(handler).unwrap();
        Self {
            address,
            gate,
            round,
            begun,
            server,
        }
    }

    /// Waits until so many calls have begun.
    async fn begun(&self, count: u64) {
        while self.begun.load(Ordering::SeqCst) < count {
            tokio::task::yield_now().await;
        }
    }

    fn held(payload: &[u8]) -> Call<'_> {
        Call::new(payload).message_type(1)
    }
}

#[test]
fn handlers_that_wait_do_not_hold_up_others() {
    on_each_runtime(|name| async move {
        let held = Held::new(&name, 64);
        let client = AsyncClient::connect(&held.address).await.unwrap();
        let first = client.call(Held::held(b"first"));
        let others = async {
            held.begun(1).await;
            for number in 0..100_u64 {
                let reply = client.call(&number.to_le_bytes()).await;
                assert_eq!(*reply.completed().unwrap(), number.to_le_bytes());
            }
            held.gate.add_permits(1);
        };
        let (first, ()) = tokio::join!(first, others);
        assert_eq!(*first.completed().unwrap(), *b"first");
    });
}

#[test]
fn no_more_calls_run_than_may_and_the_others_have_their_turn() {
    on_each_runtime(|name| async move {
        let held = Held::new(&name, 3);
        let client = AsyncClient::connect(&held.address).await.unwrap();
        let calls: Vec<_> = (0..20_u64)
            .map(|number| {
                let client = client.clone();
                tokio::spawn(async move {
                    let (payload, mut reply) = (number.to_le_bytes(), [0; 8]);
                    let outcome = client.call_into(Held::held(&payload), &mut reply).await;
                    assert_eq!((outcome, reply), (Outcome::Completed(8), payload));
                })
            })
            .collect();
        for let_go in 0..20 {
            let most = (let_go + 3).min(20);
            held.begun(most).await;
            assert_eq!(held.begun.load(Ordering::SeqCst), most);
            held.gate.add_permits(1);
        }
        for call in calls {
            call.await.unwrap();
        }
    });
}

#[test]
fn a_handler_that_panics_or_refuses_later_spoils_its_own_call_only() {
    on_each_runtime(|name| async move {
        let held = Held::new(&name, 1);
        let client = AsyncClient::connect(&held.address).await.unwrap();
        held.gate.add_permits(1000);
        for _ in 0..3 {
            for (message_type, expected) in [
                (0, Outcome::Completed(1)),
                (2, Outcome::Refused(Refusal::HandlerPanicked)),
                (3, Outcome::Refused(Refusal::HandlerPanicked)),
                (4, Outcome::Refused(Refusal::Busy)),
                (1, Outcome::Completed(1)),
            ] {
                let call = Call::new(b"x").message_type(message_type);
                assert_eq!(client.call_into(call, &mut [0; 8]).await, expected);
            }
        }
    });
}

#[test]
fn handlers_may_wait_for_a_runtime_of_tokio() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let address = address("tokio");
    let server = Server::bind(&address, ServerConfig::default()).unwrap();
    let stop = server.stopper();
    let context = runtime.handle().clone();
    let serving = std::thread::spawn(move || {
        let _context = context.enter();
        server.serve_async(|request: OwnedRequest, mut reply: OwnedReply| async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            // A buffer may go to another thread and come back.
            let answered =
                tokio::spawn(async move { reply.write(request.payload()).map(|()| reply) });
            let _reply = answered.await.map_err(|_| Refusal::HandlerFailed)??;
            Ok(())
        })
    });
    let calls = async {
        let client = AsyncClient::connect(&address).await.unwrap();
        let started = Instant::now();
        let reply = client.call(b"late").await.completed().unwrap();
        assert_eq!(*reply, *b"late");
        assert!(started.elapsed() >= Duration::from_millis(5));
        stop.stop();
    };
    runtime
        .block_on(async { tokio::time::timeout(WATCHDOG, calls).await })
        .expect("the test hangs");
    serving.join().unwrap().unwrap();
}

#[test]
fn a_future_may_be_dropped_at_every_stage() {
    on_each_runtime(|name| async move {
        let held = Held::new(&name, 64);
        let mut options = ClientOptions::default();
        options.sizes = ChannelSizes::new(4096, 64, 2).unwrap();
        let connector = AsyncConnector::with_options(held.address.clone(), options);
        let client = connector.client().await.unwrap();
        for round in 0..50_u64 {
            // Before it was polled, after it was sent, and while it waits for its turn.
            drop(client.call(b"never"));
            let payload = round.to_le_bytes();
            let [first, second, third, fourth] =
                [(); 4].map(|()| client.call(Call::new(&payload).message_type(5)));
            tokio::select! {
                biased;
                _ = first => panic!("its round is not over"),
                _ = second => panic!("its round is not over"),
                _ = third => panic!("there is no room for it"),
                _ = fourth => panic!("there is no room for it"),
                () = tokio::task::yield_now() => {}
            }
            // Whatever of them has begun must end before there is room again.
            held.round.send_replace(round + 1);
            // Neither of them is mistaken for the reply to this one.
            let other = (!round).to_le_bytes();
            let reply = client.call(&other).await.completed().unwrap();
            assert_eq!(*reply, other);
            drop(reply);
            // A reply that came and was not looked at.
            let unread = client.call(b"unread");
            let begun = held.begun.load(Ordering::SeqCst);
            let mut unread = Box::pin(unread);
            tokio::select! {
                biased;
                _ = &mut unread => {}
                () = held.begun(begun + 1) => {}
            }
        }
    });
}

#[test]
fn a_deadline_ends_a_call_and_no_sooner() {
    on_each_runtime(|name| async move {
        let held = Held::new(&name, 1);
        let mut options = ClientOptions::default();
        options.sizes = ChannelSizes::new(4096, 64, 2).unwrap();
        let connector = AsyncConnector::with_options(held.address.clone(), options);
        let client = connector.client().await.unwrap();
        // The first runs, the second waits in the ring, the third for its turn; each has its time.
        let late = |milliseconds, executed| {
            let client = client.clone();
            async move {
                let timeout = Duration::from_millis(milliseconds);
                let started = Instant::now();
                let outcome = client.call(Held::held(b"x").timeout(timeout)).await;
                assert!(started.elapsed() >= timeout, "{milliseconds} ms");
                let Outcome::Failed(failure) = outcome else {
                    panic!("nobody has let it go");
                };
                assert_eq!(
                    (failure.cause, failure.executed),
                    (Cause::Deadline, executed)
                );
            }
        };
        tokio::join!(
            biased;
            late(300, Executed::Maybe),
            late(120, Executed::No),
            late(40, Executed::No)
        );
        assert_eq!(held.begun.load(Ordering::SeqCst), 1);
        held.gate.add_permits(1);
        let reply = client.call(b"after").await.completed().unwrap();
        assert_eq!(*reply, *b"after");
    });
}

#[test]
fn the_next_server_is_found_by_all_clients() {
    on_each_runtime(|name| async move {
        let (address, server) = serve(&name);
        let connector = AsyncConnector::new(address.clone());
        let mut clients = Vec::new();
        for _ in 0..5 {
            let client = connector.client().await.unwrap();
            ask(&client, 1, 1).await;
            clients.push(client);
        }
        server.stop().unwrap();
        let calls: Vec<_> = clients
            .iter()
            .flat_map(|client| [client.clone(), client.clone()])
            .map(|client| tokio::spawn(async move { ask(&client, 2, 2).await }))
            .collect();
        tokio::task::yield_now().await;
        let successor = Server::bind(&address, ServerConfig::default()).unwrap();
        let _successor = successor.spawn(answer).unwrap();
        for call in calls {
            call.await.unwrap();
        }
        assert_eq!(connector.statistics().reconnects, 5);
    });
}

#[test]
fn without_a_server_a_call_ends_at_its_deadline() {
    on_each_runtime(|name| async move {
        let (address, server) = serve(&name);
        let client = AsyncClient::connect(&address).await.unwrap();
        server.stop().unwrap();
        let call = Call::new(b"x").timeout(Duration::from_millis(120));
        let Outcome::Failed(failure) = client.call(call).await else {
            panic!("nobody is there to answer");
        };
        assert_eq!(failure.executed, Executed::No);
    });
}

#[test]
fn a_server_that_stops_ends_what_runs_as_perhaps_executed() {
    on_each_runtime(|name| async move {
        let held = Held::new(&name, 64);
        let client = AsyncClient::connect(&held.address).await.unwrap();
        let stop = async {
            held.begun(1).await;
            held.server.stopper().stop();
        };
        let (outcome, ()) = tokio::join!(client.call(Held::held(b"x")), stop);
        let Outcome::Failed(failure) = outcome else {
            panic!("nobody has let it go");
        };
        let expected = (Cause::HungUp, Executed::Maybe);
        assert_eq!((failure.cause, failure.executed), expected);
    });
}

#[test]
fn a_call_outlives_the_runtime_of_its_client() {
    let held = Held::new("outlives", 64);
    let [(_, first), (_, second)] = runtimes();
    let client = first.block_on(AsyncClient::connect(&held.address)).unwrap();
    let sent = Arc::new(Notify::new());
    let ended = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            second.block_on(async {
                let call = client.call(Held::held(b"x"));
                let told = async {
                    held.begun(1).await;
                    sent.notify_one();
                    std::future::pending::<()>().await;
                };
                tokio::select! {
                    outcome = call => outcome.map(|_| ()),
                    () = told => Outcome::Completed(()),
                }
            })
        });
        first.block_on(sent.notified());
        drop(first);
        waiting.join().unwrap()
    });
    let Outcome::Failed(failure) = ended else {
        panic!("nobody has let it go");
    };
    assert_eq!(failure.executed, Executed::Maybe);
    // The next call is driven by the runtime that it is made on.
    let next = second.block_on(async {
        let call = async { client.call(b"next").await.map(|reply| reply.len()) };
        tokio::time::timeout(WATCHDOG, call).await
    });
    assert_eq!(next, Ok(Outcome::Completed(4)));
}
