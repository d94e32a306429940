//! Memory of rings that large messages have used, and that nobody needs any more.
//!
//! What is looked at belongs to the whole process, so the tests take turns.
#![cfg(all(target_os = "linux", feature = "tokio", feature = "workload"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prixfixe_ipc::{
    Address, AsyncConnector, Call, ChannelSizes, Client, ClientOptions, Connector, OwnedReply,
    OwnedRequest, Refusal, Reply, Request, RunningServer, Server, ServerConfig, Stream, workload,
};

/// Longer than anything takes that does not hang.
const WATCHDOG: Duration = Duration::from_secs(60);
const MIB: usize = 1 << 20;
/// Calls of a burst: 3 MiB.
const BURST: u64 = 3;
/// Far below a burst, and more than what is kept: a page of positions and one of each ring for both sides,
/// which are in this process, the page of the server and what else they share.
const QUIET: usize = 256 << 10;

static TURN: Mutex<()> = Mutex::new(());

struct Stage {
    _turn: MutexGuard<'static, ()>,
    _server: RunningServer,
    address: Address,
    options: ClientOptions,
    /// Shared memory before there was a channel.
    before: usize,
}

impl Stage {
    fn set(name: &str) -> Self {
        Self::with(name, |server| server.spawn(answer))
    }

    fn with(name: &str, spawn: impl FnOnce(Server) -> std::io::Result<RunningServer>) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("prixfixe-idle-{name}-{}", std::process::id());
        let address = Address::abstract_name(name).unwrap();
        let sizes = ChannelSizes::new(4 << 20, 1 << 20, 32).unwrap();
        let mut config = ServerConfig::default();
        config.max_sizes = sizes;
        let server = spawn(Server::bind(&address, config).unwrap());
        let mut options = ClientOptions::default();
        options.sizes = sizes;
        Self {
            before: shared_memory(),
            _turn: turn,
            _server: server.unwrap(),
            address,
            options,
        }
    }

    fn client(&self) -> Client {
        let connector = Connector::with_options(self.address.clone(), self.options.clone());
        connector.client().unwrap()
    }

    fn has_grown(&self) -> bool {
        shared_memory() > self.before + 4 * MIB
    }

    fn is_quiet(&self) -> bool {
        shared_memory() < self.before + QUIET
    }
}

/// Answers with as many bytes as it gets, made from their digest.
fn answer(request: Request<'_>, reply: &mut Reply<'_>) -> Result<(), Refusal> {
    let payload = request.payload();
    let digest = workload::digest(payload);
    workload::fill(reply.extend(payload.len())?, 1, digest);
    Ok(())
}

fn request(number: u64, length: usize) -> Vec<u8> {
    let mut payload = vec![0; length];
    workload::fill(&mut payload, 2, number);
    payload
}

fn is_answer(request: &[u8], reply: &[u8]) -> bool {
    let mut expected = vec![0; request.len()];
    workload::fill(&mut expected, 1, workload::digest(request));
    reply == expected
}

fn ask(client: &mut Client, number: u64, length: usize) {
    let request = request(number, length);
    let reply = client.call(&request).completed().unwrap();
    assert!(is_answer(&request, reply), "call {number}");
}

/// Calls that are all in flight before the first reply is read.
fn burst(client: &mut Client) {
    let requests: Vec<_> = (0..BURST).map(|number| request(number, MIB)).collect();
    let mut replies = vec![0; MIB];
    let mut pipeline = client.pipeline().unwrap();
    let names: Vec<_> = requests
        .iter()
        .map(|request| pipeline.submit(Call::new(request), MIB).unwrap())
        .collect();
    for _ in &requests {
        let (name, outcome) = pipeline.receive(&mut replies).unwrap();
        let request = names.iter().position(|other| *other == name).unwrap();
        let length = outcome.completed().unwrap();
        assert!(is_answer(&requests[request], &replies[..length]));
    }
}

/// `RssShmem` of this process, in octets.
fn shared_memory() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssShmem:"));
    let kib = line.unwrap().split_whitespace().next().unwrap();
    kib.parse::<usize>().unwrap() << 10
}

/// How often the threads of this name have given up a processor.
fn switches(thread: &str) -> u64 {
    let mut all = 0;
    for task in fs::read_dir("/proc/self/task").unwrap() {
        let task = task.unwrap().path();
        // A thread may end meanwhile.
        let name = fs::read_to_string(task.join("comm")).unwrap_or_default();
        if name.trim() != thread {
            continue;
        }
        let status = fs::read_to_string(task.join("status")).unwrap_or_default();
        let counts = status
            .lines()
            .filter_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        all += counts
            .map(|count| count.trim().parse::<u64>().unwrap())
            .sum::<u64>();
    }
    all
}

#[track_caller]
fn await_that(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        let shared = shared_memory();
        assert!(
            start.elapsed() < WATCHDOG,
            "{what}, of {shared} shared octets"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until a thread slept through a time in which any timer of ours would have gone off.
#[track_caller]
fn await_no_timer(thread: &str) {
    const LONGER_THAN_ANY_TIMER: Duration = Duration::from_secs(3);
    await_that("it wakes by itself", || {
        let before = switches(thread);
        std::thread::sleep(LONGER_THAN_ANY_TIMER);
        switches(thread) == before
    });
}

const SERVER: &str = "prixfixe-ipc";

#[test]
fn memory_of_replies_is_given_back_by_the_server_and_of_requests_by_a_client_that_says_so() {
    let stage = Stage::set("blocking");
    let mut client = stage.client();
    for _ in 0..2 {
        burst(&mut client);
        assert!(
            stage.has_grown(),
            "the burst used no memory: nothing is tested"
        );
        client.release_memory();
        await_that("memory is kept", || stage.is_quiet());
        await_no_timer(SERVER);
    }
    ask(&mut client, 1, MIB);
}

#[test]
fn small_calls_give_back_what_large_ones_have_used() {
    let stage = Stage::set("small");
    let mut client = stage.client();
    burst(&mut client);
    assert!(stage.has_grown());
    let mut number = 0;
    await_that("memory is kept", || {
        number += 1;
        ask(&mut client, number, 100);
        stage.is_quiet()
    });
    ask(&mut client, 0, MIB);
}

#[test]
fn an_idle_asynchronous_client_gives_back_what_it_used_and_then_has_no_timer() {
    const DRIVER: &str = "idle-driver";
    let stage = Stage::set("async");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name(DRIVER)
        .enable_all()
        .build()
        .unwrap();
    let connector = AsyncConnector::with_options(stage.address.clone(), stage.options.clone());
    let client = runtime.block_on(connector.client()).unwrap();
    for _ in 0..2 {
        let calls: Vec<_> = (0..BURST)
            .map(|number| {
                let client = client.clone();
                runtime.spawn(async move {
                    let request = request(number, MIB);
                    let mut reply = vec![0; MIB];
                    let outcome = client.call_into(&request, &mut reply).await;
                    assert!(is_answer(&request, &reply[..outcome.completed().unwrap()]));
                })
            })
            .collect();
        for call in calls {
            runtime.block_on(call).unwrap();
        }
        assert!(stage.has_grown());
        await_that("memory is kept", || stage.is_quiet());
        await_no_timer(SERVER);
        await_no_timer(DRIVER);
    }
}

/// An item that is answered by a word now and then, for longer than memory is kept.
const TALK: &[u8] = b"talk";
const WORDS: usize = 60;
const BETWEEN_WORDS: Duration = Duration::from_millis(100);

/// Answers each item with one.
async fn answer_items(mut request: OwnedRequest, mut reply: OwnedReply) -> Result<(), Refusal> {
    let mut item = Vec::new();
    while request.next_item(&mut item).await? {
        reply.send_item(b"an item").await?;
        if item == TALK {
            for _ in 0..WORDS {
                let (sender, over) = tokio::sync::oneshot::channel();
                std::thread::spawn(move || {
                    std::thread::sleep(BETWEEN_WORDS);
                    sender.send(())
                });
                over.await.unwrap();
                reply.send_item(b"a word").await?;
            }
        }
    }
    Ok(())
}

fn send_and_receive(stream: &mut Stream<'_>, item: &[u8]) {
    stream.send(item).unwrap();
    assert!(stream.receive(&mut Vec::new()).unwrap());
}

/// A stream of which a long item has used memory: what is shared, before and now.
fn use_memory(stream: &mut Stream<'_>) -> usize {
    send_and_receive(stream, b"small");
    let before = shared_memory();
    send_and_receive(stream, &request(1, MIB));
    let now = shared_memory();
    assert!(
        now >= before + LEAST_GROWTH,
        "from {before} to {now}: nothing is tested"
    );
    before
}

/// Less than a part of an item, and more than several short items.
const LEAST_GROWTH: usize = 128 << 10;

#[test]
fn a_client_with_an_open_stream_gives_back_what_it_used_as_it_sends() {
    let stage = Stage::with("sending", |server| server.spawn_async(answer_items));
    let mut client = stage.client();
    let mut stream = client.stream(b"items").unwrap();
    let before = use_memory(&mut stream);
    await_that("memory is kept", || {
        // Nothing is received, for that would give back, too.
        stream.send(b"small").unwrap();
        shared_memory() < before + LEAST_GROWTH
    });
}

#[test]
fn a_client_with_an_open_stream_gives_back_what_it_used_as_it_waits_for_items() {
    let stage = Stage::with("receiving", |server| server.spawn_async(answer_items));
    let mut client = stage.client();
    let mut stream = client.stream(b"items").unwrap();
    let before = use_memory(&mut stream);
    send_and_receive(&mut stream, TALK);
    let given_back = (0..WORDS).any(|_| {
        assert!(stream.receive(&mut Vec::new()).unwrap());
        shared_memory() < before + LEAST_GROWTH
    });
    assert!(given_back, "memory is kept");
}

#[test]
fn replies_that_nobody_reads_are_kept_and_cost_no_timer() {
    let stage = Stage::set("unread");
    let mut client = stage.client();
    let requests: Vec<_> = (0..BURST).map(|number| request(number, MIB)).collect();
    let mut pipeline = client.pipeline().unwrap();
    for request in &requests {
        pipeline.submit(Call::new(request), MIB).unwrap();
    }
    await_no_timer(SERVER);
    assert!(stage.has_grown(), "what is unread was given back");
    let mut reply = vec![0; MIB];
    for request in &requests {
        let (_, outcome) = pipeline.receive(&mut reply).unwrap();
        assert!(is_answer(request, &reply[..outcome.completed().unwrap()]));
    }
}

#[test]
fn replies_are_whole_while_memory_is_given_back_under_pauses_of_all_lengths() {
    let stage = Stage::set("pauses");
    std::thread::scope(|scope| {
        for caller in 0..4_u64 {
            let stage = &stage;
            scope.spawn(move || {
                let mut client = stage.client();
                let start = Instant::now();
                let mut number = caller;
                // Several times as long as memory is kept.
                while start.elapsed() < Duration::from_secs(6) {
                    number += 4;
                    let drawn = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
                    ask(
                        &mut client,
                        number,
                        (drawn % MIB as u64) as usize >> (drawn % 12),
                    );
                    if drawn.is_multiple_of(3) {
                        client.release_memory();
                    }
                    std::thread::sleep(Duration::from_millis(drawn % 400));
                }
            });
        }
    });
}
