//! A process with more to say than its socket holds, while a handler keeps the server from reading it.

use std::time::{Duration, Instant};

use prixfixe_ipc::{
    Address, AsyncConnector, Call, Cause, Client, Connector, Executed, Outcome, SealedMessage,
    ServerConfig, Statistics,
};

use super::WATCHDOG;
use super::answers::Standing;

/// Channels with as many calls each as may be in flight: more messages than a socket holds.
const CHANNELS: usize = 10;
const CALLS: usize = 31;
/// Channels, each of which has a message to say that it is closed.
const MORE_THAN_A_SOCKET_HOLDS: usize = 400;
/// Time enough for a thread or task to begin to wait. If it is not, the test sees less.
const A_WHILE: Duration = Duration::from_millis(20);

fn sealed() -> SealedMessage {
    SealedMessage::copy_of(&vec![7; 256 << 10]).unwrap()
}

/// What the server says of the processes with channels, once each has as many as `wanted`.
fn await_channels(statistics: &Statistics, wanted: &[u64]) {
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < WATCHDOG, "the test hangs");
        let clients = statistics.snapshot().unwrap().clients;
        let channels: Vec<u64> = clients.iter().map(|row| row.channels).collect();
        if channels
            .iter()
            .copied()
            .filter(|channels| *channels > 0)
            .eq(wanted.iter().copied())
        {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn who_lends_much_to_a_server_that_stands_still_opens_and_closes_channels() {
    let before = |address: &Address| {
        let connector = Connector::new(address.clone());
        let clients = [(); CHANNELS].map(|()| connector.client().unwrap());
        let statistics = Statistics::observe(address).unwrap();
        (connector, clients, statistics)
    };
    let (server, made) = Standing::with("crowd", ServerConfig::default(), before);
    let (connector, mut clients, statistics) = made;
    let message = sealed();
    for client in &mut clients {
        for _ in 0..CALLS {
            let outcome = client.call(Call::sealed(&message).timeout(Duration::from_millis(1)));
            let Outcome::Failed(failure) = outcome else {
                panic!("{outcome:?}");
            };
            let expected = (Cause::Deadline, Executed::No);
            assert_eq!((failure.cause, failure.executed), expected);
        }
    }
    let [first, rest @ ..] = clients;
    drop(rest);
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| connector.client().unwrap());
        std::thread::sleep(A_WHILE);
        server.go_on();
        let mut second = opening.join().unwrap();
        for _ in 0..2 {
            let outcome = second.call(&message);
            assert_eq!(outcome, Outcome::Completed(&b"done"[..]));
        }
        // All over one connection, and beside that of who made the server stand still, or no more.
        await_channels(&statistics, &[2]);
    });
    assert_eq!(first.statistics().reconnects, 0);
}

#[test]
fn channels_whose_close_had_no_room_in_the_socket_are_closed_with_the_next_calls() {
    let before = |address: &Address| {
        let connector = Connector::new(address.clone());
        let clients: Vec<Client> = (0..MORE_THAN_A_SOCKET_HOLDS)
            .map(|_| connector.client().unwrap())
            .collect();
        (clients, Statistics::observe(address).unwrap())
    };
    let (server, made) = Standing::with("closing", ServerConfig::default(), before);
    let (mut clients, statistics) = made;
    clients.truncate(1);
    server.go_on();
    let start = Instant::now();
    while open_channels(&statistics) > 1 {
        assert!(start.elapsed() < WATCHDOG, "the rest stays open");
        let outcome = clients[0].call(b"short");
        assert_eq!(outcome, Outcome::Completed(&b"done"[..]));
    }
}

#[test]
fn channels_of_tasks_whose_close_had_no_room_in_the_socket_are_closed_with_the_next_calls() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let before = |address: &Address| {
        let connector = AsyncConnector::new(address.clone());
        let connect = async {
            let mut clients = Vec::new();
            for _ in 0..MORE_THAN_A_SOCKET_HOLDS {
                clients.push(connector.client().await.unwrap());
            }
            clients
        };
        let clients = runtime.block_on(connect);
        (clients, Statistics::observe(address).unwrap())
    };
    let (server, made) = Standing::with("closing-tasks", ServerConfig::default(), before);
    let (mut clients, statistics) = made;
    clients.truncate(1);
    server.go_on();
    let start = Instant::now();
    while open_channels(&statistics) > 1 {
        assert!(start.elapsed() < WATCHDOG, "the rest stays open");
        let reply = runtime.block_on(clients[0].call(b"short"));
        assert_eq!(&reply.completed().unwrap()[..], b"done");
    }
}

/// Channels that are open at the server.
fn open_channels(statistics: &Statistics) -> u64 {
    let clients = statistics.snapshot().unwrap().clients;
    clients.iter().map(|row| row.channels).sum()
}

#[test]
fn tasks_that_lend_much_to_a_server_that_stands_still_all_have_their_replies() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let connect = |address: &Address| {
        let connector = AsyncConnector::new(address.clone());
        let connect = async {
            let mut clients = Vec::new();
            for _ in 0..CHANNELS {
                clients.push(connector.client().await.unwrap());
            }
            clients
        };
        let clients = runtime.block_on(connect);
        (connector, clients)
    };
    let mut config = ServerConfig::default();
    // Those that go in parts are gathered at the same time.
    config.max_held_per_client = CHANNELS * CALLS * (256 << 10);
    let (server, (connector, clients)) = Standing::with("crowd-of-tasks", config, connect);
    let message = std::sync::Arc::new(sealed());
    let all = async {
        let mut tasks = tokio::task::JoinSet::new();
        for client in &clients {
            for _ in 0..CALLS {
                let (client, message) = (client.clone(), std::sync::Arc::clone(&message));
                tasks.spawn(async move {
                    let mut reply = [0; 4];
                    let outcome = client.call_into(Call::sealed(&message), &mut reply).await;
                    assert_eq!(outcome, Outcome::Completed(4));
                });
            }
        }
        tokio::time::sleep(A_WHILE).await;
        let another = tokio::spawn(async move { connector.client().await.unwrap() });
        tokio::time::sleep(A_WHILE).await;
        server.go_on();
        let another = another.await.unwrap();
        let mut reply = [0; 4];
        let outcome = another.call_into(Call::sealed(&message), &mut reply);
        assert_eq!(outcome.await, Outcome::Completed(4));
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
        assert_eq!(another.statistics().reconnects, 0);
    };
    runtime.block_on(async {
        tokio::time::timeout(WATCHDOG, all)
            .await
            .expect("the test hangs");
    });
}

#[test]
fn channels_that_were_closed_while_the_server_stood_still_are_given_back() {
    let before = |address: &Address| {
        let connector = Connector::new(address.clone());
        let clients: Vec<_> = (0..400).map(|_| connector.client().unwrap()).collect();
        let statistics = Statistics::observe(address).unwrap();
        (connector, clients, statistics)
    };
    let (server, made) = Standing::with("closed", ServerConfig::default(), before);
    let (connector, clients, statistics) = made;
    drop(clients);
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| connector.client().unwrap());
        std::thread::sleep(A_WHILE);
        server.go_on();
        let _client = opening.join().unwrap();
        await_channels(&statistics, &[1]);
    });
}
